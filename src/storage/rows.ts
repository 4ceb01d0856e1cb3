/** Stored rows: their summary, and the hash that identifies them in every run. */

import * as v from "valibot";
import { sha256 } from "../hub/hash.ts";
import type { RowProblem } from "../records/example.ts";
import { detectFormat } from "../records/formats/detect.ts";
import { type Detection, MappingSchema } from "../records/formats/mapping.ts";
import { fileEncodings } from "../records/read/encoding.ts";
import { type DataRecord, fileKinds } from "../records/read/record.ts";
import type { SourceSummary } from "../records/source.ts";
import { list, text, whole } from "../run/fields.ts";
import { readAs } from "../run/problem.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { StorageError } from "./errors.ts";
import type { StoredFiles } from "./records.ts";

const detection: v.GenericSchema<unknown, Detection> = v.object({
  mapping: MappingSchema,
  reason: v.string(),
  alternatives: v.array(MappingSchema),
  columns: v.array(v.object({ name: v.string(), sample: v.string() })),
});

export interface StoredSummary extends SourceSummary {
  readonly pieceRows: readonly number[];
}

/** A summary as it is stored, with the number of records of each piece. */
export const storedSummary: v.GenericSchema<unknown, StoredSummary> = v.object({
  name: v.string(),
  hash: v.string(),
  kind: v.picklist(fileKinds),
  gzip: v.boolean(),
  encoding: v.exactOptional(v.picklist(fileEncodings)),
  rows: v.number(),
  byteLength: v.number(),
  detection,
  problems: v.array(v.object({ line: v.number(), message: v.string() })),
  unreadable: v.number(),
  stored: v.boolean(),
  pieceRows: v.array(v.number()),
});

export const pieceDigest = async (rows: number, bytes: Uint8Array<ArrayBuffer>) =>
  JSON.stringify(["piece", rows, await sha256(bytes)]);

/** The hash of rows in every run: over their pieces, in order. */
export const rowsHash = (digests: readonly string[]) =>
  sha256(new TextEncoder().encode([JSON.stringify(["hone-rows", 1]), ...digests].join("\n")));

/** Records that detect the format. */
export const sampleSize = 256;
/** Most problems in a summary. */
const listedProblems = 500;

/** The facts of a summary that come from the records themselves. */
export interface RecordFacts {
  rows: number;
  unreadable: number;
  readonly problems: RowProblem[];
  /** The first values, for the detection of the format. */
  readonly sample: unknown[];
}

export const noRecords = (): RecordFacts => ({ rows: 0, unreadable: 0, problems: [], sample: [] });

/** Adds one record to the facts. */
export function countRecord(facts: RecordFacts, record: DataRecord): void {
  facts.rows++;
  if ("problem" in record) {
    facts.unreadable++;
    if (facts.problems.length < listedProblems) facts.problems.push({ line: record.line, message: record.problem });
  } else if (facts.sample.length < sampleSize) facts.sample.push(record.value);
}

/** Rows from elsewhere, with the summary in their file. */
export interface ForeignRows extends Pick<StoredFiles, "hash" | "name" | "summary"> {
  readonly files: readonly ByteSource[];
}

/** Members of a foreign summary that are used; the rest is computed from the rows. */
const ForeignSummary = v.object({
  kind: v.picklist(fileKinds),
  gzip: v.boolean(),
  encoding: v.exactOptional(v.picklist(fileEncodings)),
  byteLength: whole(0, Number.MAX_SAFE_INTEGER),
  pieceRows: list(whole(1, 1e7), 20_000),
});

const ForeignRecord: v.GenericSchema<unknown, DataRecord> = v.union(
  [
    v.strictObject({ line: whole(0, Number.MAX_SAFE_INTEGER), value: v.unknown() }),
    v.strictObject({ line: whole(0, Number.MAX_SAFE_INTEGER), problem: text(1e6) }),
  ],
  "a line with a value or a problem",
);

/**
 * Computes the summary of rows from elsewhere. `readPiece` parses one piece; `from` is the file that contains them.
 * Throws if the rows do not match their hash.
 */
export async function summaryOfForeign(
  from: string,
  { hash, name, summary, files }: ForeignRows,
  readPiece: (piece: ByteSource) => Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<StoredSummary> {
  const refuse = (problem: string) =>
    new StorageError(`${cut(from)} is damaged: the rows of ${cut(name)} ${problem}. Export the run again.`);
  const { output: known, problem } = readAs(ForeignSummary, summary);
  if (problem !== null) throw refuse(`have a wrong summary: ${problem}`);
  const { pieceRows, ...ofFile } = known;
  if (pieceRows.length !== files.length) throw refuse(`have ${files.length} pieces instead of ${pieceRows.length}`);
  const digests: string[] = [];
  const facts = noRecords();
  for (const [index, file] of files.entries()) {
    const rows = pieceRows[index] ?? 0;
    digests.push(await pieceDigest(rows, await file.slice(0, file.byteLength, signal)));
    const { output: records, problem } = readAs(v.array(ForeignRecord), await readPiece(file));
    if (problem !== null) throw refuse(`have a piece ${index} that cannot be read: ${problem}`);
    if (records.length !== rows) throw refuse(`have ${records.length} rows in piece ${index} instead of ${rows}`);
    for (const record of records) countRecord(facts, record);
  }
  const found = await rowsHash(digests);
  if (found !== hash) throw refuse(`have the hash ${found} instead of ${hash}`);
  const { sample, ...counted } = facts;
  return { name, hash, ...ofFile, detection: detectFormat(sample), stored: true, pieceRows, ...counted };
}
