/** Streams the records of a file: JSON, JSON Lines, CSV, TSV, Parquet, text or Markdown, each also as .gz. */

import { type ByteSource, bytesFromMemory } from "../../tensor/bytes.ts";
import { createTextReader, type TextReader } from "./decode.ts";
import { encodingOf, type FileEncoding, textOfBeginning } from "./encoding.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import { createArrayParser, createObjectsParser } from "./json.ts";
import { findReading, type Reading, remedy } from "./kind.ts";
import { createTextParser } from "./pieces.ts";
import type { DataRecord, FileKind } from "./record.ts";
import { type Emit, nameShown, type RowLimits, type RowParser, type Sized, shortened, sizeOf } from "./row.ts";
import { createSettler } from "./settle.ts";
import { createTableParser } from "./table.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes read so far and the bytes of the file. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Bytes of one read; 1 MiB where absent. */
  readonly windowBytes?: number;
  /** Most characters of a row; 64 Mi where absent. */
  readonly rowLength?: number;
}

export interface RecordStream {
  readonly kind: FileKind;
  readonly gzip: boolean;
  /** Of a text that is not UTF-8. Known after the last batch: Windows-1252 may be detected late. */
  readonly encoding: FileEncoding | undefined;
  /** Each has at most 512 records, and about 1 Mi characters unless one row is longer. */
  readonly batches: AsyncGenerator<readonly DataRecord[]>;
}

/** Most rows and characters of a batch. */
const batchRows = 512;
const batchLength = 1 << 20;

/** Bytes by which `findReading` detects a file's kind. */
const beginningBytes = 1 << 16;

/** Most bytes of a Parquet table packed as .gz: it is unpacked in memory, because its footer is at the end. */
const unpackedParquetBytes = 1 << 29;

const damaged = "Download it again, or unpack it with another program.";

/** Problems that wait for the first readable row: if no row is readable, the file is refused. */
const mostPendingProblems = 1000;

/**
 * Streams a file's rows; `findReading` detects its kind, `encodingOf` and its first bytes beyond ASCII its encoding.
 * Unreadable rows are problems among the records. A fault of the whole file (a missing end) is a problem after the last row.
 * Tables must begin with a header.
 *
 * Throws an error that names file, place and remedy when the file has another kind or no readable row; the stream throws it
 * if this shows after many rows. Also throws the signal's reason and the errors of the source.
 */
export async function readRecords(source: ByteSource, options: ReadOptions = {}): Promise<RecordStream> {
  const name = nameShown(source.name);
  const limits: RowLimits = { rowLength: options.rowLength ?? 1 << 26 };
  const packed = await beginning(windows(source, options), 2);
  const gzip = isGzip(packed.bytes);
  const troubles: string[] = [];
  const unpacked = gzip ? gunzip(packed.all, (why) => troubles.push(why)) : packed.all;
  const { bytes, all } = await beginning(unpacked, beginningBytes);
  const encoding = encodingOf(bytes);
  const text = textOfBeginning(bytes, encoding);
  if (text.trim() === "") {
    const trouble = troubles[0];
    if (trouble) throw new Error(`${name}: ${trouble}. ${damaged}`);
    // A longer file may have text after its 64 KiB of white space.
    if (bytes.length < beginningBytes) throw new Error(`${name} is empty. ${remedy}.`);
  }
  const reading = findReading(source.name, bytes, text, bytes.length < beginningBytes);

  let kind: () => FileKind;
  let found: () => FileEncoding | undefined = () => undefined;
  let chunks: AsyncGenerator<readonly Sized[]>;
  if (reading.as === "parquet") {
    // Loaded on demand: it is a fifth of the data worker's code, and few files need it.
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
    const texts = createTextReader(encoding);
    const settler = createSettler(texts);
    const records: Sized[] = [];
    const parser = parserOf(reading, limits, (record, size) => records.push({ record: settler.settle(record), size }));
    const after = () => [...troubles.map((problem) => ({ line: texts.line, problem })), ...settler.end()];
    chunks = parsed(all, texts, parser, records, after);
    kind = () => parser.kind;
    found = () => texts.encoding;
  }

  const batches = batched(name, chunks, options.signal);
  // Reads the first batch now, so that this call throws for a file without a readable row.
  const first = await batches.next();
  return {
    kind: kind(),
    gzip,
    get encoding() {
      return found();
    },
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

/** Yields the file's bytes in windows. */
async function* windows(source: ByteSource, options: ReadOptions): AsyncGenerator<Uint8Array> {
  const { signal, onProgress, windowBytes = 1 << 20 } = options;
  for (let start = 0; start < source.byteLength; start += windowBytes) {
    signal?.throwIfAborted();
    const end = Math.min(start + windowBytes, source.byteLength);
    yield await source.slice(start, end, signal);
    onProgress?.(end, source.byteLength);
  }
}

/** The first `length` bytes, or fewer if the file is shorter; and a stream of all bytes. */
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

/** Reads an unpacked table into memory. Throws above `unpackedParquetBytes`. */
async function collected(name: string, chunks: AsyncGenerator<Uint8Array>): Promise<ByteSource> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > unpackedParquetBytes) {
      const most = sizeOf(unpackedParquetBytes);
      throw new Error(`${name} is a packed Parquet table of more than ${most}, too large for memory. Unpack it first.`);
    }
  }
  return bytesFromMemory(name, joined(parts, size));
}

async function* parsed(
  chunks: AsyncIterable<Uint8Array>,
  texts: TextReader,
  parser: RowParser,
  records: Sized[],
  after: () => readonly DataRecord[],
): AsyncGenerator<readonly Sized[]> {
  for await (const bytes of chunks) {
    parser.push(texts.push(bytes));
    if (records.length > 0) yield records.splice(0);
  }
  parser.push(texts.end());
  parser.end();
  records.push(...after().map((record) => ({ record, size: 0 })));
  yield records.splice(0);
}

/** Yields records in batches. Throws when no row can be read. */
async function* batched(
  name: string,
  chunks: AsyncGenerator<readonly Sized[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly DataRecord[]> {
  let batch: DataRecord[] = [];
  let length = 0;
  let readable = false;
  let count = 0;
  /** The first problems, for the error when no row can be read. */
  const problems: string[] = [];
  const pending: DataRecord[][] = [];
  for await (const chunk of chunks) {
    for (const { record, size } of chunk) {
      if (batch.length >= batchRows || (batch.length > 0 && length + size > batchLength)) {
        pending.push(batch);
        batch = [];
        length = 0;
      }
      batch.push(record);
      length += size;
      if ("value" in record) {
        readable = true;
      } else {
        count++;
        // The first problem is nearly complete; the others only show whether they are of the same kind.
        const most = problems.length === 0 ? 180 : 30;
        if (problems.length < 3) problems.push(`line ${record.line}: ${shortened(record.problem, most)}`);
      }
    }
    signal?.throwIfAborted();
    if (readable || count > mostPendingProblems) yield* pending.splice(0);
  }
  if (!readable) {
    if (count === 0) throw new Error(`${name} has no row. ${remedy}.`);
    const more = count > problems.length ? ` (and ${count - problems.length} more)` : "";
    throw new Error(`${name}: no row can be read. ${problems.join("; ")}${more}. ${remedy}.`);
  }
  if (batch.length > 0) pending.push(batch);
  yield* pending;
}
