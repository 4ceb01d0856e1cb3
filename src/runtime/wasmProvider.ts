/** The processor: ONNX Runtime's CPU provider in WebAssembly, with threads where the page may have them. */

import type * as Ort from "onnxruntime-web";
import { GraphBuilder } from "../onnx/builder.ts";
import { writeModel } from "../onnx/model.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { loadThroughOrt, type OrtMemory } from "./inference.ts";
import { type DeviceDType, type OrtEntry, type OrtModule, type Provider, viewAs, zeros } from "./provider.ts";
import type { ProviderReport, TensorData } from "./types.ts";
import { capturedHeap } from "./wasmHeap.ts";

/** ONNX Runtime fixes its thread count at the first session and keeps it as long as the page or worker lives. */
let threadsInUse: number | null = null;

/**
 * Threads for a machine with that many logical cores. Up to four, all of them; beyond, half, because the rest are
 * mostly second threads of the same cores or slow ones, which add little to matrix products; never more than eight.
 */
export function threadsFor(logicalCores: number): number {
  return Math.min(8, Math.max(Math.min(logicalCores, 4), Math.ceil(logicalCores / 2)));
}

function mayUseThreads(): boolean {
  return typeof SharedArrayBuffer !== "undefined" && globalThis.crossOriginIsolated !== false;
}

function logicalCores(): number {
  return globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** "so Hone runs on the processor with 2 threads", and what it costs when there is but one. */
function sentence(why: string, threads: number): string {
  const possible = threadsFor(logicalCores());
  if (mayUseThreads() || possible === 1) {
    return `${why}, so Hone runs on the processor with ${threads === 1 ? "1 thread" : `${threads} threads`}.`;
  }
  return (
    `${why}, so Hone runs on the processor, and with 1 thread only because the page is not cross-origin isolated: ` +
    `training takes up to ${possible} times as long as with ${possible} threads. Serve the page with the headers ` +
    "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp."
  );
}

/** A typed array that onnxruntime-web copies into the wasm heap at each run; an output's fresh array is taken over. */
class ArrayMemory implements OrtMemory {
  #data: TensorData;
  readonly #ort: OrtModule;
  readonly #dtype: DeviceDType;
  readonly #shape: Shape;

  constructor(ort: OrtModule, dtype: DeviceDType, shape: Shape) {
    this.#ort = ort;
    this.#dtype = dtype;
    this.#shape = shape;
    this.#data = zeros(dtype, sizeOf(shape));
  }

  feed(): Ort.Tensor {
    return new this.#ort.Tensor(this.#dtype, this.#data, [...this.#shape]);
  }

  /** onnxruntime-web copies an output array given beforehand into its heap, and never back. */
  fetch(): null {
    return null;
  }

  adopt(result: Ort.Tensor): void {
    this.#data = viewAs(this.#dtype, result.data as TensorData);
  }

  write(data: TensorData): void {
    this.#data = data.slice();
  }

  async read(): Promise<TensorData> {
    return this.#data.slice();
  }

  free(): void {
    this.#data = zeros(this.#dtype, 0);
  }
}

const sessionOptions: Ort.InferenceSession.SessionOptions = {
  executionProviders: ["wasm"],
  graphOptimizationLevel: "all",
  logSeverityLevel: 4,
};

/** The least model that there is: gives back a number. */
function nothing(): Uint8Array {
  const b = new GraphBuilder("nothing");
  return writeModel(b.finish({ y: b.neg(b.input("x", "float32", [1])) }));
}

/** The address under which captureModule.mjs loads ONNX Runtime's module. */
function captured(capture: string, module: string): string {
  const address = new URL(capture);
  address.searchParams.set("module", module);
  return address.href;
}

/**
 * The wasm provider. `why` is the reason for it without the full stop; `threads` overrides the number of threads.
 * Throws when another number is in use already in this page or worker.
 */
export async function createWasmProvider(entry: OrtEntry, why: string, threads?: number): Promise<Provider> {
  const wanted = mayUseThreads() ? (threads ?? threadsInUse ?? threadsFor(logicalCores())) : 1;
  threadsInUse ??= wanted;
  if (threadsInUse !== wanted) {
    throw new RuntimeError(
      `ONNX Runtime has ${threadsInUse} threads here already and ${wanted} were asked for; ` +
        "its number is fixed until the page or worker is loaded again.",
    );
  }
  const ort = await entry.load();
  const { files, capture } = entry;
  if (files) ort.env.wasm.wasmPaths = { ...files, ...(capture && { mjs: captured(capture, files.mjs) }) };
  ort.env.wasm.numThreads = wanted;
  ort.env.logLevel = "fatal";
  // Tensors are made before any session, and the module is loaded with the first one.
  await (await ort.InferenceSession.create(nothing(), sessionOptions)).release();
  const heap = capture ? capturedHeap() : null;
  const report: ProviderReport = {
    provider: "wasm",
    reason: sentence(why, wanted),
    threads: wanted,
    crossOriginIsolated: globalThis.crossOriginIsolated ?? false,
    adapter: null,
  };
  return {
    report,
    // The whole heap of 32-bit WebAssembly, which must also hold everything else.
    maxTensorBytes: 2 ** 32,
    lost: new Promise(() => {}),
    load: (model) => (heap ? heap.load(ort, model, sessionOptions) : loadThroughOrt(ort, model, sessionOptions)),
    allocate: (label, dtype, shape) => heap?.allocate(label, dtype, shape) ?? new ArrayMemory(ort, dtype, shape),
    check: () => {},
    untilLost: (work) => work,
    watched: (work) => work(),
    destroy: () => {},
  };
}
