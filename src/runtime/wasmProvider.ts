/** The processor provider: ONNX Runtime's CPU provider in WebAssembly, with threads on cross-origin isolated pages. */

import type * as Ort from "onnxruntime-web";
import { GraphBuilder } from "../onnx/builder.ts";
import { writeModel } from "../onnx/model.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { loadThroughOrt, type OrtMemory } from "./inference.ts";
import {
  type DeviceDType,
  type OrtEntry,
  type OrtModule,
  type Provider,
  viewAs,
  writeInto,
  zeros,
} from "./provider.ts";
import type { ProviderReport, TensorData } from "./types.ts";
import { capturedHeap } from "./wasmHeap.ts";

/** The number of threads, which ONNX Runtime fixes at the first session of a page or worker. */
let threadsInUse: number | null = null;

/**
 * Threads for a machine with this many logical cores: all of up to four, else half, at least four and at most eight. The
 * other half are usually hyper-threads or efficiency cores, which add little to matrix products.
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

/** "so Hone runs on the processor with 2 threads", and the cost of having only one. */
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

/** A typed array that onnxruntime-web copies into the wasm heap at each run; an output replaces the array. */
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

  /** Null, because onnxruntime-web never copies results back into a given output array. */
  fetch(): null {
    return null;
  }

  adopt(result: Ort.Tensor): void {
    this.#data = viewAs(this.#dtype, result.data as TensorData);
  }

  write(data: TensorData, at: number): void {
    writeInto(this.#data, data, at);
  }

  async read(): Promise<TensorData> {
    return this.#data.slice();
  }

  view(): TensorData {
    return this.#data;
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

/** The smallest model: returns its input. */
function nothing(): Uint8Array {
  const b = new GraphBuilder("nothing");
  return writeModel(b.finish({ y: b.neg(b.input("x", "float32", [1])) }));
}

/** The URL under which captureModule.mjs loads ONNX Runtime's module. */
function captured(capture: string, module: string): string {
  const address = new URL(capture);
  address.searchParams.set("module", module);
  return address.href;
}

/**
 * The wasm provider. `why` is the reason for it, without a full stop; `threads` overrides the number of threads. Throws when
 * this page or worker already uses another number.
 */
export async function createWasmProvider(entry: OrtEntry, why: string, threads?: number): Promise<Provider> {
  const wanted = mayUseThreads() ? (threads ?? threadsInUse ?? threadsFor(logicalCores())) : 1;
  threadsInUse ??= wanted;
  if (threadsInUse !== wanted) {
    throw new RuntimeError(
      `ONNX Runtime already uses ${threadsInUse} threads here, but ${wanted} were requested; ` +
        "its number is fixed until the page or worker is loaded again.",
    );
  }
  const ort = await entry.load();
  const { files, capture } = entry;
  if (files) ort.env.wasm.wasmPaths = { ...files, ...(capture && { mjs: captured(capture, files.mjs) }) };
  ort.env.wasm.numThreads = wanted;
  ort.env.logLevel = "fatal";
  // Loads the module, which comes with the first session, because tensors need it earlier.
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
    // The whole heap of 32-bit WebAssembly; other data shares it.
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
