/**
 * The tensors of GGUF files as the bytes of one `model.safetensors`, which are decoded when they are read. So every reader of
 * weights also reads GGUF, and only the requested rows are in memory.
 */

import { decodeBlocks, type StoredBlockType } from "../gguf/blocks.ts";
import { isReadable, type TensorType, tensorTypes } from "../gguf/types.ts";
import { type ByteSource, requireRange } from "../tensor/bytes.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { bytesPerFloat, type FloatDType } from "./elements.ts";
import { layoutSafetensors, type StoredDType } from "./safetensors.ts";

/** A tensor of GGUF files: its bytes, and its type and shape there. */
export interface GgufPlace {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: Shape;
  readonly source: ByteSource;
  readonly start: number;
}

/** How a tensor of a model in Hugging Face layout comes from one of a GGUF file. */
export interface GgufPart {
  readonly name: string;
  readonly shape: Shape;
  /** The tensor of the file; it has the same numbers, in another order where the fields below say so. */
  readonly tensor: string;
  /** The file's row for each row; null for the same order. Rows of a vector are its numbers. */
  readonly rows: ((row: number) => number) | null;
  /** Added to the file's numbers: −1 where the file has 1 + weight. */
  readonly add: number;
  /** Whether this is the transpose of the file's matrix. */
  readonly transposed: boolean;
}

/** Blocks of a matrix as the file has them. */
export interface RawBlocks {
  readonly type: StoredBlockType;
  readonly rows: number;
  readonly columns: number;
  /** The blocks of rows from `first` up to `last`. */
  read(first: number, last: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export interface GgufWeights extends ByteSource {
  /** The file's blocks of a tensor or, with `transposed`, of its transpose; null where only numbers can be read. */
  blocksOf(tensor: string, transposed: boolean): RawBlocks | null;
  /** The file's type of a tensor. Throws RangeError for another name. */
  typeOf(tensor: string): TensorType;
}

export const isGgufWeights = (source: ByteSource): source is GgufWeights => "blocksOf" in source && "typeOf" in source;

/** Numbers of the widened tensor: those with 16 bits stay so, all others have 32. */
const widened = (type: TensorType, add: number): FloatDType =>
  add === 0 && (type === "F16" || type === "BF16") ? type : "F32";

interface Entry {
  readonly part: GgufPart;
  readonly place: GgufPlace;
  readonly dtype: FloatDType;
  /** Bytes of the virtual file. */
  readonly start: number;
  readonly end: number;
}

/** The file's name, as folders in Hugging Face layout have it. */
const fileName = "model.safetensors";

/** Pairs of each part with its tensor, as one file. */
export function ggufWeights(pairs: readonly (readonly [GgufPart, GgufPlace])[]): GgufWeights {
  const heads = pairs.map(([part, place]) => ({
    ...{ name: part.name, shape: part.shape, dtype: widened(place.type, part.add) as StoredDType },
    ...{ part, place },
  }));
  const { head, ordered } = layoutSafetensors(heads);
  let at = head.length;
  const entries = ordered.map(({ part, place }): Entry => {
    const start = at;
    const dtype = widened(place.type, part.add);
    at += sizeOf(part.shape) * bytesPerFloat[dtype];
    return { part, place, dtype, start, end: at };
  });
  const byName = new Map(entries.map((entry) => [entry.part.name, entry]));
  const entryOf = (tensor: string): Entry => {
    const entry = byName.get(tensor);
    if (!entry) throw new RangeError(`The file has no tensor "${tensor}".`);
    return entry;
  };
  const byteLength = at;
  const whole = createTransposes();

  return {
    name: fileName,
    byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange({ name: fileName, byteLength }, start, end);
      const bytes = new Uint8Array(end - start);
      if (start < head.length) bytes.set(head.subarray(start, Math.min(end, head.length)));
      for (let i = firstAfter(entries, start); i < entries.length; i++) {
        const entry = entries[i] as Entry;
        if (entry.start >= end) break;
        const [from, to] = [Math.max(start, entry.start), Math.min(end, entry.end)];
        if (from >= to) continue;
        bytes.set(await decoded(entry, from - entry.start, to - entry.start, whole, signal), from - start);
      }
      return bytes;
    },
    typeOf: (tensor) => entryOf(tensor).place.type,
    blocksOf(tensor, transposed) {
      const { part, place } = entryOf(tensor);
      const { type } = place;
      const isStored = type === "Q8_0" || type === "Q4_0";
      if (!isStored || part.add !== 0 || part.transposed !== transposed || place.shape.length !== 2) return null;
      const [rows, columns] = place.shape as readonly [number, number];
      return { type, rows, columns, read: (first, last, signal) => readRows(part, place, first, last, signal) };
    },
  };
}

/** Index of the first entry that ends after a byte. */
function firstAfter(entries: readonly Entry[], byte: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] as Entry).end <= byte) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers of a row of the file's tensor; those of a vector whose order changes are rows of their own. */
const columnsOf = ({ rows }: GgufPart, { shape }: GgufPlace): number =>
  shape.length < 2 && rows !== null ? 1 : Math.max(1, shape.at(-1) ?? 1);

