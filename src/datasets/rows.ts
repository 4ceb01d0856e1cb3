/** Stores the rows of files in pieces, and reads them back one piece at a time. */

import * as v from "valibot";
import { detectFormat } from "../records/formats/detect.ts";
import { groupFlatTrees } from "../records/formats/oasst.ts";
import { readPiece, writePiece } from "../records/read/piece.ts";
import { readRecords } from "../records/read/read.ts";
import type { DataRecord } from "../records/read/record.ts";
import type { SourceSummary } from "../records/source.ts";
import { writeJson } from "../records/writeJson.ts";
import {
  countRecord,
  noRecords,
  pieceDigest,
  type RecordFacts,
  rowsHash,
  sampleSize,
  storedSummary,
} from "../storage/rows.ts";
import type { Storage } from "../storage/storage.ts";
import { type ByteSource, bytesFromMemory } from "../tensor/bytes.ts";

/** The stored rows of a source, to be read in order or one by one. */
export interface Rows {
  readonly summary: SourceSummary;
  /** All records in order, piece by piece; `from` is the index of the piece's first record. */
  pieces(signal?: AbortSignal): AsyncGenerator<{ readonly from: number; readonly records: readonly DataRecord[] }>;
  /** One record. Throws RangeError outside. */
  record(row: number): Promise<DataRecord>;
}

export interface RowStore {
  /** Reads a file and stores its rows; equal rows are the same source. */
  read(file: ByteSource, progress: (done: number, total: number) => void, signal?: AbortSignal): Promise<Rows>;
  /** Throws when the rows are no longer stored. */
  open(hash: string): Promise<Rows>;
  list(): Promise<SourceSummary[]>;
  delete(hash: string): Promise<void>;
}

/** Characters of one piece: one parses without a noticeable pause, and a gigabyte has only a thousand. */
const pieceLength = 2 ** 20;
/** Most characters of rows where this browser stores nothing: with more the tab could run out of memory. */
const maxInMemory = 512 * 2 ** 20;

export function createRowStore(storage: Storage): RowStore {
  const opened = new Map<string, Rows>();

  async function open(hash: string): Promise<Rows> {
    const known = opened.get(hash);
    if (known) return known;
    const entry = await storage.datasets.get(hash);
    const files = entry && (await storage.datasets.open(hash));
    const stored = v.safeParse(storedSummary, entry?.summary);
    if (!files || !stored.success) {
      throw new Error("These rows are not kept in this browser any more: choose their file again.");
    }
    const rows = rowsOf(stored.output, files);
    opened.set(hash, rows);
    return rows;
  }

  return {
    async read(file, progress, signal) {
      const options = { onProgress: progress, ...(signal && { signal }) };
      const stream = await readRecords(file, options);
      const { kind, gzip, batches } = stream;
      const counter = createCounter();
      const { sample, all } = await peek(batches, sampleSize);
      const values = sample.flatMap((record) => ("value" in record ? [record.value] : []));
      const regroup = groupFlatTrees(values);
      const records = regroup ? regroup(all) : all;
      const { available } = await storage.report();
      const pieces = cutIntoPieces(records, counter, available ? Infinity : maxInMemory, file.name);
      const finish = async () => {
        const hash = await rowsHash(counter.digests);
        const { sample, ...counted } = counter.facts;
        const summary: v.InferOutput<typeof storedSummary> = {
          name: file.name,
          hash,
          kind,
          gzip,
          ...(stream.encoding && { encoding: stream.encoding }),
          byteLength: file.byteLength,
          detection: detectFormat(sample),
          stored: available,
          pieceRows: counter.pieceRows,
          ...counted,
        };
        return { hash, name: file.name, summary };
      };
      try {
        const { hash } = await storage.datasets.saveStream(file.name, file.byteLength, pieces, finish, signal);
        opened.delete(hash);
        return await open(hash);
      } finally {
        await batches.return(undefined);
      }
    },

    open,

    async list() {
      const { entries } = await storage.datasets.list();
      return entries.flatMap((entry) => {
        const stored = v.safeParse(storedSummary, entry.summary);
        return stored.success ? [publicSummary(stored.output)] : [];
      });
    },

    async delete(hash) {
      opened.delete(hash);
      await storage.datasets.delete(hash);
    },
  };
}

