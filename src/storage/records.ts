/** The record database: keys, a format number around every record, and schemas for what is read from disk. */

import * as v from "valibot";
import type { Curves } from "../run/curves.ts";
import { Count, Hash, Text } from "../run/fields.ts";
import { readAs } from "../run/problem.ts";
import type { RunRecord } from "../run/record.ts";
import type { VoteRecord } from "../run/results.ts";
import { bytesPerElement, type DType } from "../tensor/dtype.ts";
import { chunkBytes, type StoredBytes } from "./chunks.ts";
import { StorageError } from "./errors.ts";
import type { Entry } from "./keyValue.ts";
import type { StoredExam } from "./results.ts";

/**
 * The format that this program writes. A change that older programs cannot read raises it; whatever changes, chunk keys
 * stay in arrays named `chunks`, for by that older programs know what not to collect.
 */
export const format = 2;

export type RecordKind =
  | "run"
  | "metrics"
  | "checkpoint"
  | "exam"
  | "baseExam"
  | "vote"
  | "dataset"
  | "model"
  | "fetch";

/**
 * `run/<id>`, `metrics/<run id>/<number of the chunk>`, `checkpoint/<run id>/<step>`, `exam/<run id>/<id>`,
 * `baseExam/<model hash>/<id>`, `vote/<run id>/<id>`, `dataset/<hash>`, `model/<hash>`, `fetch/<address>`, each part escaped.
 */
export function recordKey(kind: RecordKind, ...parts: readonly (string | number)[]): string {
  return [kind, ...parts.map((part) => encodeURIComponent(part))].join("/");
}

/** What all keys of records below these parts begin with. */
export function keyPrefix(kind: RecordKind, ...parts: readonly string[]): string {
  return `${recordKey(kind, ...parts)}/`;
}

/** The last part of a key, as it was given to `recordKey`; of a key that this program did not write, as it stands. */
export function lastPart(key: string): string {
  const part = key.slice(key.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A record as it is stored. */
export function sealed(
  key: string,
  value: RunRecord | MetricChunk | CheckpointManifest | StoredExam | VoteRecord | StoredFiles | StoredFetch,
): Entry {
  return [key, { format, value }];
}

const Sealed = v.object({ format: Count, value: v.unknown() });

/**
 * Reads what `sealed` wrote. Throws `StorageError` naming `what` (the start of a sentence) when a newer program wrote
 * it, or when it does not fit the schema; `wayOut` ends the message of the latter.
 */
export function unsealed<T>(what: string, wayOut: string, schema: v.GenericSchema<unknown, T>, stored: unknown): T {
  const envelope = v.safeParse(Sealed, stored);
  if (envelope.success && envelope.output.format > format) {
    throw new StorageError(
      `${what} was saved by a newer version of Hone (format ${envelope.output.format}; this one reads up to ${format}). ` +
        "Reload the page to get the newer version.",
    );
  }
  const read = readAs(schema, envelope.success ? envelope.output.value : undefined);
  if (read.problem === null) return read.output;
  throw new StorageError(`${what} cannot be read: ${read.problem}. ${wayOut}`);
}

/** A place in the curves of a run: a chunk of them, and how many points there are from the beginning up to the place. */
export interface CurvePlace {
  readonly chunk: number;
  readonly steps: number;
  readonly evaluations: number;
}

export const CurvePlaceSchema = v.object({ chunk: Count, steps: Count, evaluations: Count });

/** Points of a run's curves after a place; null is the beginning. */
export interface MetricChunk extends Curves {
  readonly after: CurvePlace | null;
}

/** A tensor of a checkpoint: what it is, and the chunks that hold its elements in row-major order. */
export interface CheckpointTensor extends StoredBytes {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What a checkpoint consists of. It is written after every chunk that it names. */
export interface CheckpointManifest {
  readonly runId: string;
  /** Optimizer steps done. */
  readonly step: number;
  readonly savedAt: string;
  /** The training loop's own state as JSON text: sampler, random numbers, counters. */
  readonly state: StoredBytes;
  /** Where the curves stood; null where there was no point, and where the state holds them, as in format 1. */
  readonly curves: CurvePlace | null;
  readonly tensors: readonly CheckpointTensor[];
}

/** A dataset or a model that is kept in this browser, so that a run can go on after a reload. */
export interface StoredFiles {
  /** SHA-256 over the contents, as the run record names it. */
  readonly hash: string;
  readonly name: string;
  readonly savedAt: string;
  readonly files: readonly (StoredBytes & { readonly name: string })[];
  /** What a list shows of it: plain data that the room which saved it validates when it reads it. */
  readonly summary: unknown;
}

/** A file of which the first chunks are kept. */
export interface StoredPart {
  readonly name: string;
  readonly byteLength: number;
  /** What its server calls this version of it; null where it does not say, or where the address already does. */
  readonly stamp: string | null;
  readonly chunks: readonly string[];
}

/** A model that is being fetched, or was until the tab closed or the line went away. */
export interface StoredFetch {
  /** Its address; names the fetch. */
  readonly address: string;
  readonly name: string;
  readonly startedAt: string;
  readonly files: readonly StoredPart[];
  /** How to ask for the rest: plain data that the room which saved it validates when it reads it. */
  readonly source: unknown;
}

const storedBytes = {
  byteLength: Count,
  chunks: v.array(Hash),
};

function chunksFit({ byteLength, chunks }: StoredBytes): boolean {
  return chunks.length === Math.ceil(byteLength / chunkBytes);
}
const unfit = "as many chunks as its length takes";

export const StoredBytesSchema: v.GenericSchema<unknown, StoredBytes> = v.pipe(
  v.object(storedBytes),
  v.check((bytes) => chunksFit(bytes), unfit),
);

const Dtype = v.picklist(Object.keys(bytesPerElement) as DType[]);

export const CheckpointManifestSchema: v.GenericSchema<unknown, CheckpointManifest> = v.object({
  runId: Text,
  step: Count,
  savedAt: Text,
  state: StoredBytesSchema,
  curves: v.optional(v.nullable(CurvePlaceSchema), null),
  tensors: v.array(
    v.pipe(
      v.object({ name: Text, dtype: Dtype, shape: v.array(Count), ...storedBytes }),
      v.check((bytes) => chunksFit(bytes), unfit),
    ),
  ),
});

export const StoredFilesSchema: v.GenericSchema<unknown, StoredFiles> = v.object({
  hash: Text,
  name: Text,
  savedAt: Text,
  files: v.array(
    v.pipe(
      v.object({ name: Text, ...storedBytes }),
      v.check((bytes) => chunksFit(bytes), unfit),
    ),
  ),
  summary: v.unknown(),
});

export const StoredFetchSchema: v.GenericSchema<unknown, StoredFetch> = v.object({
  address: Text,
  name: Text,
  startedAt: Text,
  files: v.array(
    v.pipe(
      v.object({ name: Text, stamp: v.nullable(Text), ...storedBytes }),
      v.check(({ byteLength, chunks }) => chunks.length <= Math.ceil(byteLength / chunkBytes), unfit),
    ),
  ),
  source: v.unknown(),
});
