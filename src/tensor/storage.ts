/** How a weight matrix is stored on the device: as floats, or in blocks of 32 integers along its rows with a scale each. */

import { type BlockStorage, blockSize, fitsBlocks, quantise } from "./blocks.ts";
import { areFiniteHalves, float32ToFloat16 } from "./convert.ts";
import { type DType, type Shape, sizeOf } from "./dtype.ts";

export const weightStorages = ["float32", "float16", "int8", "int4", "uint4"] as const;

/** Blocks are described in blocks.ts. */
export type WeightStorage = (typeof weightStorages)[number];

/** Bits of a number; scales and zero points not counted. */
export const bitsOf: Readonly<Record<WeightStorage, number>> = { float32: 32, float16: 16, int8: 8, int4: 4, uint4: 4 };

export const isQuantised = (storage: WeightStorage): storage is BlockStorage => bitsOf[storage] <= 8;

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

/**
 * The storage of a tensor for which this one is wanted. Blocks need matrices whose rows are whole blocks; others stay float32,
 * because some adapters have no float16. Zero points need an even number of blocks in a row, because WebGPU's kernels do not
 * read half a byte at its end.
 */
export function storable(storage: WeightStorage, shape: Shape): WeightStorage {
  if (!isQuantised(storage)) return storage;
  const columns = shape.length === 2 && sizeOf(shape) > 0 ? (shape[1] as number) : 0;
  if (!fitsBlocks(columns)) return "float32";
  return storage === "uint4" && columns % (2 * blockSize) !== 0 ? "int4" : storage;
}

const largestHalf = 65_504;

/**
 * The data of `partsOf`, in its order, of whole rows. Throws a RangeError for a value that the storage cannot have: an
 * infinity, a NaN, or a number too large for float16 or for a block's scale.
 */
export function encode(
  storage: WeightStorage,
  values: Float32Array,
  columns: number,
  scalesAs: "float32" | "float16" = "float32",
): readonly (Float32Array | Uint16Array | Uint8Array)[] {
  if (storage === "float32") return [values];
  if (storage === "float16") return [toFloat16(values)];
  const { data, scales, zeroPoints } = quantise(storage, values, columns);
  return [data, scalesAs === "float16" ? float32ToFloat16(scales) : scales, ...(zeroPoints ? [zeroPoints] : [])];
}

function toFloat16(values: Float32Array): Uint16Array {
  const halves = float32ToFloat16(values);
  if (areFiniteHalves(halves)) return halves;
  const wrong = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
  throw new RangeError(
    `The weights contain ${(values[wrong] as number).toPrecision(4)}, which float16 cannot store (its largest value is ` +
      `${largestHalf}). Keep these weights in float32.`,
  );
}
