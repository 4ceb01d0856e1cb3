/**
 * Checks the pages of a Parquet column against their bytes before hyparquet allocates memory for them: a page of a few bytes
 * with a run of 2³¹ values would exhaust the worker's memory. Format: parquet-format's Encodings.md.
 */

import type { ColumnChunk, ColumnMetaData, Compressors, PageHeader, RowGroup, SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath, isFlatColumn } from "hyparquet/src/schema.js";
import { BrokenTable, count, maxGroupBytes, mostValues, shown } from "./parquetGroups.ts";
import { sizeOf } from "./row.ts";
import { thriftEnd } from "./thrift.ts";

/** Limits of an unpacked page: bytes per packed byte, bytes that are always allowed, and bytes in all. */
const unpackedPerByte = 4096;
const unpackedFree = 1 << 20;
const maxPageBytes = 1 << 28;

/** Bytes that the pages of a file unpack to, so far and at most. */
export interface Unpacked {
  bytes: number;
  readonly most: number;
}

/**
 * Throws unless the pages of a column fit its bytes, and contain as many values as they declare. It counts runs of levels and
 * of dictionary entries, and the bytes of texts with shared prefixes.
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
  if (!meta) throw new BrokenTable("a column is encrypted or has no metadata");
  const path = getTreePath(schema, meta.path_in_schema);
  const flat = isFlatColumn(path);
  const rows = Number(group.num_rows);
  const most = flat ? rows : Math.max(rows, mostValues(bytes.length));
  const where = `column ${shown(meta.path_in_schema)}`;
  let at = 0;
  let values = 0;
  let unpacked = 0;
  // As in hyparquet, a last byte and the bytes after the last row of a flat column are ignored.
  while (at < bytes.length - 1 && !(flat && values >= rows)) {
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
    const page = bytes.subarray(start, at);
    values += checkPage(page, header, path, meta, most - values, decompressors);
  }
  if (flat && values !== rows) throw new BrokenTable(`${where} has ${values} values for ${rows} rows`);
}

/** Number of values of a page, 0 for a dictionary. Throws when there are more than `most`, or its bytes have fewer. */
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
    if (entries > page.length * 8)
      throw new BrokenTable(`a dictionary of ${page.length} bytes has ${entries} entries, more than fit`);
    return 0;
  }
  const values = count(v1?.num_values ?? v2?.num_values, "values of a page");
  if (values > most) throw new BrokenTable(`a page has ${values} values, but at most ${most} are expected`);
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
      throw new BrokenTable(`levels of ${levelBytes} bytes do not fit a page of ${size}`);
    if (repetition > 0) checkRuns(packed, 0, repetition, values);
    if (definition > 0) checkRuns(packed, repetitionBytes, definition, values);
    const body = packed.subarray(levelBytes);
    const page = v2.is_compressed === false ? body : decompressPage(body, size - levelBytes, meta.codec, decompressors);
    checkValues(page, v2.encoding, meta, count(values - count(v2.num_nulls, "nulls of a page"), "values of a page"));
  } else {
    throw new BrokenTable(`pages of type ${header.type ?? "unknown"} cannot be read`);
  }
  return values;
}

function checkValues(page: Uint8Array, encoding: string, { type }: ColumnMetaData, values: number): void {
  if (values === 0) return;
  const isDictionary = encoding.endsWith("_DICTIONARY");
  if ((type === "BOOLEAN") !== (encoding === "RLE") && (isDictionary || encoding === "RLE")) {
    throw new BrokenTable(`values of type ${type} cannot have the encoding ${encoding}`);
  }
  if (encoding === "RLE") {
    checkRuns(page, 4, 1, values);
  } else if (isDictionary) {
    // With 0 bits per entry, every value is the first entry, and there are no runs.
    if (page[0] !== 0 || page.length > 1) checkRuns(page, 1, page[0] ?? 0, values);
  } else if (encoding.startsWith("DELTA_")) {
    const reader = { view: viewOf(page), offset: 0 };
    checkDelta(page, 0);
    if (encoding !== "DELTA_BYTE_ARRAY") return;
    // Each text is a prefix of the previous text plus its own bytes.
    const shared = new Int32Array(values);
    const own = new Int32Array(values);
    deltaBinaryUnpack(reader, values, shared);
    checkDelta(page, reader.offset);
    deltaBinaryUnpack(reader, values, own);
    let length = 0;
    let total = 0;
    shared.forEach((prefix, i) => {
      if (prefix < 0 || prefix > length)
        throw new BrokenTable(`a text shares ${prefix} bytes with a text of ${length}`);
      length = prefix + count(own[i], "bytes of a text");
      total += length;
      if (total > maxPageBytes) throw new BrokenTable(`the texts of a page are longer than ${sizeOf(maxPageBytes)}`);
    });
  }
}

/** Checks the header of DELTA_BINARY_PACKED: values per block, miniblocks per block. */
function checkDelta(page: Uint8Array, start: number): void {
  const at = { offset: start };
  const block = varint(page, at);
  const miniblocks = varint(page, at);
  if (miniblocks < 1 || block > 1 << 20 || block % miniblocks !== 0) {
    throw new BrokenTable(`${miniblocks} miniblocks in a block of ${block} values`);
  }
}

/** Throws unless the RLE and bit-packed runs have `values` values, and no run exceeds them without bytes of its own. */
function checkRuns(page: Uint8Array, start: number, width: number, values: number): void {
  if (width > 32) throw new BrokenTable(`values have ${width} bits, but at most 32 are possible`);
  const at = { offset: start };
  for (let seen = 0; seen < values; ) {
    const head = varint(page, at);
    const packed = head % 2 === 1;
    const run = Math.floor(head / 2) * (packed ? 8 : 1);
    if (run > values - seen + (packed ? 7 : 0) && (!packed || width === 0)) {
      throw new BrokenTable(`a run has ${run} values, but only ${values - seen} are left`);
    }
    at.offset += packed ? (run / 8) * width : Math.ceil(width / 8);
    if (at.offset > page.length) throw new BrokenTable(`a run of ${run} values exceeds its page`);
    seen += run;
  }
}

function varint(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const next = bytes[at.offset++];
    if (next === undefined) throw new BrokenTable("a number exceeds its page");
    value += (next & 0x7f) * 2 ** shift;
    if (next < 0x80 && value < 2 ** 31) return value;
    if (next < 0x80) break;
  }
  throw new BrokenTable("a number has more than 31 bits");
}

const bitWidth = (level: number) => 32 - Math.clz32(level);

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
