/**
 * Checks the footer of a Parquet table (schema, row groups, offsets, counts) against its file, before hyparquet allocates
 * memory for it. Format: parquet-format's README.
 */

import type { ColumnChunk, ColumnMetaData, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { parquetSchema } from "hyparquet";
import { shortened, sizeOf } from "./row.ts";

/** Most levels of nested columns. */
const maxNesting = 32;
const maxColumns = 10_000;
/** Bounded, because every stored row contains the names of its columns. */
const longestName = 200;

/** Limits of a group's rows: rows per byte in the file, rows that are always allowed, and rows in all. */
const rowsPerByte = 256;
const rowsFree = 4096;
const maxRows = 1 << 24;

/** Most bytes that the pages of a group, and one page, unpack to. */
export const maxGroupBytes = 1 << 30;
export const maxPageBytes = 1 << 28;

/** The same limits for a group's values: rows times columns, or the counted values of a nested column. */
const valuesPerByte = 256;
const valuesFree = 1 << 20;
const maxValues = 1 << 26;

/** A fault of a Parquet table, with a message for the user. */
export class BrokenTable extends Error {}

/** An intact table that Hone cannot read; the message names the way out. */
export class UnsupportedTable extends BrokenTable {}

/** Most values that this many bytes of a file may contain. */
export const mostValues = (bytes: number) => Math.min(maxValues, valuesFree + valuesPerByte * bytes);

/** A column's name for messages. */
export const shown = (path: readonly string[]) => shortened(path.join("."));

/** A column's metadata. Throws BrokenTable when there is none, or the column is encrypted. */
export function metadataOf({ meta_data: meta, crypto_metadata: encryption }: ColumnChunk): ColumnMetaData {
  if (encryption !== undefined) {
    const which = meta ? `column ${shown(meta.path_in_schema)}` : "a column";
    throw new UnsupportedTable(`${which} is encrypted: write the table without encryption`);
  }
  if (!meta) throw new BrokenTable("a column has no metadata");
  return meta;
}

/** The byte range of a column's pages in the file. */
export function chunkRange(chunk: ColumnChunk): { start: number; end: number } {
  const meta = metadataOf(chunk);
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  return { start, end: start + Number(meta.total_compressed_size) };
}

/** Throws unless the columns, offsets and counts of a row group match the schema and the file. */
export function checkGroup(
  leaves: readonly SchemaTree[],
  group: RowGroup,
  index: number,
  { byteLength, codecs }: { readonly byteLength: number; readonly codecs: ReadonlySet<string> },
): void {
  const rows = count(group.num_rows, `rows of row group ${index + 1}`);
  if (group.columns.length !== leaves.length) {
    throw new BrokenTable(
      `row group ${index + 1} has ${group.columns.length} columns, but the table has ${leaves.length}`,
    );
  }
  let bytes = 0;
  let unpacked = 0;
  group.columns.forEach((column, i) => {
    const names = leaves[i]?.path ?? [];
    const path = shown(names);
    if (column.crypto_metadata !== undefined) {
      throw new UnsupportedTable(`column ${path} is encrypted: write the table without encryption`);
    }
    const meta = metadataOf(column);
    if (meta.path_in_schema.join(".") !== names.join(".")) {
      const found = shown(meta.path_in_schema);
      throw new BrokenTable(`column ${i + 1} of row group ${index + 1} is ${found}, not ${path}`);
    }
    if (column.file_path) throw new BrokenTable(`column ${path} is in another file, ${shortened(column.file_path)}`);
    if (!codecs.has(meta.codec))
      throw new UnsupportedTable(
        `column ${path} is packed with ${meta.codec ?? "no known codec"}; only ${[...codecs].join(", ")} can be read`,
      );
    count(meta.num_values, `values of column ${path}`);
    unpacked += count(meta.total_uncompressed_size, `bytes of column ${path}`);
    bytes += count(meta.total_compressed_size, `bytes of column ${path}`);
    const { start, end } = chunkRange(column);
    if (!(4 <= start && start <= end && end <= byteLength)) {
      const place = Number.isNaN(start + end) ? "an unknown place" : `bytes ${start} to ${end}`;
      throw new BrokenTable(`column ${path} is at ${place}, but the file has ${byteLength} bytes`);
    }
  });
  const most = Math.min(maxRows, rowsFree + rowsPerByte * bytes);
  if (rows > most)
    throw new BrokenTable(`row group ${index + 1} has ${rows} rows in ${bytes} bytes, but at most ${most} can be read`);
  const values = rows * leaves.length;
  if (values > mostValues(bytes)) {
    throw new BrokenTable(
      `row group ${index + 1} has ${values} values in ${bytes} bytes, but at most ${mostValues(bytes)} can be read: write the table with smaller row groups`,
    );
  }
  if (unpacked > maxGroupBytes) {
    const remedy = "write the table with smaller row groups";
    throw new BrokenTable(
      `row group ${index + 1} unpacks to ${sizeOf(unpacked)}, but at most ${sizeOf(maxGroupBytes)} can be read: ${remedy}`,
    );
  }
}

/** Returns the leaf columns. Throws unless the names, types and counts of the schema are consistent. */
export function checkSchema(metadata: FileMetaData): SchemaTree[] {
  const { schema, num_rows: claimed, row_groups: groups } = metadata;
  if (schema.length > maxColumns)
    throw new UnsupportedTable(`the table has ${schema.length} columns, but at most ${maxColumns} can be read`);
  let at = 0;
  const visit = (depth: number) => {
    const element = schema[at++];
    if (!element) throw new BrokenTable("the schema lacks columns that it declares");
    if (element.name.length > longestName) {
      throw new BrokenTable(
        `a column's name has ${element.name.length} characters, but at most ${longestName} can be read`,
      );
    }
    if (depth > maxNesting) throw new BrokenTable(`columns are nested more than ${maxNesting} levels deep`);
    const children = count(element.num_children ?? 0, `parts of column ${element.name}`);
    if (children > 0 === (element.type !== undefined) && depth > 0) {
      throw new BrokenTable(`column ${element.name} has both a type and parts, or neither`);
    }
    for (let i = 0; i < children; i++) visit(depth + 1);
  };
  visit(0);
  if (at !== schema.length) throw new BrokenTable(`the schema declares ${at} columns, but has ${schema.length}`);
  const rows = groups.reduce((sum, group) => sum + count(group.num_rows, "rows of a row group"), 0);
  if (rows !== count(claimed, "rows of the table"))
    throw new BrokenTable(`the table declares ${claimed} rows, but its row groups have ${rows}`);
  const tree = parquetSchema(metadata);
  if (tree.children.length === 0) throw new UnsupportedTable("the table has no columns");
  const names = new Set<string>();
  for (const { element } of tree.children) {
    if (names.has(element.name)) throw new BrokenTable(`two columns have the name ${shortened(element.name)}`);
    names.add(element.name);
  }
  return leafPaths([tree]).flatMap((path) => path.at(-1) ?? []);
}

/** The paths that continue this one to each leaf column, in the order of the columns. */
export function leafPaths(path: SchemaTree[]): SchemaTree[][] {
  const children = path.at(-1)?.children ?? [];
  return children.length === 0 ? [path] : children.flatMap((child) => leafPaths([...path, child]));
}

/** A count in a file as a number. Throws BrokenTable unless it is a whole number from 0. */
export function count(value: unknown, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  const shownAs =
    typeof number === "number" || typeof number === "string" ? `${number} is not a count` : "there is no count";
  throw new BrokenTable(`${what}: ${shownAs}`);
}
