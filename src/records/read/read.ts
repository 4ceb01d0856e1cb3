/** Files to records: JSON, JSON Lines, CSV, TSV, Parquet, text and Markdown, and these packed as .gz, in a stream. */

import { type ByteSource, bytesFromMemory } from "../../tensor/bytes.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { createArrayParser, createObjectsParser } from "./json.ts";
import { findReading, type Reading, remedy } from "./kind.ts";
import { createTextParser } from "./pieces.ts";
import type { DataRecord, FileKind } from "./record.ts";
import { type Emit, nameShown, type RowLimits, type RowParser, type Sized, shortened, sizeOf } from "./row.ts";
import { createTableParser } from "./table.ts";
import { createUtf8Reader } from "./utf8.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file that are read, of how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Bytes that are read at once; 1 MiB where absent. */
  readonly windowBytes?: number;
  /** Characters that one row may have; 64 Mi where absent. */
  readonly rowLength?: number;
}

export interface RecordStream {
  readonly kind: FileKind;
  readonly gzip: boolean;
  /** At most 512 records each, or about 1 MiB of text. */
  readonly batches: AsyncGenerator<readonly DataRecord[]>;
}

/** Rows of one batch, and characters of its text. */
const batchRows = 512;
const batchLength = 1 << 20;

/** Bytes by which a file's kind is found. */
const beginningBytes = 1 << 16;

/** A packed Parquet table is unpacked in memory, as its description stands at its end. */
const unpackedParquetBytes = 1 << 29;

const damaged = "Get it again, or unpack it with another program to see what is left of it.";

/** Problems that are kept back at the beginning, as a file of which no row can be read is refused as a whole. */
const heldProblems = 1000;

/**
 * Reads a file's rows in a stream. Its kind is found by its bytes, then by its name, then by how it looks. Rows that
 * cannot be read are problems among the records; what is wrong with the file as a whole (its end is missing, bytes that
 * are not UTF-8) is a problem after the last row. Tables begin with a header.
 *
 * Throws one sentence that names file, place and remedy when the file is of another kind, or no row of it can be read
 * (found late, the stream throws it); the signal's reason when cancelled; what the source throws.
 */
export async function readRecords(source: ByteSource, options: ReadOptions = {}): Promise<RecordStream> {
  const name = nameShown(source.name);
  const limits: RowLimits = { rowLength: options.rowLength ?? 1 << 26 };
  const packed = await beginning(windows(source, options), 2);
  const gzip = isGzip(packed.bytes);
  const troubles: string[] = [];
  const unpacked = gzip ? gunzip(packed.all, (why) => troubles.push(why)) : packed.all;
  const { bytes, all } = await beginning(unpacked, beginningBytes);
  if (isBlank(bytes)) {
    const trouble = troubles[0];
    if (trouble) throw new Error(`${name}: ${trouble}. ${damaged}`);
    // Only a beginning was seen; a file that goes on with text after 64 KiB of white space is read as text.
    if (bytes.length < beginningBytes) throw new Error(`${name} is empty. ${remedy}.`);
  }
  const reading = findReading(source.name, bytes, bytes.length < beginningBytes);

  let kind: () => FileKind;
  let chunks: AsyncGenerator<readonly Sized[]>;
  if (reading.as === "parquet") {
    // A fifth of the data worker's code, which few files need.
    const { readParquet } = await import("./parquet.ts");
    if (gzip) {
      const table = await collected(name, all);
      if (troubles[0]) throw new Error(`${name}: ${troubles[0]}. ${damaged}`);
      chunks = readParquet(table, options.signal ? { signal: options.signal } : {});
    } else {
      await all.return(undefined);
      chunks = readParquet(source, options);
    }
    kind = () => "parquet";
  } else {
    const records: Sized[] = [];
    const parser = parserOf(reading, limits, (record, size) => records.push({ record, size }));
    chunks = parsed(all, parser, records, troubles);
    kind = () => parser.kind;
  }

  const batches = batched(name, chunks, options.signal);
  // The first batch is read here, so that a file of which nothing can be read is refused here.
  const first = await batches.next();
  return {
    kind: kind(),
    gzip,
    batches: (async function* () {
      try {
        if (!first.done) yield first.value;
        yield* batches;
      } finally {
        await batches.return(undefined);
      }
    })(),
  };
}

