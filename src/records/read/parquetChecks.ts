/**
 * What a Parquet table says of itself, held against its bytes before hyparquet reads and allocates by it: a claim of 2³¹
 * rows in a file of a kilobyte, or a run of 2³¹ equal values in a page, would end the worker for want of memory.
 * Formats: parquet-format's README and Encodings.md.
 */

import type {
  ColumnChunk,
  ColumnMetaData,
  Compressors,
  FileMetaData,
  PageHeader,
  RowGroup,
  SchemaTree,
} from "hyparquet";
import { parquetSchema } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath, isFlatColumn } from "hyparquet/src/schema.js";
import { shortened, sizeOf } from "./row.ts";
import { thriftEnd } from "./thrift.ts";

/** Levels of columns within columns. */
const maxNesting = 32;
const maxColumns = 10_000;
/** Every row is kept with the names of its columns. */
const longestName = 200;

/** Rows of a group, at most: this many for each byte that they take in the file, and a few more. */
const rowsPerByte = 256;
const rowsFree = 4096;
const maxRows = 1 << 24;

/** Bytes of a page for each byte that it takes in the file, and in all. */
const unpackedPerByte = 4096;
const unpackedFree = 1 << 20;
const maxPageBytes = 1 << 28;
const maxGroupBytes = 1 << 30;

/** Values of a group: rows times columns, and of columns in lists as many as are counted. */
const valuesPerByte = 256;
const valuesFree = 1 << 20;
const maxValues = 1 << 26;

/** What a table does not hold, in words of ours; errors of hyparquet say nothing to a user. */
export class BrokenTable extends Error {}

/** Bytes that the pages of a file unpack to, counted over all of them. */
export interface Unpacked {
  bytes: number;
  readonly most: number;
}

const mostValues = (bytes: number) => Math.min(maxValues, valuesFree + valuesPerByte * bytes);

const shown = (path: readonly string[]) => shortened(path.join("."));

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
      throw new BrokenTable(`column ${path} lies at bytes ${start} to ${end} of a file of ${byteLength}`);
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

/**
 * Throws unless a column's pages follow each other in its bytes, and their values are as many as they say: runs of
 * levels and of dictionary entries, and the lengths of texts that share a beginning, are added up.
 */
export function checkChunk(
  bytes: Uint8Array,
  schema: SchemaTree,
  group: RowGroup,
  column: ColumnChunk,
  decompressors: Compressors,
  all: Unpacked,
): void {
  const { meta_data: meta } = column;
  if (!meta) throw new BrokenTable("a column that is encrypted or not described");
  const path = getTreePath(schema, meta.path_in_schema);
  const flat = isFlatColumn(path);
  const rows = Number(group.num_rows);
  const most = flat ? rows : Math.max(rows, mostValues(bytes.length));
  const where = `column ${shown(meta.path_in_schema)}`;
  let at = 0;
  let values = 0;
  let unpacked = 0;
  // hyparquet, too, leaves a last byte alone, and what comes after the last row of a column without nesting.
  while (at < bytes.length - 1 && !(flat && values >= rows)) {
    const start = thriftEnd(bytes, at);
    const header = parquetHeader({ view: viewOf(bytes), offset: at });
    const packed = count(header.compressed_page_size, `bytes of a page of ${where}`);
    const size = count(header.uncompressed_page_size, `bytes of a page of ${where}`);
    if (packed > bytes.length - start) {
      throw new BrokenTable(`a page of ${where} has ${packed} bytes, of which ${bytes.length - start} are there`);
    }
    unpacked += size;
    if (size > Math.min(maxPageBytes, unpackedFree + unpackedPerByte * packed) || unpacked > maxGroupBytes) {
      throw new BrokenTable(`a page of ${where} has ${packed} bytes that would be ${sizeOf(size)} when unpacked`);
    }
    all.bytes += size;
    if (all.bytes > all.most) {
      throw new BrokenTable(
        `its pages unpack to more than ${sizeOf(all.most)}, at most 256 times the file and 256 MiB can be read`,
      );
    }
    at = start + packed;
    const page = bytes.subarray(start, at);
    values += checkPage(page, header, path, meta, most - values, decompressors);
  }
  if (flat && values !== rows) throw new BrokenTable(`${where} has ${values} values for ${rows} rows`);
}

