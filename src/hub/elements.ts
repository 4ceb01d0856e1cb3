/** Converts stored elements to float32 and back, for the three types of published models. */

import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "../tensor/convert.ts";
import type { StoredDType } from "./safetensors.ts";

export type FloatDType = Extract<StoredDType, "F32" | "F16" | "BF16">;

export function isFloat(dtype: StoredDType): dtype is FloatDType {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/** Decodes little-endian elements exactly into `out`, which must have as many elements. */
export function decodeFloats(
  dtype: FloatDType,
  bytes: Uint8Array<ArrayBuffer>,
  out: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  if (dtype === "F32") {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
    return out;
  }
  // A header of odd length leaves the data unaligned.
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
  if (dtype === "F16") float16ToFloat32(bits, out);
  else bfloat16ToFloat32(bits, out);
  return out;
}

/** The nearest elements of the type, little-endian; for F32 a view of the bytes of `values`. */
export function encodeFloats(dtype: FloatDType, values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bits = new Uint16Array(values.length);
  if (dtype === "F16") float32ToFloat16(values, bits);
  else float32ToBfloat16(values, bits);
  return new Uint8Array(bits.buffer);
}
