/** The processor without WebAssembly: ONNX Runtime's CPU provider as a native build under Node. */

import type * as Ort from "onnxruntime-web";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { loadThroughOrt, type OrtMemory } from "./inference.ts";
import { type DeviceDType, type NativeEntry, type OrtModule, type Provider, zeros } from "./provider.ts";
import type { ProviderReport, TensorData } from "./types.ts";

/** A typed array that ONNX Runtime reads and writes where it lies. */
class SharedMemory implements OrtMemory {
  #data: TensorData;
  #tensor: Ort.Tensor;
  readonly #dtype: DeviceDType;

  constructor(ort: OrtModule, dtype: DeviceDType, shape: Shape) {
    this.#dtype = dtype;
    this.#data = zeros(dtype, sizeOf(shape));
    this.#tensor = new ort.Tensor(dtype, this.#data, [...shape]);
  }

  feed(): Ort.Tensor {
    return this.#tensor;
  }

  fetch(): Ort.Tensor {
    return this.#tensor;
  }

  /** The result is already in the array. */
  adopt(): void {}

  write(data: TensorData): void {
    // Never another dtype's array: the runtime has checked it.
    (this.#data as Uint8Array).set(data as Uint8Array);
  }

  async read(): Promise<TensorData> {
    return this.#data.slice();
  }

  free(): void {
    this.#data = zeros(this.#dtype, 0);
  }
}

/** The native build's sentence: which it is and on how many threads. */
const sentence = (why: string, version: string, threads: number) =>
  `${why}: native ONNX Runtime ${version}, with ${threads === 1 ? "1 thread" : `${threads} threads`}.`;

/**
 * The provider of a native entry. `why` is the reason for the processor without the full stop; `threads` of each session,
 * all cores when left out.
 */
export async function createNativeProvider(
  { load, native: { version, cores } }: NativeEntry,
  why: string,
  threads = cores,
): Promise<Provider> {
  const ort = await load();
  const report: ProviderReport = {
    provider: "wasm",
    reason: sentence(why, version, threads),
    threads,
    crossOriginIsolated: false,
    adapter: null,
  };
  return {
    report,
    // ONNX Runtime has no limit of its own; this is what a typed array of bytes can have.
    maxTensorBytes: 2 ** 32,
    lost: new Promise(() => {}),
    load: (model) =>
      loadThroughOrt(ort, model, {
        executionProviders: ["cpu"],
        graphOptimizationLevel: "all",
        intraOpNumThreads: threads,
        logSeverityLevel: 4,
      }),
    allocate: (_label, dtype, shape) => new SharedMemory(ort, dtype, shape),
    check: () => {},
    untilLost: (work) => work,
    watched: (work) => work(),
    destroy: () => {},
  };
}