function publicSummary({ pieceRows: _, ...summary }: v.InferOutput<typeof storedSummary>): SourceSummary {
  return summary;
}

function rowsOf(stored: v.InferOutput<typeof storedSummary>, files: readonly ByteSource[]): Rows {
  const starts: number[] = [];
  let next = 0;
  for (const count of stored.pieceRows) {
    starts.push(next);
    next += count;
  }
  let cached: { readonly piece: number; readonly records: readonly DataRecord[] } | null = null;
  const read = async (piece: number, signal?: AbortSignal): Promise<readonly DataRecord[]> => {
    const file = files[piece];
    if (!file) throw new RangeError(`${stored.name} has ${files.length} pieces, not ${piece + 1}.`);
    const text = new TextDecoder().decode(await file.slice(0, file.byteLength, signal));
    return readPiece(text);
  };
  return {
    summary: publicSummary(stored),
    async *pieces(signal) {
      for (const [piece, from] of starts.entries()) yield { from, records: await read(piece, signal) };
    },
    async record(row) {
      const piece = starts.findLastIndex((start) => start <= row);
      if (cached?.piece !== piece) cached = { piece, records: await read(piece) };
      const record = cached.records[row - (starts[piece] ?? 0)];
      if (!record) throw new RangeError(`${stored.name} has ${stored.rows} rows, so there is no row ${row + 1}.`);
      return record;
    },
  };
}

/** The pieces that were cut so far, with the facts of their records. */
interface Counter {
  readonly facts: RecordFacts;
  readonly pieceRows: number[];
  readonly digests: string[];
}

const createCounter = (): Counter => ({ facts: noRecords(), pieceRows: [], digests: [] });

/** The first records, and a generator of all records. */
async function peek(
  batches: AsyncGenerator<readonly DataRecord[]>,
  count: number,
): Promise<{ sample: readonly DataRecord[]; all: AsyncGenerator<readonly DataRecord[]> }> {
  const sample: DataRecord[] = [];
  while (sample.length < count) {
    const next = await batches.next();
    if (next.done) break;
    sample.push(...next.value);
  }
  async function* all() {
    yield sample;
    yield* batches;
  }
  return { sample, all: all() };
}

/**
 * Cuts records into pieces of JSON text. Only the records decide where a piece ends, so that equal rows have an equal hash.
 * Throws when the texts have more than `limit` characters.
 */
async function* cutIntoPieces(
  batches: AsyncIterable<readonly DataRecord[]>,
  counter: Counter,
  limit: number,
  name: string,
): AsyncGenerator<ByteSource> {
  let texts: string[] = [];
  let length = 0;
  let total = 0;
  const cut = async () => {
    const bytes = new TextEncoder().encode(writePiece(texts));
    counter.digests.push(await pieceDigest(texts.length, bytes));
    counter.pieceRows.push(texts.length);
    texts = [];
    length = 0;
    return bytesFromMemory(String(counter.pieceRows.length - 1), bytes);
  };
  for await (const records of batches) {
    for (const record of records) {
      const text = writeJson(record);
      texts.push(text);
      length += text.length;
      total += text.length;
      countRecord(counter.facts, record);
      if (total > limit) {
        throw new Error(
          `${name} has more than ${limit} characters of rows, the most without storage, and this browser stores nothing for this page: take fewer rows, or open the page in a window that may store data.`,
        );
      }
      if (length >= pieceLength) yield await cut();
    }
  }
  if (texts.length > 0) yield await cut();
}
