/** The record database: keys, a format number around every record, and schemas for what is read from disk. */

import * as v from "valibot";
import type { Curves } from "../run/curves.ts";
import { Count, Hash, Text } from "../run/fields.ts";
import { readAs } from "../run/problem.ts";
import type { RunRecord } from "../run/record.ts";
import type { VoteRecord } from "../run/results.ts";
import type { ExampleLosses } from "../run/rowLosses.ts";
import type { RowEdit } from "../run/source.ts";
import { bytesPerElement, type DType } from "../tensor/dtype.ts";
import { chunkBytes, type StoredBytes } from "./chunks.ts";
import { StorageError } from "./errors.ts";
import type { Entry } from "./keyValue.ts";
import type { StoredExam } from "./results.ts";

/**
 * The format that this program writes; a change that older programs cannot read raises it. In every format chunk keys
 * stay in arrays named `chunks`, so that older programs do not collect them.
 */
export const format = 2;

export type RecordKind =
  | "run"
  | "metrics"
  | "checkpoint"
  | "exam"
  | "baseExam"
  | "vote"
  | "rowLosses"
  | "dataset"
  | "edit"
  | "model"
  | "fetch";

/**
 * `run/<id>`, `metrics/<run id>/<number of the chunk>`, `checkpoint/<run id>/<step>`, `exam/<run id>/<id>`,
 * `baseExam/<model hash>/<id>`, `vote/<run id>/<id>`, `rowLosses/<run id>/<step>`,
 * `dataset/<hash>`, `edit/<dataset hash>/<row>`, `model/<hash>`, `fetch/<address>`, each part escaped.
 */
export function recordKey(kind: RecordKind, ...parts: readonly (string | number)[]): string {
  return [kind, ...parts.map((part) => encodeURIComponent(part))].join("/");
}

/** The common beginning of the keys of all records below these parts. */
export function keyPrefix(kind: RecordKind, ...parts: readonly string[]): string {
  return `${recordKey(kind, ...parts)}/`;
}

/** The last part of a key, unescaped; unchanged if it is not valid escaping. */
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
  value:
    | RunRecord
    | MetricChunk
    | CheckpointManifest
    | StoredExam
    | VoteRecord
    | StoredFiles
    | StoredFetch
    | RowEdit
    | ExampleLosses,
): Entry {
  return [key, { format, value }];
}

const Sealed = v.object({ format: Count, value: v.unknown() });

/**
 * Reads what `sealed` wrote. Throws `StorageError` naming `what` (the start of a sentence) when a newer program wrote
 * it, or when it does not fit the schema; `wayOut` ends the latter message.
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

/** A place in the curves of a run: a chunk, and the number of points from the beginning of the run to the place. */
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

/** A tensor of a checkpoint, with the chunks of its elements in row-major order. */
export interface CheckpointTensor extends StoredBytes {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The contents of a checkpoint. It is written after every chunk that it names. */
export interface CheckpointManifest {
  readonly runId: string;
  /** Optimizer steps done. */
  readonly step: number;
  readonly savedAt: string;
  /** The training loop's state as JSON text: sampler, random numbers, counters. */
  readonly state: StoredBytes;
  /** Where the curves ended; null where there was no point, and in format 1, where the state contains them. */
  readonly curves: CurvePlace | null;
  readonly tensors: readonly CheckpointTensor[];
}

/** A dataset or a model in this browser's storage, so that a run can resume after a reload. */
export interface StoredFiles {
  /** SHA-256 over the contents, as in the run record. */
  readonly hash: string;
  readonly name: string;
  readonly savedAt: string;
  readonly files: readonly (StoredBytes & { readonly name: string })[];
  /** Plain data for lists; the room that saved it validates it on reading. */
  readonly summary: unknown;
}

/** A file whose first chunks are stored. */
export interface StoredPart {
  readonly name: string;
  readonly byteLength: number;
  /** The server's name of this version of the file; null where there is none, or where the address contains it. */
  readonly stamp: string | null;
  readonly chunks: readonly string[];
}

/** A model download that is running or was interrupted. */
export interface StoredFetch {
  /** Its address, which identifies the fetch. */
  readonly address: string;
  readonly name: string;
  readonly startedAt: string;
  readonly files: readonly StoredPart[];
  /** How to request the rest: plain data; the room that saved it validates it on reading. */
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
