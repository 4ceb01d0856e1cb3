/**
 * The safetensors format (github.com/huggingface/safetensors): 8 bytes of header length, a JSON header of names, types,
 * shapes and places, then the data without a gap. A reader checks the whole header before it uses any of it.
 */

import type { ByteSource } from "../tensor/bytes.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import { cut, quote } from "../tensor/quote.ts";
import { describeForeign, isObject } from "./bytes.ts";
import { ModelError, tensorName } from "./error.ts";
import { parseJson } from "./json.ts";

/** Bits of one element, for each type of the format. */
const bitsPerElement = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const;

export type StoredDType = keyof typeof bitsPerElement;

/** A tensor's place: bytes `start` to `end` of `source`. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: Shape;
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsFile {
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference implementation's limit. */
const headerLimit = 100_000_000;
const lengthBytes = 8;

/**
 * Reads the header and checks it: first its length, then valid JSON, known types, shapes of whole numbers, and byte
 * ranges that fit type and shape, have no overlaps or gaps, and end with the file. Throws a `ModelError` that names
 * file, tensor, both values and the way out.
 */
export async function readSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsFile> {
  const header = await readHeader(source, signal);
  const dataStart = lengthBytes + header.byteLength;
  const entries: TensorEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header.json)) {
    if (name === "__metadata__") metadata = checkMetadata(source.name, value);
    else entries.push(checkEntry(source, name, value, dataStart));
  }
  // An empty tensor may start where another one starts: the second key puts it first.
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let end = dataStart;
  let previous: TensorEntry | null = null;
  for (const entry of entries) {
    if (entry.start !== end) {
      const where = previous === null ? "the header" : `tensor ${tensorName(previous.name)}`;
      throw new ModelError(
        `${cut(source.name)}: tensor ${tensorName(entry.name)} begins at byte ${entry.start}, but ${where} ends at byte ${end}, ` +
          `so they ${entry.start < end ? "overlap" : "leave a gap"}. The file is damaged: download or export it again.`,
      );
    }
    end = entry.end;
    previous = entry;
  }
  if (end > source.byteLength) {
    throw new ModelError(
      `${cut(source.name)} is cut off: its header requires ${end} bytes, but it has ${source.byteLength}; ` +
        "download or copy it again.",
    );
  }
  if (end < source.byteLength) {
    throw new ModelError(
      `${cut(source.name)} has ${source.byteLength} bytes, but its header describes only ${end}; ` +
        "the file is damaged: download or export it again.",
    );
  }
  return { tensors: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

async function readHeader(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<{ readonly json: Readonly<Record<string, unknown>>; readonly byteLength: number }> {
  const name = cut(source.name);
  const first = await source.slice(0, Math.min(48, source.byteLength), signal);
  const padded = new Uint8Array(lengthBytes);
  padded.set(first.subarray(0, lengthBytes));
  const declared = new DataView(padded.buffer).getBigUint64(0, true);
  // Only an impossible length proves a foreign file: a possible length can begin with any bytes.
  if (source.byteLength < lengthBytes || declared > BigInt(headerLimit)) {
    const kind = describeForeign(first);
    if (kind !== null) throw new ModelError(`${name} is not a safetensors file but ${kind}: download the file itself.`);
  }
  if (source.byteLength < lengthBytes) {
    throw new ModelError(
      `${name} has ${source.byteLength} bytes, too few for a safetensors file: download or copy it again.`,
    );
  }
  if (declared > BigInt(headerLimit)) {
    throw new ModelError(
      `${name} declares a header of ${declared} bytes, above the limit of ${headerLimit}; ` +
        "it is damaged or not a safetensors file: download or export it again.",
    );
  }
  const byteLength = Number(declared);
  if (lengthBytes + byteLength > source.byteLength) {
    throw new ModelError(
      `${name} is cut off: its header alone requires ${lengthBytes + byteLength} bytes, but it has ` +
        `${source.byteLength}; download or copy it again.`,
    );
  }
  const bytes = await source.slice(lengthBytes, lengthBytes + byteLength, signal);
  const json = parseJson(`${name}: its header`, bytes, "strict");
  if (!isObject(json)) throw new ModelError(`${name} has a header that is not an object: download or export it again.`);
  return { json, byteLength };
}

function checkMetadata(file: string, value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw new ModelError(`${cut(file)}: "__metadata__" must map names to texts; export the file again.`);
  }
  return value as Readonly<Record<string, string>>;
}

function checkEntry(source: ByteSource, name: string, value: unknown, dataStart: number): TensorEntry {
  const file = cut(source.name);
  const refuse = (problem: string) =>
    new ModelError(`${file}: tensor ${tensorName(name)} ${problem}; the file is damaged: download or export it again.`);
  if (!isObject(value)) throw refuse("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isStoredDType(dtype)) {
    throw new ModelError(
      `${file}: tensor ${tensorName(name)} has the unknown type ${quote(dtype)}; ` +
        "save the model again as F32, F16 or BF16.",
    );
  }
  if (!isWholeNumbers(shape)) throw refuse(`has the shape ${quote(shape)}, not a list of whole numbers from 0`);
  if (!isWholeNumbers(offsets) || offsets.length !== 2) {
    throw refuse(`has the data_offsets ${quote(offsets)}, not two whole numbers from 0`);
  }
  const [from, to] = offsets as readonly [number, number];
  const wanted = byteLengthOf(dtype, shape);
  if (wanted === null) throw refuse(`has the shape ${showShape(shape)}, which is no whole number of bytes in ${dtype}`);
  if (to - from !== wanted) {
    throw refuse(`takes bytes ${from} to ${to}, ${to - from} of them, but ${dtype}${showShape(shape)} needs ${wanted}`);
  }
  return { name, dtype, shape, source, start: dataStart + from, end: dataStart + to };
}

/** `[2, 3]`: the first sizes of a shape, for a message. */
export function showShape(shape: Shape): string {
  return `[${cut(shape.slice(0, 16).join(", "))}${shape.length > 16 ? ", …" : ""}]`;
}

function isStoredDType(value: unknown): value is StoredDType {
  return typeof value === "string" && Object.hasOwn(bitsPerElement, value);
}

function isWholeNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** Bytes of a stored tensor; null when that is no exact whole number. */
function byteLengthOf(dtype: StoredDType, shape: Shape): number | null {
  const bits = sizeOf(shape) * bitsPerElement[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : null;
}

/** A tensor's entry in the header, without its place. */
export interface TensorHead {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: Shape;
}

export interface StoredTensor extends TensorHead {
  /** The stored elements, little-endian: a Float32Array for F32, bit patterns in a Uint16Array for F16. */
  readonly data: ArrayBufferView;
}

/**
 * The head of a file with these tensors, and the order of their bytes, which follow without gaps. Like the reference
 * implementation, it puts wider types first and pads the header to 8 bytes, so that every tensor is aligned. Throws
 * RangeError for a name that appears twice, or a tensor that is no whole number of bytes.
 */
export function layoutSafetensors<Tensor extends TensorHead>(
  tensors: readonly Tensor[],
  metadata?: Readonly<Record<string, string>>,
): { readonly head: Uint8Array<ArrayBuffer>; readonly ordered: readonly Tensor[] } {
  const ordered = tensors.toSorted(
    (a, b) => bitsPerElement[b.dtype] - bitsPerElement[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const header = new Map<string, unknown>();
  if (metadata !== undefined) header.set("__metadata__", metadata);
  let end = 0;
  for (const { name, dtype, shape } of ordered) {
    if (header.has(name) || name === "__metadata__") throw new RangeError(`The tensor name "${name}" is already used.`);
    const length = byteLengthOf(dtype, shape);
    if (length === null)
      throw new RangeError(`Tensor "${name}", ${dtype}[${shape.join(", ")}], is no whole number of bytes.`);
    header.set(name, { dtype, shape, data_offsets: [end, end + length] });
    end += length;
  }
  // Not JSON.stringify of an object, which would lose the key "__proto__" and reorder the key "1".
  const json = [...header].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",");
  const text = new TextEncoder().encode(`{${json}}`);
  const dataStart = Math.ceil((lengthBytes + text.length) / 8) * 8;
  const head = new Uint8Array(dataStart).fill(0x20, lengthBytes);
  new DataView(head.buffer).setBigUint64(0, BigInt(dataStart - lengthBytes), true);
  head.set(text, lengthBytes);
  return { head, ordered };
}

/** A whole file in memory. Throws like `layoutSafetensors`, and for data that do not fit type and shape. */
export function writeSafetensors(
  tensors: readonly StoredTensor[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  for (const { name, dtype, shape, data } of tensors) {
    const wanted = byteLengthOf(dtype, shape);
    if (data.byteLength === wanted) continue;
    throw new RangeError(
      `Tensor "${name}", ${dtype}[${shape.join(", ")}], needs ${wanted} bytes, but its data have ${data.byteLength}.`,
    );
  }
  const { head, ordered } = layoutSafetensors(tensors, metadata);
  const file = new Uint8Array(ordered.reduce((end, { data }) => end + data.byteLength, head.length));
  file.set(head);
  let at = head.length;
  for (const { data } of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
