/** Reads Parquet tables through hyparquet, one row group at a time. */

import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadata,
  parquetRead,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import type { ByteSource } from "../../tensor/bytes.ts";
import { decompressors } from "./decompress.ts";
import { checkChunk, type Unpacked } from "./parquetChecks.ts";
import { BrokenTable, checkGroup, checkSchema, chunkRange } from "./parquetGroups.ts";
import { jsonRow, nameShown, type Sized, shortened, sizeOf } from "./row.ts";
import { BrokenThrift, thriftEnd } from "./thrift.ts";

export interface ParquetOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Most bytes of a footer; a thousand columns in a thousand row groups need about 100 MiB. */
const footerBytes = 1 << 27;

/** Supported compressions of pages. */
const codecs: ReadonlySet<string> = new Set(["UNCOMPRESSED", "SNAPPY", ...Object.keys(decompressors)]);

/** Most bytes that the pages of a file unpack to, and most characters of all its rows. */
const mostUnpacked = (bytes: number) => 2 ** 26 + 256 * bytes;

/** Rows of one yielded chunk. */
const chunkRows = 512;

/** Columns that hyparquet reads at once; its time is quadratic in them. */
const columnsTogether = 128;

/**
 * Yields rows as plain JSON: integers beyond 2⁵³ as text, dates as ISO 8601, bytes as text if they are UTF-8, else as
 * `base64:…`. A broken row group is one problem. Throws an error with the file's name when the footer is broken.
 */
export async function* readParquet(
  source: ByteSource,
  { signal, onProgress }: ParquetOptions,
): AsyncGenerator<readonly Sized[]> {
  const metadata = await readFooter(source, signal);
  const parts = partsOf(metadata);
  const names = parts.flatMap(({ columns }) => columns.map(({ element }) => element.name));
  const unpacked: Unpacked = { bytes: 0, most: mostUnpacked(source.byteLength) };
  let firstRow = 0;
  /** Characters of all rows: a dictionary stores a text once, but millions of rows may contain it. */
  let written = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    signal?.throwIfAborted();
    const rows = Number(group.num_rows);
    let notUtf8 = false;
    let values: unknown[][];
    try {
      values = [];
      for (const part of parts) {
        const read = await readPart(source, part, group, unpacked, () => (notUtf8 = true), signal);
        requireWhole(read, part);
        if (values.length === 0) values = read;
        else for (const [i, row] of values.entries()) row.push(...(read[i] ?? []));
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof SourceError) throw error.cause;
      const problem = `row group ${index + 1} of the Parquet table, ${rows} rows from here, is broken: ${reasonOf(error)}`;
      yield [{ record: { line: firstRow + 1, problem }, size: 0 }];
      values = [];
    }
    for (let start = 0; start < values.length; start += chunkRows) {
      const chunk: Sized[] = [];
      for (const [i, row] of values.slice(start, start + chunkRows).entries()) {
        const line = firstRow + start + i + 1;
        const measure = { size: 0 };
        const entries = names.map((name, column) => [name, plain(row[column], measure)] as const);
        chunk.push({ record: { line, value: Object.fromEntries(entries) }, size: measure.size });
        written += measure.size;
        if (written <= unpacked.most) continue;
        const most = `more than ${sizeOf(unpacked.most)}, the limit of a Parquet table of this size`;
        const problem = `the rows up to here have ${most}; the rest is not read`;
        yield [...chunk, { record: { line, problem }, size: 0 }];
        return;
      }
      yield chunk;
    }
    if (notUtf8) {
      const problem = "some texts in the rows from here are not UTF-8; wrong bytes were read as \uFFFD";
      yield [{ record: { line: firstRow + 1, problem }, size: 0 }];
    }
    firstRow += rows;
    onProgress?.(index + 1 === metadata.row_groups.length ? source.byteLength : endOf(group), source.byteLength);
  }
}

/** The reason for the user: messages of hyparquet and of JavaScript describe code, not the file. */
function reasonOf(error: unknown): string {
  const ours = error instanceof BrokenTable || error instanceof BrokenThrift;
  return ours ? shortened(error.message, 200) : "its content does not match its headers";
}

/** Some columns of a table, with metadata of only these. */
interface Part {
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
  readonly columns: readonly SchemaTree[];
  /** Range [from, to) of its columns among all leaf columns. */
  readonly from: number;
  readonly to: number;
}

function partsOf(metadata: FileMetaData): Part[] {
  const { children } = parquetSchema(metadata);
  const [root] = metadata.schema;
  if (!root) return [];
  const leavesOf = ({ children: inner }: SchemaTree): number =>
    inner.length === 0 ? 1 : inner.reduce((sum, child) => sum + leavesOf(child), 0);
  const parts: Part[] = [];
  let element = 1;
  let leaf = 0;
  for (let start = 0; start < children.length; start += columnsTogether) {
    const columns = children.slice(start, start + columnsTogether);
    const elements = columns.reduce((sum, { count }) => sum + count, 0);
    const leaves = columns.reduce((sum, column) => sum + leavesOf(column), 0);
    const schema = [{ ...root, num_children: columns.length }, ...metadata.schema.slice(element, element + elements)];
    const own = { ...metadata, schema };
    parts.push({ metadata: own, schema: parquetSchema(own), columns, from: leaf, to: leaf + leaves });
    element += elements;
    leaf += leaves;
  }
  return parts;
}

