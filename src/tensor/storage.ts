/** How a weight matrix is stored on the device: as floats, or in blocks of 32 integers along its rows with a scale each. */

import { float32ToFloat16 } from "./convert.ts";
import { type DType, type Shape, sizeOf } from "./dtype.ts";

export const weightStorages = ["float32", "float16", "int8", "int4", "uint4"] as const;

/**
 * int8: (q − 128)·d with bytes q. int4: (q − 8)·d. uint4: (q − z)·d with a zero point z per block. Four-bit numbers stand two in
 * a byte, the first in the low half.
 */
export type WeightStorage = (typeof weightStorages)[number];

/** Numbers per block. */
export const blockSize = 32;

/** Bits of a number; scales and zero points not counted. */
export const bitsOf: Readonly<Record<WeightStorage, number>> = { float32: 32, float16: 16, int8: 8, int4: 4, uint4: 4 };

export const isQuantised = (storage: WeightStorage): storage is "int8" | "int4" | "uint4" => bitsOf[storage] <= 8;

/** One tensor of a stored matrix. */
export interface StoredPart {
  /** "" for the numbers themselves. */
  readonly suffix: "" | ".scales" | ".zero_points";
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * The tensors of a matrix [rows, columns] or of a vector: the numbers, and for blocks their scales [rows, columns/32] in the
 * type `scales`, and the zero points of uint4, two in a byte.
 */
export function partsOf(
  storage: WeightStorage,
  shape: Shape,
  scales: "float32" | "float16" = "float32",
): readonly StoredPart[] {
  if (!isQuantised(storage)) return [{ suffix: "", dtype: storage, shape }];
  const [rows, columns] = shape as readonly [number, number];
  const blocks = columns / blockSize;
  const parts: StoredPart[] = [
    { suffix: "", dtype: "uint8", shape: [rows, blocks, (blockSize * bitsOf[storage]) / 8] },
    { suffix: ".scales", dtype: scales, shape: [rows, blocks] },
  ];
  if (storage === "uint4") parts.push({ suffix: ".zero_points", dtype: "uint8", shape: [rows, Math.ceil(blocks / 2)] });
  return parts;
}

/** The nearest storage that a tensor can have: blocks need matrices whose rows are whole blocks. */
export function storable(storage: WeightStorage, shape: Shape): WeightStorage {
  const whole = shape.length === 2 && (shape[1] as number) % blockSize === 0 && sizeOf(shape) > 0;
  return isQuantised(storage) && !whole ? "float16" : storage;
}

/** The data of `partsOf`, in its order, of whole rows. */
export function encode(
  storage: WeightStorage,
  values: Float32Array,
  _columns: number,
): readonly (Float32Array | Uint16Array | Uint8Array)[] {
  if (storage === "float32") return [values];
  if (storage === "float16") return [float32ToFloat16(values)];
  throw new RangeError(`Weights cannot be stored as ${storage} yet.`);
}
