/**
 * Frozen weights in blocks of 32 along the last axis. A block has one scale d; all encodings have the byte layout of ONNX
 * Runtime's MatMulNBits. int8 and int4 follow GGUF's Q8_0 and Q4_0, so both formats hold the same numbers:
 *
 * - int8: byte q, value (q − 128)·d with d = max|x| / 127.
 * - int4: two values a byte, low nibble first, value (q − 8)·d with d = (the x of largest magnitude) / −8.
 * - uint4: as int4 with a zero point z of each block, value (q − z)·d with d = (max − min) / 15, where min ≤ 0 ≤ max.
 *
 * Scales are rounded to float16 values, so all products (q − z)·d are exact in float32.
 */

import { float16ToFloat32, float32ToFloat16 } from "./convert.ts";

export type BlockStorage = "int8" | "int4" | "uint4";

/** Weights that share one scale. */
export const blockSize = 32;

/** Rows of a matrix in blocks. */
export interface Blocks {
  /** [rows, columns / 32, 32] bytes for int8, [rows, columns / 32, 16] otherwise. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** [rows, columns / 32], each a float16 value. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** For uint4, [rows, ⌈columns / 64⌉] bytes: two a byte, low nibble first. */
  readonly zeroPoints: Uint8Array<ArrayBuffer> | null;
}

/** Whether a matrix with this many columns can be stored in blocks. */
export const fitsBlocks = (columns: number): boolean => columns > 0 && columns % blockSize === 0;

/** float16's largest value. */
const largestScale = 65_504;

/**
 * Encodes whole rows, so a file can be encoded while it arrives. Throws a RangeError when the rows do not consist of whole
 * blocks, when a value is infinite or not a number, and when a scale exceeds float16.
 */
export function quantise(storage: BlockStorage, values: Float32Array, columns: number): Blocks {
  if (!fitsBlocks(columns) || values.length % columns !== 0) {
    throw new RangeError(
      `${storage} stores rows of a multiple of ${blockSize} values, but ${values.length} values in rows of ${columns} were given.`,
    );
  }
  const rows = values.length / columns;
  const raw = new Float32Array(values.length / blockSize);
  const data = new Uint8Array(storage === "int8" ? values.length : values.length / 2);
  const perRow = columns / blockSize;
  const zeroPoints = storage === "uint4" ? new Uint8Array(rows * Math.ceil(perRow / 2)) : null;
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const lows = new Float32Array(zeroPoints ? raw.length : 0);
  if (zeroPoints) uint4Ranges(bits, raw, lows);
  else if (storage === "int8") encodeInt8(values, bits, raw, data);
  else encodeInt4(values, bits, raw, data);
  const scales = float16ToFloat32(float32ToFloat16(raw)) as Float32Array<ArrayBuffer>;
  requireFinite(storage, values, scales);
  if (zeroPoints) encodeUint4(values, scales, lows, perRow, data, zeroPoints);
  return { data, scales, zeroPoints };
}

/** The values of rows in blocks. Exact: a scale has 11 significant bits and a factor at most 8. */
export function dequantise(storage: BlockStorage, { data, scales, zeroPoints }: Blocks, columns: number): Float32Array {
  const values = new Float32Array(scales.length * blockSize);
  const perRow = columns / blockSize;
  const zeroBytes = Math.ceil(perRow / 2);
  for (let block = 0; block < scales.length; block++) {
    const scale = scales[block] as number;
    const from = block * blockSize;
    if (storage === "int8") {
      for (let i = from; i < from + blockSize; i++) values[i] = ((data[i] as number) - 128) * scale;
      continue;
    }
    const [row, column] = [Math.floor(block / perRow), block % perRow];
    const pair = zeroPoints ? (zeroPoints[row * zeroBytes + (column >> 1)] as number) : 0x88;
    const zero = (pair >> (4 * (column & 1))) & 15;
    for (let i = from; i < from + blockSize; i += 2) {
      const byte = data[i >> 1] as number;
      values[i] = ((byte & 15) - zero) * scale;
      values[i + 1] = ((byte >> 4) - zero) * scale;
    }
  }
  return values;
}

/**
 * Non-negative floats rise with their bit patterns, so the largest magnitude of a block is an integer maximum. It is at
 * least `infinite` where the block has an infinity or a NaN; the block's scale is then a NaN.
 */
const magnitude = 0x7fffffff;
const infinite = 0x7f800000;

/** All arithmetic of int8 and int4 is rounded to float32, as in GGUF. */
const { fround } = Math;

/** The bit pattern of a block's largest magnitude. */
function largestIn(bits: Int32Array, from: number): number {
  let most = 0;
  for (let i = from; i < from + blockSize; i++) {
    // The maximum without a branch: processors cannot predict it.
    const below = most - ((bits[i] as number) & magnitude);
    most -= below & (below >> 31);
  }
  return most;
}