function parserOf(reading: Exclude<Reading, { as: "parquet" }>, limits: RowLimits, emit: Emit): RowParser {
  switch (reading.as) {
    case "array":
      return createArrayParser(limits, emit);
    case "objects":
      return createObjectsParser(limits, emit);
    case "table":
      return createTableParser(reading.form, limits, emit);
    case "text":
      return createTextParser(reading.markdown, emit);
  }
}

/** The file's bytes, window by window. */
async function* windows(source: ByteSource, options: ReadOptions): AsyncGenerator<Uint8Array> {
  const { signal, onProgress, windowBytes = 1 << 20 } = options;
  for (let start = 0; start < source.byteLength; start += windowBytes) {
    signal?.throwIfAborted();
    const end = Math.min(start + windowBytes, source.byteLength);
    yield await source.slice(start, end, signal);
    onProgress?.(end, source.byteLength);
  }
}

/** The first bytes (at least `length`, or all there are), and all bytes with these before the others. */
async function beginning(chunks: AsyncGenerator<Uint8Array>, length: number) {
  const seen: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const { done, value } = await chunks.next();
    if (done) break;
    seen.push(value);
    size += value.length;
  }
  const bytes = joined(seen, size);
  return {
    bytes: bytes.subarray(0, length),
    all: (async function* () {
      try {
        yield* seen.splice(0);
        yield* chunks;
      } finally {
        await chunks.return(undefined);
      }
    })(),
  };
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** All bytes of an unpacked table, in memory. Throws where they are too many. */
async function collected(name: string, chunks: AsyncGenerator<Uint8Array>): Promise<ByteSource> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > unpackedParquetBytes) {
      const most = `more than ${sizeOf(unpackedParquetBytes)} when unpacked`;
      throw new Error(`${name} is a packed Parquet table of ${most}, which has to be in memory. Unpack it first.`);
    }
  }
  return bytesFromMemory(name, joined(parts, size));
}

/** White space, a byte order mark aside. */
function isBlank(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes).trim() === "";
}

async function* parsed(
  chunks: AsyncIterable<Uint8Array>,
  parser: RowParser,
  records: Sized[],
  troubles: readonly string[],
): AsyncGenerator<readonly Sized[]> {
  const utf8 = createUtf8Reader();
  for await (const bytes of chunks) {
    parser.push(utf8.push(bytes));
    if (records.length > 0) yield records.splice(0);
  }
  parser.push(utf8.end());
  parser.end();
  const problem = (line: number, why: string): Sized => ({ record: { line, problem: why }, size: 0 });
  for (const trouble of troubles) records.push(problem(utf8.line, trouble));
  if (utf8.brokenLine !== null) {
    const why = "here begin bytes that are not UTF-8; they are read as \uFFFD: save the file as UTF-8";
    records.push(problem(utf8.brokenLine, why));
  }
  yield records.splice(0);
}

/** Records in batches. Throws where no row can be read at all. */
async function* batched(
  name: string,
  chunks: AsyncGenerator<readonly Sized[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly DataRecord[]> {
  let batch: DataRecord[] = [];
  let length = 0;
  let readable = false;
  let count = 0;
  /** The first problems, to be named where there is nothing else. */
  const problems: string[] = [];
  const held: DataRecord[][] = [];
  for await (const chunk of chunks) {
    for (const { record, size } of chunk) {
      if (batch.length >= batchRows || (batch.length > 0 && length + size > batchLength)) {
        held.push(batch);
        batch = [];
        length = 0;
      }
      batch.push(record);
      length += size;
      if ("value" in record) {
        readable = true;
      } else {
        count++;
        // One problem is shown whole; of the others the first words tell whether they are of its kind.
        const most = problems.length === 0 ? 180 : 30;
        if (problems.length < 3) problems.push(`line ${record.line}: ${shortened(record.problem, most)}`);
      }
    }
    signal?.throwIfAborted();
    if (readable || count > heldProblems) yield* held.splice(0);
  }
  if (!readable) {
    if (count === 0) throw new Error(`${name} holds no row. ${remedy}.`);
    const more = count > problems.length ? ` (and ${count - problems.length} more)` : "";
    throw new Error(`${name}: no row can be read. ${problems.join("; ")}${more}. ${remedy}.`);
  }
  if (batch.length > 0) held.push(batch);
  yield* held;
}
