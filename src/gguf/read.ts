/**
 * Reads the header of a GGUF file: its keys and the table of its tensors. Work and memory have limits that a file cannot
 * raise: arrays are passed, and read only on request; counts are limited by constants and by the file's length.
 */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut, quote } from "../tensor/quote.ts";
import { type Cursor, createCursor } from "./cursor.ts";
import {
  type ArrayPlace,
  byteLengthOf,
  bytesPerValue,
  defaultAlignment,
  GgufError,
  type GgufTensor,
  type GgufValue,
  layoutOf,
  type ScalarType,
  tensorTypeOf,
  valueTypes,
} from "./types.ts";

export interface GgufHeader {
  readonly version: number;
  readonly keys: ReadonlyMap<string, GgufValue>;
  /** In the order of the file's table. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** The first byte of the tensors' data. */
  readonly dataStart: number;
}

/** A model has up to about 100 keys. */
const mostKeys = 4096;
/** The largest published models have about 2,000: experts share a tensor. */
const mostTensors = 16_384;
/** Bytes of a key or a tensor's name. */
const longestName = 1024;
/** Bytes of one text, such as a chat template; published ones have up to 100,000. */
const longestText = 4 * 2 ** 20;
/** As in ggml. */
const mostDimensions = 4;
const largestAlignment = 2 ** 20;

/**
 * Reads and checks a header: counts, types, texts in UTF-8, names that appear once, sizes that consist of whole blocks, and
 * places within the file that do not overlap. Throws a GgufError, what the source throws, or the signal's reason.
 */
export async function readHeader(source: ByteSource, signal?: AbortSignal): Promise<GgufHeader> {
  const file = cut(source.name);
  await requireGguf(source, signal);
  const cursor = createCursor(source, signal);
  cursor.skip("the magic number", 4);
  const version = await cursor.uint32("the version");
  if (version !== 2 && version !== 3) throw new GgufError(versionProblem(file, version));
  const tensorCount = await cursor.size("the number of tensors", mostTensors);
  const keyCount = await cursor.size("the number of keys", mostKeys);
  const keys = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = await cursor.text(`the name of key ${i + 1} of ${keyCount}`, longestName);
    if (keys.has(key)) throw damaged(file, `has the key ${quote(key)} twice`);
    keys.set(key, await readValue(cursor, file, key));
  }
  const alignment = alignmentOf(keys, file);
  const heads: TensorRow[] = [];
  for (let i = 0; i < tensorCount; i++)
    heads.push(await readTensorRow(cursor, file, `tensor ${i + 1} of ${tensorCount}`));
  const dataStart = Math.ceil(cursor.at / alignment) * alignment;
  return { version, keys, tensors: place(heads, { file, alignment, dataStart, end: source.byteLength }), dataStart };
}

async function requireGguf(source: ByteSource, signal: AbortSignal | undefined): Promise<void> {
  const first = await source.slice(0, Math.min(4, source.byteLength), signal);
  if (String.fromCharCode(...first) === "GGUF") return;
  const found = source.byteLength === 0 ? "is empty" : `begins with the bytes ${[...first].join(", ")}`;
  throw new GgufError(
    `${cut(source.name)} is no GGUF file: it ${found}, not with the text GGUF. Download the file itself.`,
  );
}

function versionProblem(file: string, version: number): string {
  if (version === 1)
    return `${file} has GGUF's version 1, but Hone reads 2 and 3: convert the model again with llama.cpp.`;
  const bytesSwapped = version !== 0 && version % 2 ** 16 === 0;
  return bytesSwapped
    ? `${file} is in big-endian order, but Hone reads little-endian files: convert the model again with llama.cpp.`
    : `${file} has GGUF's version ${version}, but Hone reads 2 and 3: look for a newer Hone, or download the file again.`;
}

const damaged = (file: string, problem: string) =>
  new GgufError(`${file} ${problem}; the file is damaged: download or convert it again.`);

const typeNames = new Map(
  Object.entries(valueTypes).map(([name, id]) => [id as number, name as keyof typeof valueTypes]),
);

async function readValue(cursor: Cursor, file: string, key: string): Promise<GgufValue> {
  const what = `the value of ${quote(key)}`;
  const id = await cursor.uint32(`the type of ${quote(key)}`);
  const type = typeNames.get(id);
  if (type === undefined) throw damaged(file, `has the unknown type ${id} at the key ${quote(key)}`);
  if (type === "string") return { type, value: await cursor.text(what, longestText) };
  if (type === "array") return readArrayPlace(cursor, file, key);
  const view = await cursor.view(what, bytesPerValue[type]);
  return type === "bool" ? { type, value: view.getUint8(0) !== 0 } : { type, value: readers[type](view, 0) };
}

async function readArrayPlace(cursor: Cursor, file: string, key: string): Promise<ArrayPlace> {
  const what = `the array ${quote(key)}`;
  const id = await cursor.uint32(`the type of ${what}`);
  const items = typeNames.get(id);
  if (items === undefined) throw damaged(file, `has the unknown type ${id} in ${what}`);
  if (items === "array") {
    throw new GgufError(
      `${file} has arrays in ${what}, which neither Hone nor llama.cpp reads: convert the model again.`,
    );
  }
  const count = await cursor.size(`the length of ${what}`, Number.MAX_SAFE_INTEGER);
  const start = cursor.at;
  if (items === "string") await cursor.skipTexts(what, count);
  else cursor.skip(what, count * bytesPerValue[items]);
  return { type: "array", items, count, start, end: cursor.at };
}

const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const readers: Readonly<
  Record<Exclude<ScalarType, "string" | "bool">, (view: DataView, at: number) => number | bigint>
