/** Reads Parquet tables, one row group at a time. */

import { type FileMetaData, parquetMetadata, parquetSchema, type RowGroup } from "hyparquet";
import type { ByteSource } from "../../tensor/bytes.ts";
import { decompressors } from "./decompress.ts";
import { BrokenTable, checkGroup, checkSchema, chunkRange, leafPaths, UnsupportedTable } from "./parquetGroups.ts";
import { readColumn, type Unpacked } from "./parquetPages.ts";
import { assembleRows, type LeafColumn } from "./parquetRows.ts";
import { nameShown, type Sized, shortened, sizeOf } from "./row.ts";
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

/**
 * Yields rows of exact values; parquetValues.ts says how each type is written. A row with a text that is not UTF-8 is a
 * problem. Other bytes that are not text are left out, with one problem for their column. A broken row group is one problem.
 * Throws an error with the file's name when the footer is broken.
 */
export async function* readParquet(
  source: ByteSource,
  { signal, onProgress }: ParquetOptions,
): AsyncGenerator<readonly Sized[]> {
  const metadata = await readFooter(source, signal);
  const schema = parquetSchema(metadata);
  const paths = leafPaths([schema]);
  const unpacked: Unpacked = { bytes: 0, most: mostUnpacked(source.byteLength) };
  const reported = new Set<string>();
  let firstRow = 0;
  /** Characters of all rows: a dictionary stores a text once, but millions of rows may contain it. */
  let written = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    signal?.throwIfAborted();
    const rows = Number(group.num_rows);
    let line = firstRow + 1;
    let chunk: Sized[] = [];
    const problem = (why: string) => chunk.push({ record: { line, problem: why }, size: 0 });
    try {
      const columns: LeafColumn[] = [];
      for (const [i, column] of group.columns.entries()) {
        const { start, end } = chunkRange(column);
        const bytes = await slice(source, start, end, signal);
        columns.push(readColumn(bytes, paths[i] ?? [], group, column, decompressors, unpacked));
      }
      for (const { value, size, unreadable } of assembleRows(schema, columns, rows)) {
        const damaged = unreadable.find(({ refusesRow }) => refusesRow);
        if (damaged) problem(`column ${shortened(damaged.column)} ${damaged.why}; the row is left out`);
        else chunk.push({ record: { line, value }, size });
        for (const { column, why } of damaged ? [] : unreadable) {
          if (!reported.has(column)) problem(`column ${shortened(column)} ${why}; they are left out, from this row on`);
          reported.add(column);
        }
        written += size;
        if (written > unpacked.most) {
          const most = `more than ${sizeOf(unpacked.most)}, the limit of a Parquet table of this size`;
          problem(`the rows up to here have ${most}; the rest is not read`);
          yield chunk;
          return;
        }
        line++;
        if (chunk.length < chunkRows) continue;
        yield chunk;
        chunk = [];
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof SourceError) throw error.cause;
      const left = rows - (line - firstRow - 1);
      problem(`row group ${index + 1} of the Parquet table, ${left} rows from here, is broken: ${reasonOf(error)}`);
    }
    if (chunk.length > 0) yield chunk;
    firstRow += rows;
    onProgress?.(index + 1 === metadata.row_groups.length ? source.byteLength : endOf(group), source.byteLength);
  }
}

/** The reason for the user: messages of hyparquet and of JavaScript describe code, not the file. */
function reasonOf(error: unknown): string {
  const ours = error instanceof BrokenTable || error instanceof BrokenThrift;
  return ours ? shortened(error.message, 200) : "its content does not match its headers";
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
    if (error instanceof UnsupportedTable) throw new Error(`${name}: ${error.message}.`);
    throw new Error(`${name}: the footer of the Parquet table is broken (${reasonOf(error)}). ${remedy}`);
  }
}

const endOf = (group: RowGroup) => Math.max(0, ...group.columns.map((column) => chunkRange(column).end));
