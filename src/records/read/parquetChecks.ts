/**
 * Checks the encoded values of a Parquet page against its bytes before hyparquet allocates memory for them. Format:
 * parquet-format's Encodings.md.
 */

import type { ColumnMetaData } from "hyparquet";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { BrokenTable, count, maxPageBytes } from "./parquetGroups.ts";
import { sizeOf } from "./row.ts";

/** Throws unless the bytes have this many values. Counts dictionary entries, and the bytes of texts with shared prefixes. */
export function checkValues(page: Uint8Array, encoding: string, { type }: ColumnMetaData, values: number): void {
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
export function checkRuns(page: Uint8Array, start: number, width: number, values: number): void {
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

export const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
