/** Finds weights that are no finite float32: such a model gives only NaN, and its training shows nothing else. */

import type { Shape } from "../tensor/dtype.ts";
import { bytesPerFloat, decodeFloats, type FloatDType } from "./elements.ts";

/**
 * For each type the bits of every exponent in 32 bits, and a number that carries out of the exponents of doubtful elements
 * into their signs: those of ones, for F64 those from 2^127. F16 and BF16 have two elements in 32 bits, and the sum of one
 * cannot reach the other. F64 has its exponent in every second 32 bits.
 */
const exponents = {
  F64: { ones: 0x7ff0_0000, carry: 0x8000_0000 - 0x47e0_0000, signs: 0x8000_0000 },
  F32: { ones: 0x7f80_0000, carry: 0x0080_0000, signs: 0x8000_0000 },
  BF16: { ones: 0x7f80_7f80, carry: 0x0080_0080, signs: 0x8000_8000 },
  F16: { ones: 0x7c00_7c00, carry: 0x0400_0400, signs: 0x8000_8000 },
} as const;

/** An element that is NaN, infinite, or an F64 above float32's range. */
export interface NotFinite {
  /** Index of the element in `bytes`. */
  readonly index: number;
  readonly value: number;
}

/** The first such element of little-endian bytes; null without one. */
export function findNotFinite(dtype: FloatDType, bytes: Uint8Array<ArrayBuffer>): NotFinite | null {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  if (!anyDoubtful(dtype, aligned)) return null;
  const floats = decodeFloats(dtype, aligned, new Float32Array(aligned.length / bytesPerFloat[dtype]));
  const index = floats.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return null;
  const exact = dtype === "F64" ? new DataView(aligned.buffer, aligned.byteOffset).getFloat64(index * 8, true) : null;
  return { index, value: exact ?? floats[index] ?? Number.NaN };
}

/** Whether an exponent is that of NaN or infinity, or of an F64 that may be above float32's range. */
function anyDoubtful(dtype: FloatDType, bytes: Uint8Array<ArrayBuffer>): boolean {
  const { ones, carry, signs } = exponents[dtype];
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const step = dtype === "F64" ? 2 : 1;
  let found = 0;
  for (let i = step - 1; i < words.length; i += step) found |= (((words[i] as number) & ones) + carry) | 0;
  // An odd number of two-byte elements leaves one.
  if (bytes.length % 4 !== 0) {
    const at = bytes.length - 2;
    found |= ((((bytes[at + 1] as number) << 8) | (bytes[at] as number)) & ones) + carry;
  }
  return (found & signs) !== 0;
}

/** `[3, 0, 17]`: the indices of an element of a tensor, from 0. */
export function positionOf(index: number, shape: Shape): string {
  const indices: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    indices.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${indices.join(", ")}]`;
}