/** How many values a page has: 0 of a dictionary. Throws when they are more than `most`, or not in its bytes. */
function checkPage(
  packed: Uint8Array,
  header: PageHeader,
  path: SchemaTree[],
  meta: ColumnMetaData,
  most: number,
  decompressors: Compressors,
): number {
  const size = header.uncompressed_page_size;
  const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
  if (header.type === "DICTIONARY_PAGE") {
    const page = decompressPage(packed, size, meta.codec, decompressors);
    const entries = count(dictionary?.num_values, "entries of a dictionary");
    if (entries > page.length * 8) throw new BrokenTable(`a dictionary of ${entries} entries in ${page.length} bytes`);
    return 0;
  }
  const values = count(v1?.num_values ?? v2?.num_values, "values of a page");
  if (values > most) throw new BrokenTable(`a page of ${values} values, of which ${most} are expected`);
  const definition = bitWidth(getMaxDefinitionLevel(path));
  const repetition = bitWidth(getMaxRepetitionLevel(path));
  if (header.type === "DATA_PAGE" && v1) {
    const page = decompressPage(packed, size, meta.codec, decompressors);
    let at = 0;
    let nulls = 0;
    if (repetition > 0) {
      checkRuns(page, at + 4, repetition, values);
      at += 4 + viewOf(page).getUint32(at, true);
    }
    if (definition > 0) {
      checkRuns(page, at + 4, definition, values);
      const levels: number[] = new Array(values);
      readRleBitPackedHybrid({ view: viewOf(page), offset: at }, definition, levels);
      nulls = levels.filter((level) => level !== getMaxDefinitionLevel(path)).length;
      at += 4 + viewOf(page).getUint32(at, true);
    }
    checkValues(page.subarray(at), v1.encoding, meta, values - nulls);
  } else if (header.type === "DATA_PAGE_V2" && v2) {
    const repetitionBytes = count(v2.repetition_levels_byte_length, "bytes of levels");
    const definitionBytes = count(v2.definition_levels_byte_length, "bytes of levels");
    const levelBytes = repetitionBytes + definitionBytes;
    if (levelBytes > Math.min(packed.length, size))
      throw new BrokenTable(`levels of ${levelBytes} bytes in a page of ${size}`);
    if (repetition > 0) checkRuns(packed, 0, repetition, values);
    if (definition > 0) checkRuns(packed, repetitionBytes, definition, values);
    const body = packed.subarray(levelBytes);
    const page = v2.is_compressed === false ? body : decompressPage(body, size - levelBytes, meta.codec, decompressors);
    checkValues(page, v2.encoding, meta, count(values - count(v2.num_nulls, "nulls of a page"), "values of a page"));
  } else {
    throw new BrokenTable(`a page of the kind ${header.type ?? "unknown"}, which cannot be read`);
  }
  return values;
}

function checkValues(page: Uint8Array, encoding: string, { type }: ColumnMetaData, values: number): void {
  if (values === 0) return;
  const isDictionary = encoding.endsWith("_DICTIONARY");
  if ((type === "BOOLEAN") !== (encoding === "RLE") && (isDictionary || encoding === "RLE")) {
    throw new BrokenTable(`values of type ${type} in the encoding ${encoding}`);
  }
  if (encoding === "RLE") {
    checkRuns(page, 4, 1, values);
  } else if (isDictionary) {
    // Entries of no bits are all the first one, and need no runs.
    if (page[0] !== 0 || page.length > 1) checkRuns(page, 1, page[0] ?? 0, values);
  } else if (encoding.startsWith("DELTA_")) {
    const reader = { view: viewOf(page), offset: 0 };
    checkDelta(page, 0);
    if (encoding !== "DELTA_BYTE_ARRAY") return;
    // Each text is so many characters of the one before, and so many of its own.
    const shared = new Int32Array(values);
    const own = new Int32Array(values);
    deltaBinaryUnpack(reader, values, shared);
    checkDelta(page, reader.offset);
    deltaBinaryUnpack(reader, values, own);
    let length = 0;
    let total = 0;
    shared.forEach((prefix, i) => {
      if (prefix < 0 || prefix > length) throw new BrokenTable(`a text shares ${prefix} bytes with one of ${length}`);
      length = prefix + count(own[i], "bytes of a text");
      total += length;
      if (total > maxPageBytes) throw new BrokenTable(`the texts of a page are longer than ${sizeOf(maxPageBytes)}`);
    });
  }
}

/** The head of DELTA_BINARY_PACKED: values of a block, and miniblocks in it. */
function checkDelta(page: Uint8Array, start: number): void {
  const at = { offset: start };
  const block = varint(page, at);
  const miniblocks = varint(page, at);
  if (miniblocks < 1 || block > 1 << 20 || block % miniblocks !== 0) {
    throw new BrokenTable(`${miniblocks} miniblocks in a block of ${block} values`);
  }
}

/** Throws unless runs of the hybrid of RLE and bit packing hold `values` values and no run goes far beyond. */
function checkRuns(page: Uint8Array, start: number, width: number, values: number): void {
  if (width > 32) throw new BrokenTable(`values of ${width} bits`);
  const at = { offset: start };
  for (let seen = 0; seen < values; ) {
    const head = varint(page, at);
    const packed = head % 2 === 1;
    const run = Math.floor(head / 2) * (packed ? 8 : 1);
    if (run > values - seen + (packed ? 7 : 0) && (!packed || width === 0)) {
      throw new BrokenTable(`a run of ${run} values where ${values - seen} are left`);
    }
    at.offset += packed ? (run / 8) * width : Math.ceil(width / 8);
    if (at.offset > page.length) throw new BrokenTable(`a run of ${run} values goes beyond its page`);
    seen += run;
  }
}

function varint(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const next = bytes[at.offset++];
    if (next === undefined) throw new BrokenTable("a number goes beyond its page");
    value += (next & 0x7f) * 2 ** shift;
    if (next < 0x80 && value < 2 ** 31) return value;
    if (next < 0x80) break;
  }
  throw new BrokenTable("a number of more than 31 bits");
}

const bitWidth = (level: number) => 32 - Math.clz32(level);

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function count(value: unknown, what: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw new BrokenTable(
    number === undefined ? `${what}: there is no such count` : `${what}: ${String(number)} is no count`,
  );
}
