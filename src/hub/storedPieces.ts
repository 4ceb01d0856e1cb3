/** The stored numbers of a tensor in pieces of a few megabytes, in the file's order or transposed. */

import type { StoredBlockType } from "../gguf/blocks.ts";
import { tensorTypes } from "../gguf/types.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { WeightStorage } from "../tensor/storage.ts";
import { alignedBytes, bytesPerFloat, type FloatDType } from "./elements.ts";
import type { ModelTensor } from "./expected.ts";
import { isGgufWeights, type RawBlocks } from "./ggufWeights.ts";
import { pieceBytes } from "./pieces.ts";

export interface StoredPiece {
  /** Index of its first number in the tensor, row-major; in its transpose where that is read. */
  readonly at: number;
  readonly dtype: FloatDType;
  /** Little-endian, valid until the next piece. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whole rows of a GGUF file's blocks. */
export interface BlockPiece extends Pick<StoredPiece, "at" | "bytes"> {
  readonly dtype: StoredBlockType;
}

/** A piece for the device, in whose storage the file's blocks may stay as they are. */
export type DevicePiece = StoredPiece | BlockPiece;

export const isBlocks = (dtype: DevicePiece["dtype"]): dtype is StoredBlockType => dtype === "Q8_0" || dtype === "Q4_0";

/** Numbers in a piece. */
export function countOf({ dtype, bytes }: Pick<DevicePiece, "dtype" | "bytes">): number {
  if (!isBlocks(dtype)) return bytes.length / bytesPerFloat[dtype];
  const { size, bytes: stride } = tensorTypes[dtype];
  return (bytes.length / stride) * size;
}

export interface StoredPieceOptions {
  /** Every piece but the last has a multiple of this many numbers, at least this many; 1 by default. */
  readonly unit?: number;
  /** Reads the transpose of a matrix. */
  readonly transposed?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface DevicePieceOptions extends StoredPieceOptions {
  /** The storage on the device: where a GGUF file has the same blocks, they stay as they are. */
  readonly storage: WeightStorage;
}

/** Bytes of the columns that one pass over a matrix transposes: all of GPT-2's matrices, a third of GPT-2 XL's largest. */
const transposeBytes = 4 * pieceBytes;

/** All numbers of a tensor, in order. Throws what the source throws, and the signal's reason. */
export function storedPieces(
  tensor: ModelTensor,
  { unit = 1, transposed = false, signal }: StoredPieceOptions,
): AsyncGenerator<StoredPiece> {
  return transposed ? transposedPieces(tensor, unit, signal) : piecesInOrder(tensor, unit, signal);
}

/** As `storedPieces`, or the blocks of a GGUF file. */
export function devicePieces(tensor: ModelTensor, options: DevicePieceOptions): AsyncGenerator<DevicePiece> {
  const { unit = 1, transposed = false, storage, signal } = options;
  const raw = rawBlocks(tensor, transposed, storage);
  return raw ? blockPieces(raw, unit, signal) : storedPieces(tensor, options);
}

/** The file's blocks where the storage can have them: int8 has the values of both types, int4 those of Q4_0. */
function rawBlocks({ name, source }: ModelTensor, transposed: boolean, storage: WeightStorage): RawBlocks | null {
  if ((storage !== "int8" && storage !== "int4") || !isGgufWeights(source)) return null;
  const raw = source.blocksOf(name, transposed);
  return raw?.type === "Q8_0" && storage === "int4" ? null : raw;
}

async function* blockPieces(
  { type, rows, columns, read }: RawBlocks,
  unit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlockPiece> {
  const { size, bytes } = tensorTypes[type];
  const rowsPerUnit = Math.max(1, Math.ceil(unit / columns));
  const step = wholeUnits(pieceBytes / ((columns / size) * bytes), rowsPerUnit);
  for (let row = 0; row < rows; row += step) {
    signal?.throwIfAborted();
    yield { at: row * columns, dtype: type, bytes: await read(row, Math.min(row + step, rows), signal) };
  }
}

async function* piecesInOrder(
  { dtype, shape, source, start }: ModelTensor,
  unit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredPiece> {
  const width = bytesPerFloat[dtype];
  const size = sizeOf(shape);
  const step = wholeUnits(pieceBytes / width, unit);
  for (let at = 0; at < size; at += step) {
    signal?.throwIfAborted();
    const end = Math.min(at + step, size);
    yield { at, dtype, bytes: await source.slice(start + at * width, start + end * width, signal) };
  }
}

/** Each pass over the file fills a block of columns, which are rows of the transpose. */
async function* transposedPieces(
  tensor: ModelTensor,
  unit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredPiece> {
  const { dtype, shape } = tensor;
  const [rows, columns] = shape as readonly [number, number];
  if (rows * columns === 0) return;
  const width = bytesPerFloat[dtype];
  const inBlock = Math.min(columns, wholeUnits(transposeBytes / (rows * width), unit / greatestDivisor(unit, rows)));
  const block = new Uint8Array(inBlock * rows * width);
  for (let first = 0; first < columns; first += inBlock) {
    const last = Math.min(first + inBlock, columns);
    for await (const { at, bytes } of piecesInOrder(tensor, columns, signal)) {
      const from = alignedBytes(bytes, width);
      transposeInto(arrayOf(width, block), arrayOf(width, from), { rows, columns, row: at / columns, first, last });
    }
    yield { at: first * rows, dtype, bytes: block.subarray(0, (last - first) * rows * width) };
  }
}

interface Strip {
  /** Of the whole matrix. */
  readonly rows: number;
  readonly columns: number;
  /** The row of the first number in `from`. */
  readonly row: number;
  readonly first: number;
  readonly last: number;
}

/** Copies columns `first` to `last` of whole rows into rows of the transpose, whose row 0 is column `first`. */
function transposeInto<Numbers extends Uint16Array | Uint32Array | BigUint64Array>(
  to: Numbers,
  from: Numbers,
  { rows, columns, row, first, last }: Strip,
): void {
  const count = from.length / columns;
  for (let column = first; column < last; column++) {
    const start = (column - first) * rows + row;
    for (let i = 0; i < count; i++) to[start + i] = from[i * columns + column] as Numbers[number];
  }
}

/** The elements as bits of their width, so that a copy changes none. */
function arrayOf(width: number, { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>) {
  if (width === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return width === 4
    ? new Uint32Array(buffer, byteOffset, byteLength / 4)
    : new BigUint64Array(buffer, byteOffset, byteLength / 8);
}

/** The greatest multiple of `unit` up to `count`, at least one unit. */
const wholeUnits = (count: number, unit: number) => Math.max(1, Math.floor(count / unit)) * unit;

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
