/** Reads the pages of a Parquet column: unpacks, checks and decodes each. Format: parquet-format's README and Encodings.md. */

import type { ColumnChunk, ColumnMetaData, Compressors, PageHeader, RowGroup, SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from "hyparquet/src/delta.js";
import { byteStreamSplit, readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { readPlain } from "hyparquet/src/plain.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, isFlatColumn } from "hyparquet/src/schema.js";
import { checkRuns, checkValues, viewOf } from "./parquetChecks.ts";
import { BrokenTable, count, maxGroupBytes, maxPageBytes, metadataOf, mostValues, shown } from "./parquetGroups.ts";
import type { LeafColumn } from "./parquetRows.ts";
import { type Converted, conversionOf } from "./parquetValues.ts";
import { sizeOf } from "./row.ts";
import { thriftEnd } from "./thrift.ts";

/** Limits of an unpacked page: bytes per packed byte, and bytes that are always allowed. */
const unpackedPerByte = 4096;
const unpackedFree = 1 << 20;

/** Bytes that the pages of a file unpack to, so far and at most. */
export interface Unpacked {
  bytes: number;
  readonly most: number;
}

/** What the decoding of a column's pages needs to know. */
interface Column {
  readonly meta: ColumnMetaData;
  readonly path: readonly string[];
  /** Bytes of a value of fixed length. */
  readonly fixedLength: number | undefined;
  readonly definition: number;
  readonly repetition: number;
  readonly decompressors: Compressors;
  readonly convert: (raw: unknown) => Converted;
}

interface Page {
  readonly entries: number;
  readonly definition: Uint8Array | null;
  readonly repetition: Uint8Array | null;
  readonly values: readonly Converted[];
}

/**
 * Reads a column of a row group; `path` leads from the schema's root to it. Before memory is allocated for a page, its runs and counts are compared with its bytes: a
 * page of a few bytes with a run of 2³¹ values would exhaust the worker's memory. Throws BrokenTable.
 */
export function readColumn(
  bytes: Uint8Array,
  path: SchemaTree[],
  group: RowGroup,
  chunk: ColumnChunk,
  decompressors: Compressors,
  all: Unpacked,
): LeafColumn {
  const meta = metadataOf(chunk);
  const element = path.at(-1)?.element ?? { name: "" };
  const column: Column = {
    meta,
    path: meta.path_in_schema,
    fixedLength: element.type_length,
    definition: getMaxDefinitionLevel(path),
    repetition: getMaxRepetitionLevel(path),
    decompressors,
    convert: conversionOf(element, meta.path_in_schema.join("."), path.slice(0, -1)),
  };
  const flat = isFlatColumn(path);
  const rows = Number(group.num_rows);
  const most = flat ? rows : Math.max(rows, mostValues(bytes.length));
  const where = `column ${shown(meta.path_in_schema)}`;
  const pages: Page[] = [];
  let dictionary: readonly Converted[] | null = null;
  let at = 0;
  let entries = 0;
  let unpacked = 0;
  // A last byte and the bytes after the last row of a flat column are ignored, as in hyparquet.
  while (at < bytes.length - 1 && !(flat && entries >= rows)) {
    const start = thriftEnd(bytes, at);
    const header = parquetHeader({ view: viewOf(bytes), offset: at });
    const packed = count(header.compressed_page_size, `bytes of a page of ${where}`);
    const size = count(header.uncompressed_page_size, `bytes of a page of ${where}`);
    if (packed > bytes.length - start) {
      throw new BrokenTable(`a page of ${where} has ${packed} bytes, but only ${bytes.length - start} are left`);
    }
    unpacked += size;
    if (size > Math.min(maxPageBytes, unpackedFree + unpackedPerByte * packed) || unpacked > maxGroupBytes) {
      throw new BrokenTable(
        `a page of ${where} unpacks from ${packed} bytes to ${sizeOf(size)}, more than can be read`,
      );
    }
    all.bytes += size;
    if (all.bytes > all.most) {
      throw new BrokenTable(
        `its pages unpack to more than ${sizeOf(all.most)}, the limit of 64 MiB plus 256 times the file`,
      );
    }
    at = start + packed;
    const body = bytes.subarray(start, at);
    if (header.type === "DICTIONARY_PAGE") {
      dictionary = readDictionary(body, header, column);
      continue;
    }
    const page = readPage(body, header, column, dictionary, most - entries);
    entries += page.entries;
    pages.push(page);
  }
  if (flat && entries !== rows) throw new BrokenTable(`${where} has ${entries} values for ${rows} rows`);
  return {
    path: meta.path_in_schema,
    entries,
    definition: joinedLevels(pages, entries, column.definition, ({ definition }) => definition),
    repetition: joinedLevels(pages, entries, 0, ({ repetition }) => repetition),
    values: pages.length === 1 ? (pages[0]?.values ?? []) : pages.flatMap(({ values }) => values),
  };
}

/** The levels of all pages; null where no page has any. `otherwise`: the level of entries without one. */
function joinedLevels(
  pages: readonly Page[],
  entries: number,
  otherwise: number,
  levelsOf: (page: Page) => Uint8Array | null,
): Uint8Array | null {
  if (pages.every((page) => levelsOf(page) === null)) return null;
  const joined = new Uint8Array(entries).fill(otherwise);
  let at = 0;
  for (const page of pages) {
    const levels = levelsOf(page);
    if (levels) joined.set(levels, at);
    at += page.entries;
  }
  return joined;
}

function unpack(packed: Uint8Array, size: number, { meta, decompressors }: Column): Uint8Array {
  // LZ4 of nothing is one byte, which hyparquet's decoder refuses; other codecs write none at all.
  return size === 0 ? new Uint8Array(0) : decompressPage(packed, size, meta.codec, decompressors);
}

function readDictionary(packed: Uint8Array, header: PageHeader, column: Column): Converted[] {
  const page = unpack(packed, header.uncompressed_page_size, column);
  const entries = count(header.dictionary_page_header?.num_values, "entries of a dictionary");
  if (entries > page.length * 8)
    throw new BrokenTable(`a dictionary of ${page.length} bytes has ${entries} entries, more than fit`);
  return Array.from(plainValues(page, entries, column), column.convert);
}

/** Throws when the page has more than `most` entries, or its bytes have fewer. */
function readPage(
  packed: Uint8Array,
  header: PageHeader,
  column: Column,
  dictionary: readonly Converted[] | null,
  most: number,
): Page {
  const size = header.uncompressed_page_size;
  const { data_page_header: v1, data_page_header_v2: v2 } = header;
  const entries = count(v1?.num_values ?? v2?.num_values, "values of a page");
  if (entries > most) throw new BrokenTable(`a page has ${entries} values, but at most ${most} are expected`);
  let definition: Uint8Array | null = null;
  let repetition: Uint8Array | null = null;
  let page: Uint8Array;
  if (header.type === "DATA_PAGE" && v1) {
    for (const encoding of [
      column.definition > 0 && v1.definition_level_encoding,
      column.repetition > 0 && v1.repetition_level_encoding,
    ]) {
      if (encoding && encoding !== "RLE") throw new BrokenTable(`levels with the encoding ${encoding} cannot be read`);
    }
    page = unpack(packed, size, column);
    let at = 0;
    const levels = (highest: number) => {
      if (highest === 0) return null;
      if (at + 4 > page.length) throw new BrokenTable(`levels exceed their page of ${page.length} bytes`);
      const length = viewOf(page).getUint32(at, true);
      const read = readLevels(page, at + 4, highest, entries);
      at += 4 + length;
      return read;
    };
    repetition = levels(column.repetition);
    definition = levels(column.definition);
    page = page.subarray(at);
    return {
      entries,
      definition,
      repetition,
      values: valuesOf(page, v1.encoding, column, dictionary, entries, definition),
    };
  }
  if (header.type === "DATA_PAGE_V2" && v2) {
    const repetitionBytes = count(v2.repetition_levels_byte_length, "bytes of levels");
    const definitionBytes = count(v2.definition_levels_byte_length, "bytes of levels");
    const levelBytes = repetitionBytes + definitionBytes;
    if (levelBytes > Math.min(packed.length, size))
      throw new BrokenTable(`levels of ${levelBytes} bytes do not fit a page of ${size}`);
    if (column.repetition > 0) repetition = readLevels(packed, 0, column.repetition, entries);
    if (column.definition > 0) definition = readLevels(packed, repetitionBytes, column.definition, entries);
    const body = packed.subarray(levelBytes);
    page = v2.is_compressed === false ? body : unpack(body, size - levelBytes, column);
    return {
      entries,
      definition,
      repetition,
      values: valuesOf(page, v2.encoding, column, dictionary, entries, definition),
    };
  }
  throw new BrokenTable(`pages of type ${header.type ?? "unknown"} cannot be read`);
}

function readLevels(page: Uint8Array, start: number, highest: number, entries: number): Uint8Array {
  const width = 32 - Math.clz32(highest);
  checkRuns(page, start, width, entries);
  const levels = new Uint8Array(entries);
  readRleBitPackedHybrid({ view: viewOf(page), offset: start }, width, levels, 0);
  return levels;
}

function valuesOf(
  page: Uint8Array,
  encoding: string,
  column: Column,
  dictionary: readonly Converted[] | null,
  entries: number,
  levels: Uint8Array | null,
): Converted[] {
  let count = entries;
  if (levels) for (const level of levels) if (level !== column.definition) count--;
  if (count === 0) return [];
  checkValues(page, encoding, column.meta, count);
  if (!encoding.endsWith("_DICTIONARY")) return Array.from(rawValues(page, encoding, column, count), column.convert);
  const indices = new Int32Array(count);
  const width = page[0] ?? 0;
  // With 0 bits per entry, every value is the first entry, and there are no runs.
  if (width > 0) readRleBitPackedHybrid({ view: viewOf(page), offset: 1 }, width, indices, page.length - 1);
  return Array.from(indices, (index) => {
    const value = dictionary?.[index];
    if (value !== undefined) return value;
    const size = dictionary?.length ?? 0;
    throw new BrokenTable(`column ${shown(column.path)} uses entry ${index} of a dictionary with ${size} entries`);
  });
}

function rawValues(page: Uint8Array, encoding: string, column: Column, count: number): ArrayLike<unknown> {
  const { type } = column.meta;
  const reader = { view: viewOf(page), offset: 0 };
  switch (encoding) {
    case "PLAIN":
      return plainValues(page, count, column);
    case "RLE": {
      const flags = new Uint8Array(count);
      readRleBitPackedHybrid(reader, 1, flags);
      return flags;
    }
    case "BYTE_STREAM_SPLIT":
      return byteStreamSplit(reader, count, type, column.fixedLength);
    case "DELTA_BINARY_PACKED": {
      const numbers = type === "INT32" ? new Int32Array(count) : new BigInt64Array(count);
      deltaBinaryUnpack(reader, count, numbers);
      return numbers;
    }
    case "DELTA_LENGTH_BYTE_ARRAY":
    case "DELTA_BYTE_ARRAY": {
      const texts: Uint8Array[] = new Array(count);
      (encoding === "DELTA_BYTE_ARRAY" ? deltaByteArray : deltaLengthByteArray)(reader, count, texts);
      return texts;
    }
  }
  throw new BrokenTable(`column ${shown(column.path)} has the encoding ${encoding}, which cannot be read`);
}

function plainValues(page: Uint8Array, count: number, { meta, path, fixedLength }: Column): ArrayLike<unknown> {
  const reader = { view: viewOf(page), offset: 0 };
  const values = readPlain(reader, meta.type, count, fixedLength);
  // The values are views of the chunk, which continues after the page.
  if (reader.offset > page.length) throw new BrokenTable(`the values of column ${shown(path)} exceed their page`);
  return values;
}