/** An error of the source, not of the table. */
class SourceError extends Error {}

async function slice(source: ByteSource, start: number, end: number, signal: AbortSignal | undefined) {
  try {
    return await source.slice(start, end, signal);
  } catch (error) {
    throw new SourceError("", { cause: error });
  }
}

/** Reads and checks the footer, which describes the table. */
async function readFooter(source: ByteSource, signal: AbortSignal | undefined): Promise<FileMetaData> {
  const { byteLength } = source;
  const name = nameShown(source.name);
  const remedy = "It may be cut off or damaged: download it again.";
  // The file ends with the footer, its length (4 bytes) and PAR1.
  if (byteLength < 12) throw new Error(`${name} has only ${byteLength} bytes, too few for a Parquet table. ${remedy}`);
  const tail = await source.slice(byteLength - 8, byteLength, signal);
  if (new TextDecoder().decode(tail.subarray(4)) !== "PAR1") {
    throw new Error(`${name} is a Parquet table, but does not end with PAR1. ${remedy}`);
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > byteLength - 12 || length > footerBytes) {
    const most = Math.min(byteLength - 12, footerBytes);
    throw new Error(
      `${name}: the footer of the Parquet table would have ${length} bytes, but at most ${most} are possible. ${remedy}`,
    );
  }
  const footer = await source.slice(byteLength - 8 - length, byteLength, signal);
  try {
    thriftEnd(footer.subarray(0, length), 0);
    const metadata = parquetMetadata(footer, { geoparquet: false });
    const leaves = checkSchema(metadata);
    const file = { byteLength, codecs };
    for (const [index, group] of metadata.row_groups.entries()) checkGroup(leaves, group, index, file);
    return metadata;
  } catch (error) {
    throw new Error(`${name}: the footer of the Parquet table is broken (${reasonOf(error)}). ${remedy}`);
  }
}

/** The rows of a group, each a list of the part's values. */
async function readPart(
  source: ByteSource,
  { metadata, schema, columns, from, to }: Part,
  group: RowGroup,
  unpacked: Unpacked,
  notUtf8: () => void,
  signal: AbortSignal | undefined,
): Promise<unknown[][]> {
  const chunks: { start: number; end: number; bytes: Uint8Array<ArrayBuffer> }[] = [];
  const own = { ...group, columns: group.columns.slice(from, to) };
  for (const column of own.columns) {
    const { start, end } = chunkRange(column);
    const bytes = await slice(source, start, end, signal);
    checkChunk(bytes, schema, group, column, decompressors, unpacked);
    chunks.push({ start, end, bytes });
  }
  const file: AsyncBuffer = {
    byteLength: source.byteLength,
    async slice(start, end = source.byteLength) {
      const chunk = chunks.find((candidate) => candidate.start <= start && end <= candidate.end);
      const bytes = chunk?.bytes.subarray(start - chunk.start, end - chunk.start);
      return (bytes ?? (await slice(source, start, end, signal))).slice().buffer;
    },
  };
  return new Promise((resolve, reject) => {
    parquetRead({
      file,
      metadata: { ...metadata, num_rows: group.num_rows, row_groups: [own] },
      columns: columns.map(({ element }) => element.name),
      compressors: decompressors,
      utf8: false,
      geoparquet: false,
      parsers: parsers(notUtf8),
      onComplete: resolve,
    }).catch(reject);
  });
}

/** Most bytes of one text. */
const textBytes = 1 << 26;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

function parsers(notUtf8: () => void) {
  const text = (bytes: Uint8Array | undefined): string | undefined => {
    if (bytes === undefined) return undefined;
    if (bytes.length > textBytes)
      throw new BrokenTable(`a text has ${sizeOf(bytes.length)}, but at most ${sizeOf(textBytes)} can be read`);
    try {
      return strict.decode(bytes);
    } catch {
      notUtf8();
      return lossy.decode(bytes);
    }
  };
  return {
    stringFromBytes: text,
    jsonFromBytes(bytes: Uint8Array | undefined): unknown {
      const source = text(bytes);
      if (source === undefined) return undefined;
      const row = jsonRow(source, 0);
      return "value" in row ? row.value : source;
    },
  };
}

/** Throws unless every row of a flat column has a value or null: a dictionary may lack an entry. */
function requireWhole(rows: readonly unknown[][], { columns }: Part): void {
  columns.forEach(({ children, element }, column) => {
    if (children.length > 0) return;
    const row = rows.findIndex((values) => values[column] === undefined);
    if (row >= 0)
      throw new BrokenTable(`column ${shortened(element.name)} has no value in row ${row + 1} of the group`);
  });
}

const endOf = (group: RowGroup) => Math.max(0, ...group.columns.map((column) => chunkRange(column).end));

/** Converts a value of hyparquet to JSON; adds its size in characters to `measure`, 8 for any other value. */
function plain(value: unknown, measure: { size: number }): unknown {
  if (typeof value === "string") {
    measure.size += value.length;
    return value;
  }
  measure.size += 8;
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return plain(textOrBase64(value), measure);
  if (Array.isArray(value)) return value.map((item) => plain(item, measure));
  if (typeof value !== "object" || value === null) return null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, measure)]));
}

function textOrBase64(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let binary = "";
    for (let start = 0; start < bytes.length; start += 4096) {
      binary += String.fromCharCode(...bytes.subarray(start, start + 4096));
    }
    return `base64:${btoa(binary)}`;
  }
}
