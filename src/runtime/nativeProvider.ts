/** The native processor provider: ONNX Runtime's CPU provider under Node, without WebAssembly. */

import type * as Ort from "onnxruntime-web";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { loadThroughOrt, type OrtMemory } from "./inference.ts";
import { type DeviceDType, type NativeEntry, type OrtModule, type Provider, writeInto, zeros } from "./provider.ts";
import type { ProviderReport, TensorData } from "./types.ts";

/** A typed array that ONNX Runtime reads and writes in place. */
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

/** The report's sentence: version and number of threads. */
const sentence = (why: string, version: string, threads: number) =>
  `${why}: native ONNX Runtime ${version}, with ${threads === 1 ? "1 thread" : `${threads} threads`}.`;

/**
 * The provider of a native entry. `why` is the reason for the processor, without a full stop; `threads` is per session, all
 * cores by default.
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
    // The limit of a typed array of bytes; ONNX Runtime has none.
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
