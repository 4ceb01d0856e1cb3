/** What differs between the two providers: where a tensor's bytes are, and how a call of ONNX Runtime is guarded. */

import type * as Ort from "onnxruntime-web";
import { bytesPerElement, type DType, describeType, type Shape } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import type { Meter } from "./held.ts";
import type { Inference } from "./inference.ts";
import type { DeviceLost, ProviderReport, TensorData } from "./types.ts";

export type OrtModule = typeof Ort;

/** One build of onnxruntime-web and where its two files are; null leaves that to the build itself. */
export interface OrtEntry {
  load(): Promise<OrtModule>;
  readonly files: { readonly mjs: string; readonly wasm: string } | null;
  /**
   * Address of captureModule.mjs, by which tensors can lie in the module's memory; null has them copied at each run. On the
   * processor only.
   */
  readonly capture: string | null;
}

/** A native build of ONNX Runtime, which computes on the processor without WebAssembly; see nativeEntries.ts. */
export interface NativeEntry {
  load(): Promise<OrtModule>;
  readonly native: { readonly version: string; readonly cores: number };
}

/** Given by whoever creates a runtime, for Vite and Node find files in different ways. */
export interface OrtEntries {
  /** The processor. */
  readonly wasm: OrtEntry | NativeEntry;
  readonly webgpu: OrtEntry | null;
}

/** The element types that a device tensor can have: onnxruntime-web has no bfloat16. */
export type DeviceDType = Exclude<DType, "bfloat16">;

/** The bytes of one device tensor. */
export interface DeviceMemory {
  write(data: TensorData): void;
  read(): Promise<TensorData>;
  free(): void;
}

export interface Provider {
  readonly report: ProviderReport;
  /** Sees what the device holds; left out where that cannot be seen. */
  readonly meter?: Meter;
  /** The largest tensor in bytes. */
  readonly maxTensorBytes: number;
  readonly lost: Promise<DeviceLost>;
  /** Loads an ONNX model; the caller holds the mutex. Throws what ONNX Runtime has against it. */
  load(model: Uint8Array): Promise<Inference>;
  /** Zeros. */
  allocate(label: string, dtype: DeviceDType, shape: Shape): DeviceMemory;
  /** Throws when the provider cannot be used any more. */
  check(): void;
  /** Settles with the work, or rejects as soon as the provider is lost. */
  untilLost<T>(work: Promise<T>): Promise<T>;
  /** Does one run or read, and throws for whatever the device reported meanwhile or before. */
  watched<T>(work: () => Promise<T>): Promise<T>;
  destroy(): void;
}

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/** Whether the dtype can be on a device. */
export function isDeviceDType(dtype: DType): dtype is DeviceDType {
  return dtype in arrays;
}

/** Zeros of a dtype. */
export function zeros(dtype: DeviceDType, elements: number): TensorData {
  return new arrays[dtype](elements);
}

/** The bytes seen as a dtype's array; not a copy. */
export function viewAs(dtype: DeviceDType, bytes: ArrayBufferView): TensorData {
  return new arrays[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / bytesPerElement[dtype]);
}

/** Throws when the data is not the dtype's array of that length; `what` opens the message. */
export function checkData(what: string, dtype: DType, shape: Shape, elements: number, data: TensorData): void {
  if (!isDeviceDType(dtype)) {
    throw new RuntimeError(`${what} is ${dtype}, which onnxruntime-web cannot hold; convert it to float32 or float16.`);
  }
  if (data instanceof arrays[dtype] && data.length === elements) return;
  throw new RuntimeError(
    `${what} is ${describeType(dtype, shape)} and takes ${arrays[dtype].name} of ${elements} elements; ` +
      `it was given ${data.constructor.name} of ${data.length}.`,
  );
}
