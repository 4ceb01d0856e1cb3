/**
 * The GGUF format, versions 2 and 3 (ggml's docs/gguf.md): types of values and of tensors, and the header as it is read and
 * written. This room knows no model and no tokenizer.
 */

import { type Shape, sizeOf } from "../tensor/dtype.ts";

/** A file that is no GGUF, or a damaged one. The message names file, field, both values and the way out. */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

/** Numbers of the types of values in the format. */
export const valueTypes = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;

/** A type of one value. Arrays within arrays are refused: llama.cpp reads none either. */
export type ScalarType = Exclude<keyof typeof valueTypes, "array">;
export type NumberType = Exclude<ScalarType, "string" | "bool">;

/** Bytes of a value of fixed size. */
export const bytesPerValue: Readonly<Record<Exclude<ScalarType, "string">, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/** Of a 64-bit integer: a number where that is exact, else a bigint. */
export type Scalar =
  | { readonly type: NumberType; readonly value: number | bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string };

/** An array in a file: its place, because an array may be as long as the file. `readArray` in read.ts reads it. */
export interface ArrayPlace {
  readonly type: "array";
  readonly items: ScalarType;
  readonly count: number;
  /** Bytes `start` to `end` of the file. */
  readonly start: number;
  readonly end: number;
}

/** A value of a header that was read. */
export type GgufValue = Scalar | ArrayPlace;

/** An array to be written. */
export type ArrayData =
  | { readonly type: "array"; readonly items: "string"; readonly values: readonly string[] }
  | { readonly type: "array"; readonly items: "bool"; readonly values: readonly boolean[] }
  | { readonly type: "array"; readonly items: NumberType; readonly values: ArrayLike<number> | ArrayLike<bigint> };

/** A value of a header to be written. */
export type GgufData = Scalar | ArrayData;

interface Layout {
  /** Its number in the format. */
  readonly id: number;
  /** Numbers of a block. */
  readonly size: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** The types of tensors that Hone reads. */
export const tensorTypes = {
  F32: { id: 0, size: 1, bytes: 4 },
  F16: { id: 1, size: 1, bytes: 2 },
  BF16: { id: 30, size: 1, bytes: 2 },
  Q8_0: { id: 8, size: 32, bytes: 34 },
  Q4_0: { id: 2, size: 32, bytes: 18 },
  Q4_1: { id: 3, size: 32, bytes: 20 },
  Q5_0: { id: 6, size: 32, bytes: 22 },
  Q5_1: { id: 7, size: 32, bytes: 24 },
  Q4_K: { id: 12, size: 256, bytes: 144 },
  Q5_K: { id: 13, size: 256, bytes: 176 },
  Q6_K: { id: 14, size: 256, bytes: 210 },
} as const satisfies Readonly<Record<string, Layout>>;

export type TensorType = keyof typeof tensorTypes;

/** The other types that files have. Their layout is known, so that the place of each tensor can be checked. */
export const otherTypes = {
  Q8_1: { id: 9, size: 32, bytes: 40 },
  Q2_K: { id: 10, size: 256, bytes: 84 },
  Q3_K: { id: 11, size: 256, bytes: 110 },
  Q8_K: { id: 15, size: 256, bytes: 292 },
  IQ2_XXS: { id: 16, size: 256, bytes: 66 },
  IQ2_XS: { id: 17, size: 256, bytes: 74 },
  IQ3_XXS: { id: 18, size: 256, bytes: 98 },
  IQ1_S: { id: 19, size: 256, bytes: 50 },
  IQ4_NL: { id: 20, size: 32, bytes: 18 },
  IQ3_S: { id: 21, size: 256, bytes: 110 },
  IQ2_S: { id: 22, size: 256, bytes: 82 },
  IQ4_XS: { id: 23, size: 256, bytes: 136 },
  I8: { id: 24, size: 1, bytes: 1 },
  I16: { id: 25, size: 1, bytes: 2 },
  I32: { id: 26, size: 1, bytes: 4 },
  I64: { id: 27, size: 1, bytes: 8 },
  F64: { id: 28, size: 1, bytes: 8 },
  IQ1_M: { id: 29, size: 256, bytes: 56 },
  TQ1_0: { id: 34, size: 256, bytes: 54 },
  TQ2_0: { id: 35, size: 256, bytes: 66 },
  MXFP4: { id: 39, size: 32, bytes: 17 },
  NVFP4: { id: 40, size: 64, bytes: 36 },
  Q1_0: { id: 41, size: 128, bytes: 18 },
} as const satisfies Readonly<Record<string, Layout>>;

export type AnyTensorType = TensorType | keyof typeof otherTypes;

const layouts: Readonly<Record<AnyTensorType, Layout>> = { ...tensorTypes, ...otherTypes };

/** The type of a number in a file; undefined for one that this version does not know. */
export const tensorTypeOf = (id: number): AnyTensorType | undefined => namesById.get(id);

const namesById = new Map((Object.keys(layouts) as AnyTensorType[]).map((name) => [layouts[name].id, name] as const));

export const layoutOf = (type: AnyTensorType): Layout => layouts[type];

export const isReadable = (type: AnyTensorType): type is TensorType => Object.hasOwn(tensorTypes, type);

/** Bytes of a tensor; null where its rows are no whole blocks, or the number is not exact. `shape` has the rows' length last. */
export function byteLengthOf(type: AnyTensorType, shape: Shape): number | null {
  const { size, bytes } = layouts[type];
  if ((shape.at(-1) ?? 1) % size !== 0) return null;
  const length = (sizeOf(shape) / size) * bytes;
  return Number.isSafeInteger(length) ? length : null;
}

/** A tensor without its place. */
export interface TensorHead {
  readonly name: string;
  readonly type: AnyTensorType;
  /** Outermost dimension first; the file has the reverse. */
  readonly shape: Shape;
}

/** A tensor of a file: bytes `start` to `end`. */
export interface GgufTensor extends TensorHead {
  readonly start: number;
  readonly end: number;
}

/** A tensor begins at a multiple of this, unless the key `general.alignment` has another number. */
export const defaultAlignment = 32;
