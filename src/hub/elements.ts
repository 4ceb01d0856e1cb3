/** Converts stored elements to float32 and back, for the types of published models. */

import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "../tensor/convert.ts";
import type { StoredDType } from "./safetensors.ts";

/** Bytes of an element. */
export const bytesPerFloat = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const satisfies Partial<
  Record<StoredDType, number>
>;

export type FloatDType = keyof typeof bytesPerFloat;

export const floatDTypes = ["F64", "F32", "F16", "BF16"] as const satisfies readonly FloatDType[];

export function isFloat(dtype: StoredDType): dtype is FloatDType {
  return Object.hasOwn(bytesPerFloat, dtype);
}

/** The bytes where a typed array of that width can view them: a header of odd length leaves the data unaligned. */
export const alignedBytes = (bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> =>
  bytes.byteOffset % width === 0 ? bytes : bytes.slice();

/** Decodes little-endian elements into `out`, which must have as many elements: exactly, but F64 to the nearest float32. */
export function decodeFloats(
  dtype: FloatDType,
  bytes: Uint8Array<ArrayBuffer>,
  out: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  if (dtype === "F32") {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
    return out;
  }
  const aligned = alignedBytes(bytes, bytesPerFloat[dtype]);
  if (dtype === "F64") {
    out.set(new Float64Array(aligned.buffer, aligned.byteOffset, aligned.length / 8));
    return out;
  }
  const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
  if (dtype === "F16") float16ToFloat32(bits, out);
  else bfloat16ToFloat32(bits, out);
  return out;
}

/** The nearest elements of the type, little-endian; for F32 a view of the bytes of `values`. */
export function encodeFloats(dtype: FloatDType, values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === "F64") return new Uint8Array(new Float64Array(values).buffer);
  const bits = new Uint16Array(values.length);
  if (dtype === "F16") float32ToFloat16(values, bits);
  else float32ToBfloat16(values, bits);
  return new Uint8Array(bits.buffer);
}