> = {
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  uint16: (view, at) => view.getUint16(at, true),
  int16: (view, at) => view.getInt16(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int32: (view, at) => view.getInt32(at, true),
  float32: (view, at) => view.getFloat32(at, true),
  uint64: (view, at) => exact(view.getBigUint64(at, true)),
  int64: (view, at) => exact(view.getBigInt64(at, true)),
  float64: (view, at) => view.getFloat64(at, true),
};

/** The texts of an array. Throws GgufError where the array has another type, or a text is no UTF-8. */
export async function readTexts(
  source: ByteSource,
  key: string,
  { items, count, start, end }: ArrayPlace,
  signal?: AbortSignal,
): Promise<string[]> {
  if (items !== "string") throw damaged(cut(source.name), `has ${items} in the array ${quote(key)}, not texts`);
  const bytes = await source.slice(start, end, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = Number(view.getBigUint64(at, true));
    at += 8;
    try {
      texts.push(decoder.decode(bytes.subarray(at, at + length)));
    } catch (cause) {
      const where = `${cut(source.name)}: text ${i} of the array ${quote(key)}`;
      throw new GgufError(`${where} is no UTF-8; the file is damaged: download or convert it again.`, { cause });
    }
    at += length;
  }
  return texts;
}

/** The numbers of an array; integers of 64 bits beyond 2^53 are rounded. Throws GgufError for an array of texts. */
export async function readNumbers(
  source: ByteSource,
  key: string,
  { items, count, start, end }: ArrayPlace,
  signal?: AbortSignal,
): Promise<number[]> {
  if (items === "string" || items === "bool") {
    throw damaged(
      cut(source.name),
      `has ${items === "bool" ? "truth values" : "texts"} in the array ${quote(key)}, not numbers`,
    );
  }
  const bytes = await source.slice(start, end, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = bytesPerValue[items];
  return Array.from({ length: count }, (_, i) => Number(readers[items](view, i * width)));
}

/** A tensor's row of the table: `offset` counts from the start of the data. */
type TensorRow = Pick<GgufTensor, "name" | "type" | "shape"> & { readonly offset: number; readonly byteLength: number };

async function readTensorRow(cursor: Cursor, file: string, which: string): Promise<TensorRow> {
  const name = await cursor.text(`the name of ${which}`, longestName);
  const what = `tensor ${quote(name)}`;
  const dimensions = await cursor.uint32(`the number of dimensions of ${what}`);
  if (dimensions > mostDimensions)
    throw damaged(file, `has ${dimensions} dimensions in ${what}, above ${mostDimensions}`);
  const sizes: number[] = [];
  for (let i = 0; i < dimensions; i++)
    sizes.push(await cursor.size(`size ${i + 1} of ${what}`, Number.MAX_SAFE_INTEGER));
  const shape = sizes.reverse();
  const id = await cursor.uint32(`the type of ${what}`);
  const type = tensorTypeOf(id);
  if (type === undefined) {
    throw new GgufError(
      `${file}: ${what} has type ${id}, which this version of Hone does not know: choose a file in Q8_0, or look for a newer Hone.`,
    );
  }
  const byteLength = byteLengthOf(type, shape);
  if (byteLength === null) {
    throw damaged(
      file,
      `has ${what} as ${type}[${cut(shape.join(", "))}], but ${type} needs rows of whole blocks of ${layoutOf(type).size}`,
    );
  }
  const offset = await cursor.size(`the offset of ${what}`, Number.MAX_SAFE_INTEGER);
  return { name, type, shape, offset, byteLength };
}

function alignmentOf(keys: ReadonlyMap<string, GgufValue>, file: string): number {
  const given = keys.get("general.alignment");
  if (given === undefined) return defaultAlignment;
  const value = given.type === "uint32" ? Number(given.value) : 0;
  if (value > 0 && value <= largestAlignment && Number.isInteger(Math.log2(value))) return value;
  const shown = given.type === "array" ? "an array" : `${given.type} ${quote(given.value)}`;
  throw damaged(file, `has ${shown} at general.alignment, not a power of two up to ${largestAlignment} as uint32`);
}

interface Place {
  readonly file: string;
  readonly alignment: number;
  readonly dataStart: number;
  /** The file's length. */
  readonly end: number;
}

/** Places the tensors in the file. Throws GgufError for a name that appears twice, and for places that cannot be right. */
function place(
  rows: readonly TensorRow[],
  { file, alignment, dataStart, end }: Place,
): ReadonlyMap<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  for (const { name, type, shape, offset, byteLength } of rows) {
    if (tensors.has(name)) throw damaged(file, `has the tensor ${quote(name)} twice`);
    if (offset % alignment !== 0) {
      throw damaged(file, `has tensor ${quote(name)} at offset ${offset}, which is no multiple of ${alignment}`);
    }
    const start = dataStart + offset;
    if (start + byteLength > end) {
      throw new GgufError(
        `${file} is cut off: tensor ${quote(name)} ends at byte ${start + byteLength}, but the file has ${end} bytes. Download it again.`,
      );
    }
    tensors.set(name, { name, type, shape, start, end: start + byteLength });
  }
  // An empty tensor may begin where another one begins.
  const inOrder = [...tensors.values()].sort((a, b) => a.start - b.start || a.end - b.end);
  inOrder.forEach((tensor, i) => {
    const before = inOrder[i - 1];
    if (before && tensor.start < before.end) {
      throw damaged(
        file,
        `has tensors ${quote(before.name)} and ${quote(tensor.name)} in the same bytes from ${tensor.start} on`,
      );
    }
  });
  return tensors;
}
