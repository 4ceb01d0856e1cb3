/**
 * The description of a Parquet table, held against its file before hyparquet reads and allocates by it: schema, row groups,
 * places and counts. Format: parquet-format's README.
 */

import type { ColumnChunk, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { parquetSchema } from "hyparquet";
import { shortened, sizeOf } from "./row.ts";

/** Levels of columns within columns. */
const maxNesting = 32;
const maxColumns = 10_000;
/** Every row is kept with the names of its columns. */
const longestName = 200;

/** Rows of a group, at most: this many for each byte that they take in the file, and a few more. */
const rowsPerByte = 256;
const rowsFree = 4096;
const maxRows = 1 << 24;

/** Bytes that the pages of a group take when unpacked. */
export const maxGroupBytes = 1 << 30;

/** Values of a group: rows times columns, and of columns in lists as many as are counted. */
const valuesPerByte = 256;
const valuesFree = 1 << 20;
const maxValues = 1 << 26;

/** What a table does not hold, in words of ours; errors of hyparquet say nothing to a user. */
export class BrokenTable extends Error {}

/** Values that so many bytes of a file may stand for. */
export const mostValues = (bytes: number) => Math.min(maxValues, valuesFree + valuesPerByte * bytes);

/** The name of a column as messages show it. */
export const shown = (path: readonly string[]) => shortened(path.join("."));

/** Where a column's pages lie in the file. */
export function chunkRange({ meta_data: meta }: ColumnChunk): { start: number; end: number } {
  if (!meta) throw new BrokenTable("a column that is encrypted or not described");
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  return { start, end: start + Number(meta.total_compressed_size) };
}

/** Throws unless schema, columns, places and counts of a row group fit together and into the file. */
export function checkGroup(
  leaves: readonly SchemaTree[],
  group: RowGroup,
  index: number,
  { byteLength, codecs }: { readonly byteLength: number; readonly codecs: ReadonlySet<string> },
): void {
  const rows = count(group.num_rows, `rows of row group ${index + 1}`);
  if (group.columns.length !== leaves.length) {
    throw new BrokenTable(`row group ${index + 1} has ${group.columns.length} columns, the table ${leaves.length}`);
  }
  let bytes = 0;
  let unpacked = 0;
  group.columns.forEach((column, i) => {
    const { meta_data: meta } = column;
    const names = leaves[i]?.path ?? [];
    const path = shown(names);
    if (meta?.path_in_schema.join(".") !== names.join(".")) {
      const found = shown(meta?.path_in_schema ?? []);
      throw new BrokenTable(`column ${i + 1} of row group ${index + 1} is ${found}, not ${path}`);
    }
    if (column.file_path) throw new BrokenTable(`column ${path} lies in another file, ${shortened(column.file_path)}`);
    if (!codecs.has(meta.codec))
      throw new BrokenTable(
        `column ${path} is packed with ${meta.codec ?? "no known codec"}; only ${[...codecs].join(", ")} can be read`,
      );
    count(meta.num_values, `values of column ${path}`);
    unpacked += count(meta.total_uncompressed_size, `bytes of column ${path}`);
    bytes += count(meta.total_compressed_size, `bytes of column ${path}`);
    const { start, end } = chunkRange(column);
    if (!(4 <= start && start <= end && end <= byteLength)) {
      const place = Number.isNaN(start + end) ? "no known place" : `bytes ${start} to ${end}`;
      throw new BrokenTable(`column ${path} lies at ${place} of a file of ${byteLength}`);
    }
  });
  const most = Math.min(maxRows, rowsFree + rowsPerByte * bytes);
  if (rows > most)
    throw new BrokenTable(`row group ${index + 1} has ${rows} rows in ${bytes} bytes, at most ${most} can be read`);
  const values = rows * leaves.length;
  if (values > mostValues(bytes)) {
    throw new BrokenTable(
      `row group ${index + 1} has ${values} values in ${bytes} bytes, at most ${mostValues(bytes)} can be read: write the table with smaller row groups`,
    );
  }
  if (unpacked > maxGroupBytes) {
    const remedy = "write the table with smaller row groups";
    throw new BrokenTable(
      `row group ${index + 1} takes ${sizeOf(unpacked)}, at most ${sizeOf(maxGroupBytes)} can be read: ${remedy}`,
    );
  }
}

/** The columns that hold values. Throws unless names, types and counts of the schema fit together. */
export function checkSchema(metadata: FileMetaData): SchemaTree[] {
  const { schema, num_rows: claimed, row_groups: groups } = metadata;
  if (schema.length > maxColumns) throw new BrokenTable(`${schema.length} columns, at most ${maxColumns} can be read`);
  let at = 0;
  const take = (depth: number) => {
    const element = schema[at++];
    if (!element) throw new BrokenTable("columns that are announced are not described");
    if (element.name.length > longestName) {
      throw new BrokenTable(
        `a column's name has ${element.name.length} characters, at most ${longestName} can be read`,
      );
    }
    if (depth > maxNesting) throw new BrokenTable(`columns more than ${maxNesting} deep in each other`);
    const children = count(element.num_children ?? 0, `parts of column ${element.name}`);
    if (children > 0 === (element.type !== undefined) && depth > 0) {
      throw new BrokenTable(`column ${element.name} has both a type and parts, or neither`);
    }
    for (let i = 0; i < children; i++) take(depth + 1);
  };
  take(0);
  if (at !== schema.length) throw new BrokenTable(`${schema.length} columns are described, ${at} are announced`);
  const rows = groups.reduce((sum, group) => sum + count(group.num_rows, "rows of a row group"), 0);
  if (rows !== count(claimed, "rows of the table"))
    throw new BrokenTable(`${claimed} rows are announced, the row groups have ${rows}`);
  const tree = parquetSchema(metadata);
  const names = new Set<string>();
  for (const { element } of tree.children) {
    if (names.has(element.name)) throw new BrokenTable(`two columns are called ${shortened(element.name)}`);
    names.add(element.name);
  }
  return leavesOf(tree);
}

function leavesOf(tree: SchemaTree): SchemaTree[] {
  return tree.children.flatMap((child) => (child.children.length > 0 ? leavesOf(child) : [child]));
}

/** The number that a file gives; throws BrokenTable where it is none, or below 0. */
export function count(value: unknown, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  const shownAs =
    typeof number === "number" || typeof number === "string" ? `${number} is no count` : "there is no count";
  throw new BrokenTable(`${what}: ${shownAs}`);
}