/** Rounding to the nearest integer, half away from zero, by sign bit. */
const halves = Float64Array.of(0.5, -0.5);

function encodeInt8(values: Float32Array, bits: Int32Array, scales: Float32Array, data: Uint8Array): void {
  const pattern = new Int32Array(1);
  const largest = new Float32Array(pattern.buffer);
  for (let block = 0, from = 0; block < scales.length; block++, from += blockSize) {
    pattern[0] = largestIn(bits, from);
    const scale = pattern[0] < infinite ? fround((largest[0] as number) / 127) : Number.NaN;
    scales[block] = scale;
    const inverse = inverseOf(scale);
    for (let i = from; i < from + blockSize; i++) {
      const half = halves[(bits[i] as number) >>> 31] as number;
      data[i] = ((fround((values[i] as number) * inverse) + half) | 0) + 128;
    }
  }
}

function encodeInt4(values: Float32Array, bits: Int32Array, scales: Float32Array, data: Uint8Array): void {
  for (let block = 0, from = 0; block < scales.length; block++, from += blockSize) {
    const most = largestIn(bits, from);
    let at = from;
    while (((bits[at] as number) & magnitude) !== most) at++;
    const scale = most < infinite ? fround((values[at] as number) / -8) : Number.NaN;
    scales[block] = scale;
    const inverse = inverseOf(scale);
    for (let i = from; i < from + blockSize; i += 2) {
      const low = fround(fround((values[i] as number) * inverse) + 8.5) | 0;
      const high = fround(fround((values[i + 1] as number) * inverse) + 8.5) | 0;
      // At most 16, which becomes 15.
      data[i >> 1] = (low - (low >> 4)) | ((high - (high >> 4)) << 4);
    }
  }
}

/** 1 / scale; 0 for a scale of 0 and for one so small that its inverse overflows. */
function inverseOf(scale: number): number {
  const inverse = fround(1 / scale);
  return inverse - inverse === 0 ? inverse : 0;
}

/** Scales before rounding, and the smallest value of each block, at most 0. */
function uint4Ranges(bits: Int32Array, scales: Float32Array, lows: Float32Array): void {
  const patterns = new Int32Array(2);
  const ends = new Float32Array(patterns.buffer);
  for (let block = 0, from = 0; block < scales.length; block++, from += blockSize) {
    // The largest magnitudes of positive and of negative values, as in `largestIn`.
    let [high, low] = [0, 0];
    for (let i = from; i < from + blockSize; i++) {
      const own = bits[i] as number;
      const sign = own >> 31;
      const aboveHigh = high - (own & ~sign);
      high -= aboveHigh & (aboveHigh >> 31);
      const belowLow = low - (own & sign & magnitude);
      low -= belowLow & (belowLow >> 31);
    }
    patterns[0] = high;
    patterns[1] = low;
    lows[block] = -(ends[1] as number);
    const finite = high < infinite && low < infinite;
    scales[block] = finite ? ((ends[0] as number) + (ends[1] as number)) / 15 : Number.NaN;
  }
}

/** Uses the rounded scales, because no other format must be matched. */
function encodeUint4(
  values: Float32Array,
  scales: Float32Array,
  lows: Float32Array,
  perRow: number,
  data: Uint8Array,
  zeroPoints: Uint8Array,
): void {
  const zeroBytes = Math.ceil(perRow / 2);
  for (let block = 0, from = 0; block < scales.length; block++, from += blockSize) {
    const scale = scales[block] as number;
    const inverse = scale === 0 ? 0 : 1 / scale;
    const zero = Math.min(15, Math.round(-(lows[block] as number) * inverse));
    const column = block % perRow;
    const pair = ((block - column) / perRow) * zeroBytes + (column >> 1);
    zeroPoints[pair] = (zeroPoints[pair] as number) | (zero << (4 * (column & 1)));
    const offset = zero + 0.5;
    for (let i = from; i < from + blockSize; i += 2) {
      // A scale that was rounded down puts the ends of its block outside 0 … 15.
      const low = Math.min(15, Math.max(0, ((values[i] as number) * inverse + offset) | 0));
      const high = Math.min(15, Math.max(0, ((values[i + 1] as number) * inverse + offset) | 0));
      data[i >> 1] = low | (high << 4);
    }
  }
}

/** Throws when a scale is infinite or a NaN. */
function requireFinite(storage: BlockStorage, values: Float32Array, scales: Float32Array): void {
  const block = scales.findIndex((scale) => !Number.isFinite(scale));
  if (block < 0) return;
  const own = values.subarray(block * blockSize, (block + 1) * blockSize);
  const wrong = own.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) {
    throw new RangeError(`The weights contain ${wrong}, which ${storage} cannot store: open intact weights.`);
  }
  const largest = own.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  throw new RangeError(
    `The weights contain ${largest.toPrecision(4)}: a block with it has a scale above ${largestScale}, the largest that ` +
      `${storage} can store. Keep these weights in float32.`,
  );
}
