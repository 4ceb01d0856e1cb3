/** The rows that are at hand: read from files, kept in pieces, and read again a piece at a time. */

import * as v from "valibot";
import type { RowProblem } from "../records/example.ts";
import { detectFormat } from "../records/formats/detect.ts";
import { groupFlatTrees } from "../records/formats/oasst.ts";
import { readRecords } from "../records/read/read.ts";
import type { DataRecord } from "../records/read/record.ts";
import type { SourceSummary } from "../records/source.ts";
import { keptSummary, pieceDigest, rowsHash } from "../storage/rows.ts";
import type { Storage } from "../storage/storage.ts";
import { type ByteSource, bytesFromMemory } from "../tensor/bytes.ts";

/** A source that can be walked through, and looked into at any row. */
export interface Rows {
  readonly summary: SourceSummary;
  /** All records in order, with the index of the first of each piece. */
  pieces(signal?: AbortSignal): AsyncGenerator<{ readonly from: number; readonly records: readonly DataRecord[] }>;
  /** One record. Throws RangeError outside. */
  record(row: number): Promise<DataRecord>;
}

export interface RowStore {
  /** Reads a file and keeps its rows; the same rows again are the same source. */
  read(file: ByteSource, progress: (done: number, total: number) => void, signal?: AbortSignal): Promise<Rows>;
  /** Throws when it is not kept any more. */
  open(hash: string): Promise<Rows>;
  list(): Promise<SourceSummary[]>;
  delete(hash: string): Promise<void>;
}

/** Text of one piece: small enough to be parsed without a pause, large enough that a gigabyte has a thousand. */
const pieceLength = 2 ** 20;
/** Records that the detection of the format looks at. */
const sampleSize = 256;
/** Problems that a summary lists. */
const listedProblems = 500;
/** Of all rows in memory, where this browser keeps nothing: beyond it the tab could die. */
const longestInMemory = 512 * 2 ** 20;

export function createRowStore(storage: Storage): RowStore {
  const opened = new Map<string, Rows>();

  async function open(hash: string): Promise<Rows> {
    const known = opened.get(hash);
    if (known) return known;
    const entry = await storage.datasets.get(hash);
    const files = entry && (await storage.datasets.open(hash));
    const kept = v.safeParse(keptSummary, entry?.summary);
    if (!files || !kept.success) {
      throw new Error("These rows are not kept in this browser any more: choose their file again.");
    }
    const rows = rowsOf(kept.output, files);
    opened.set(hash, rows);
    return rows;
  }

  return {
    async read(file, progress, signal) {
      const options = { onProgress: progress, ...(signal && { signal }) };
      const { kind, gzip, batches } = await readRecords(file, options);
      const counter = createCounter();
      const { sample, all } = await lookAhead(batches, sampleSize);
      const values = sample.flatMap((record) => ("value" in record ? [record.value] : []));
      const regroup = groupFlatTrees(values);
      const records = regroup ? regroup(all) : all;
      const { available } = await storage.report();
      const pieces = cutIntoPieces(records, counter, available ? Infinity : longestInMemory, file.name);
      const finish = async () => {
        const hash = await rowsHash(counter.digests);
        const summary: v.InferOutput<typeof keptSummary> = {
          name: file.name,
          hash,
          kind,
          gzip,
          rows: counter.rows,
          byteLength: file.byteLength,
          detection: detectFormat(counter.sample),
          problems: counter.problems,
          unreadable: counter.unreadable,
          stored: available,
          pieceRows: counter.pieceRows,
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
        const kept = v.safeParse(keptSummary, entry.summary);
        return kept.success ? [publicSummary(kept.output)] : [];
      });
    },

    async delete(hash) {
      opened.delete(hash);
      await storage.datasets.delete(hash);
    },
  };
}

function publicSummary({ pieceRows: _, ...summary }: v.InferOutput<typeof keptSummary>): SourceSummary {
  return summary;
}

function rowsOf(kept: v.InferOutput<typeof keptSummary>, files: readonly ByteSource[]): Rows {
  const starts: number[] = [];
  let next = 0;
  for (const count of kept.pieceRows) {
    starts.push(next);
    next += count;
  }
  let held: { readonly piece: number; readonly records: readonly DataRecord[] } | null = null;
  const read = async (piece: number, signal?: AbortSignal): Promise<readonly DataRecord[]> => {
    const file = files[piece];
    if (!file) throw new RangeError(`${kept.name} has ${files.length} pieces, not ${piece + 1}.`);
    const text = new TextDecoder().decode(await file.slice(0, file.byteLength, signal));
    return JSON.parse(text) as readonly DataRecord[];
  };
  return {
    summary: publicSummary(kept),
    async *pieces(signal) {
      for (const [piece, from] of starts.entries()) yield { from, records: await read(piece, signal) };
    },
    async record(row) {
      const piece = starts.findLastIndex((start) => start <= row);
      if (held?.piece !== piece) held = { piece, records: await read(piece) };
      const record = held.records[row - (starts[piece] ?? 0)];
      if (!record) throw new RangeError(`${kept.name} has ${kept.rows} rows, and row ${row + 1} was asked for.`);
      return record;
    },
  };
}

/** What is counted while records go by. */
interface Counter {
  rows: number;
  unreadable: number;
  readonly pieceRows: number[];
  readonly digests: string[];
  readonly problems: RowProblem[];
  /** First values, for the detection. */
  readonly sample: unknown[];
}

const createCounter = (): Counter => ({
  rows: 0,
  unreadable: 0,
  pieceRows: [],
  digests: [],
  problems: [],
  sample: [],
});

/** The first records, and all of them again. */
async function lookAhead(
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
 * Records as JSON text in pieces. Where a piece ends depends on the records alone, so that the same rows have the same
 * hash however they were read. Throws when memory is all there is and they would not fit.
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
    const bytes = new TextEncoder().encode(`[${texts.join(",\n")}]`);
    counter.digests.push(await pieceDigest(texts.length, bytes));
    counter.pieceRows.push(texts.length);
    texts = [];
    length = 0;
    return bytesFromMemory(String(counter.pieceRows.length - 1), bytes);
  };
  for await (const records of batches) {
    for (const record of records) {
      const text = JSON.stringify(record);
      texts.push(text);
      length += text.length;
      total += text.length;
      counter.rows++;
      if ("problem" in record) {
        counter.unreadable++;
        if (counter.problems.length < listedProblems) {
          counter.problems.push({ line: record.line, message: record.problem });
        }
      } else if (counter.sample.length < sampleSize) counter.sample.push(record.value);
      if (total > limit) {
        throw new Error(
          `${name} has more than ${limit} characters of rows, and this browser keeps nothing for this page, so they would all lie in memory: take fewer rows, or open the page in a window that may keep data.`,
        );
      }
      if (length >= pieceLength) yield await cut();
    }
  }
  if (texts.length > 0) yield await cut();
}