const bytesOfRow = (part: GgufPart, place: GgufPlace): number => {
  const { size, bytes } = tensorTypes[place.type];
  return (columnsOf(part, place) / size) * bytes;
};

/** Bytes `from` to `to` of the widened tensor. */
async function decoded(
  { part, place, dtype }: Entry,
  from: number,
  to: number,
  whole: Transposes,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const width = bytesPerFloat[dtype];
  if (part.transposed) {
    const values = await whole.read(part, place, signal);
    return bytesOf(dtype, values).subarray(from, to);
  }
  const columns = columnsOf(part, place);
  const first = Math.floor(from / (width * columns));
  const last = Math.ceil(to / (width * columns));
  const stored = await readRows(part, place, first, last, signal);
  const skipped = from - first * columns * width;
  const isSame = dtype === place.type && part.add === 0;
  const bytes = isSame ? stored : bytesOf(dtype, numbersOf(part, place, stored, (last - first) * columns));
  return bytes.subarray(skipped, skipped + to - from);
}

function numbersOf(
  { add }: GgufPart,
  { type }: GgufPlace,
  stored: Uint8Array<ArrayBuffer>,
  count: number,
): Float32Array<ArrayBuffer> {
  const values = decodeBlocks(type, stored, new Float32Array(count));
  if (add !== 0) for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + add;
  return values;
}

/** Little-endian bytes; a tensor is only transposed in 32 bits, or copied in its own. */
function bytesOf(
  dtype: FloatDType,
  values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (bytesPerFloat[dtype] !== values.BYTES_PER_ELEMENT) throw new RangeError(`${dtype} has another width.`);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Rows of another order are read together where at most this many bytes are between them. */
const gap = 256 * 2 ** 10;

/** The stored bytes of rows `first` to `last`, in the model's order. */
async function readRows(
  part: GgufPart,
  place: GgufPlace,
  first: number,
  last: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { source, start } = place;
  const stride = bytesOfRow(part, place);
  const { rows } = part;
  if (rows === null) return source.slice(start + first * stride, start + last * stride, signal);
  const wanted = Array.from({ length: last - first }, (_, i) => ({ to: i, row: rows(first + i) }));
  wanted.sort((a, b) => a.row - b.row);
  const bytes = new Uint8Array(wanted.length * stride);
  for (let i = 0; i < wanted.length; ) {
    const begin = (wanted[i] as (typeof wanted)[number]).row;
    let end = begin + 1;
    let next = i + 1;
    for (; next < wanted.length; next++) {
      const { row } = wanted[next] as (typeof wanted)[number];
      if ((row - end) * stride > gap) break;
      end = row + 1;
    }
    const read = await source.slice(start + begin * stride, start + end * stride, signal);
    for (; i < next; i++) {
      const { to, row } = wanted[i] as (typeof wanted)[number];
      bytes.set(read.subarray((row - begin) * stride, (row - begin + 1) * stride), to * stride);
    }
  }
  return bytes;
}

interface Transposes {
  /** The transpose of the whole matrix: in 16 bits where the file has them, else in 32. */
  read(
    part: GgufPart,
    place: GgufPlace,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>;
}

/** Caches the last transpose: it is read in pieces. Only GPT-2's matrices are transposed. */
function createTransposes(): Transposes {
  let last: { readonly name: string; readonly values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> } | null =
    null;
  return {
    async read(part, place, signal) {
      if (last?.name === part.name) return last.values;
      const [rows, columns] = place.shape as readonly [number, number];
      const stored = await readRows(part, place, 0, rows, signal);
      const isHalf = widened(place.type, part.add) !== "F32";
      const aligned = isHalf && stored.byteOffset % 2 !== 0 ? stored.slice() : stored;
      const values = isHalf
        ? transposed(
            new Uint16Array(aligned.buffer, aligned.byteOffset, rows * columns),
            rows,
            columns,
            new Uint16Array(rows * columns),
          )
        : transposed(numbersOf(part, place, stored, rows * columns), rows, columns, new Float32Array(rows * columns));
      last = { name: part.name, values };
      return values;
    },
  };
}

function transposed<Numbers extends Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>(
  values: Numbers,
  rows: number,
  columns: number,
  out: Numbers,
): Numbers {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return out;
}

/** The tensor's type where Hone reads it; null for another. */
export const readableType = (type: Parameters<typeof isReadable>[0]): TensorType | null =>
  isReadable(type) ? type : null;
