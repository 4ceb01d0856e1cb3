/** The interface of a provider: the memory of tensors, and guards around calls to ONNX Runtime. */

import type * as Ort from "onnxruntime-web";
import { bytesPerElement, type DType, describeType, type Shape, sizeOf } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import type { Inference } from "./inference.ts";
import type { Meter } from "./memoryUse.ts";
import type { DeviceLost, ProviderReport, TensorData } from "./types.ts";

export type OrtModule = typeof Ort;

/** One build of onnxruntime-web and the URLs of its two files; null uses the build's own URLs. */
export interface OrtEntry {
  load(): Promise<OrtModule>;
  readonly files: { readonly mjs: string; readonly wasm: string } | null;
  /**
   * URL of captureModule.mjs, which lets tensors live in the module's memory; with null they are copied at each run. Used on
   * the processor only.
   */
  readonly capture: string | null;
}

/** A native build of ONNX Runtime, which runs on the processor without WebAssembly; see nativeEntries.ts. */
export interface NativeEntry {
  load(): Promise<OrtModule>;
  readonly native: { readonly version: string; readonly cores: number };
}

/** The creator of a runtime passes these, because Vite and Node locate files differently. */
export interface OrtEntries {
  /** The entry for the processor. */
  readonly wasm: OrtEntry | NativeEntry;
  readonly webgpu: OrtEntry | null;
}

/** The element types of device tensors; onnxruntime-web has no bfloat16. */
export type DeviceDType = Exclude<DType, "bfloat16">;

/** The bytes of one device tensor. */
export interface DeviceMemory {
  /** Writes the elements from `at` on; `checkData` or `checkPart` has passed. */
  write(data: TensorData, at: number): void;
  read(): Promise<TensorData>;
  /** The elements themselves; missing where they are not in the processor's memory. */
  view?(): TensorData;
  free(): void;
}

export interface Provider {
  readonly report: ProviderReport;
  /** Measures the memory in use; missing where that cannot be measured. */
  readonly meter?: Meter;
  /** The largest tensor in bytes. */
  readonly maxTensorBytes: number;
  readonly lost: Promise<DeviceLost>;
  /** Loads an ONNX model; the caller holds the mutex. Throws ONNX Runtime's error. */
  load(model: Uint8Array): Promise<Inference>;
  /** Allocates zeros. */
  allocate(label: string, dtype: DeviceDType, shape: Shape): DeviceMemory;
  /** Throws when the provider is lost. */
  check(): void;
  /** Settles with the work, or rejects as soon as the provider is lost. */
  untilLost<T>(work: Promise<T>): Promise<T>;
  /** Executes one run or read, and throws errors that the device reported during or before it. */
  watched<T>(work: () => Promise<T>): Promise<T>;
  destroy(): void;
}

const arrays = {
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** Whether a device tensor can have this dtype. */
export function isDeviceDType(dtype: DType): dtype is DeviceDType {
  return dtype in arrays;
}

/** An array of zeros for a dtype. */
export function zeros(dtype: DeviceDType, elements: number): TensorData {
  return new arrays[dtype](elements);
}

/** Copies elements into an array of the same dtype, from `at` on. */
export function writeInto(array: TensorData, data: TensorData, at: number): void {
  // The runtime has checked that both have one type.
  (array as Uint8Array).set(data as Uint8Array, at);
}

/** A view of the bytes as a dtype's array. */
export function viewAs(dtype: DeviceDType, bytes: ArrayBufferView): TensorData {
  return new arrays[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / bytesPerElement[dtype]);
}

/** Bytes at which WebGPU writes into a buffer. */
const writeUnit = 4;

/**
 * Throws unless the data is the dtype's array and its elements from `at` on lie within the tensor, begin at a multiple of 4
 * bytes, and end at one or with the tensor; the message begins with `what`.
 */
export function checkPart(what: string, dtype: DeviceDType, shape: Shape, data: TensorData, at: number): void {
  checkData(what, dtype, shape, data.length, data);
  const end = at + data.length;
  const size = sizeOf(shape);
  const tensor = `${what} is ${describeType(dtype, shape)}`;
  if (!(Number.isSafeInteger(at) && at >= 0 && end <= size)) {
    throw new RuntimeError(`${tensor} of ${size} elements, so elements ${at} to ${end} cannot be written.`);
  }
  const unit = Math.max(1, writeUnit / bytesPerElement[dtype]);
  if (at % unit === 0 && (end % unit === 0 || end === size)) return;
  throw new RuntimeError(
    `${tensor}; elements ${at} to ${end} do not begin and end at multiples of ${unit}, so no GPU can write them: write whole ` +
      "multiples, or up to the end.",
  );
}

/** Throws unless the data is the dtype's array with that length; the message begins with `what`. */
export function checkData(what: string, dtype: DType, shape: Shape, elements: number, data: TensorData): void {
  if (!isDeviceDType(dtype)) {
    throw new RuntimeError(
      `${what} is ${dtype}, which onnxruntime-web does not support; convert it to float32 or float16.`,
    );
  }
  if (data instanceof arrays[dtype] && data.length === elements) return;
  throw new RuntimeError(
    `${what} is ${describeType(dtype, shape)} and needs ${arrays[dtype].name} of ${elements} elements; ` +
      `it was given ${data.constructor.name} of ${data.length}.`,
  );
}
