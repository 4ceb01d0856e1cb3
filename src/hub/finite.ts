/** Finds weights that are no finite float32: such a model gives only NaN, and its training shows nothing else. */

import type { Shape } from "../tensor/dtype.ts";
import { decodeFloats, type FloatDType } from "./elements.ts";

/**
 * For each type the exponent's bits of every element in 32 bits, and a number that carries out of an exponent of ones into
 * the sign. F16 and BF16 have two elements in 32 bits, and the sum of one cannot reach the other.
 */
const exponents = {
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
  if (dtype !== "F64" && allFinite(dtype, bytes)) return null;
  if (dtype === "F64") {
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
    const values = new Float64Array(aligned.buffer, aligned.byteOffset, aligned.length / 8);
    const index = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
    return index < 0 ? null : { index, value: values[index] ?? Number.NaN };
  }
  const values = decodeFloats(dtype, bytes, new Float32Array(bytes.length / (dtype === "F32" ? 4 : 2)));
  const index = values.findIndex((value) => !Number.isFinite(value));
  return index < 0 ? null : { index, value: values[index] ?? Number.NaN };
}

function allFinite(dtype: keyof typeof exponents, bytes: Uint8Array<ArrayBuffer>): boolean {
  const { ones, carry, signs } = exponents[dtype];
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
  let found = 0;
  for (let i = 0; i < words.length; i++) found |= ((words[i] as number) & ones) + carry;
  // An odd number of two-byte elements leaves one.
  if (aligned.length % 4 !== 0) {
    const at = aligned.length - 2;
    found |= ((((aligned[at + 1] as number) << 8) | (aligned[at] as number)) & ones) + carry;
  }
  return (found & signs) === 0;
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
