/** The record database: keys, a format number around every record, and schemas for what is read from disk. */

import * as v from "valibot";
import type { MixtureMode } from "../batching/mixture.ts";
import type { Truncation } from "../batching/truncate.ts";
import type { LearntKind } from "../records/example.ts";
import type { ColumnRole, FormatName, Mapping } from "../records/formats/mapping.ts";
import type { LinearName, RunRecord, RunStatus } from "../run/record.ts";
import type { StageOrder } from "../run/source.ts";
import type { BuiltInTemplate, MaskMode, TemplateChoice } from "../templates/choice.ts";
import type { DType } from "../tensor/dtype.ts";
import { chunkBytes, type StoredBytes } from "./chunks.ts";
import { StorageError } from "./errors.ts";
import type { Entry } from "./keyValue.ts";

/**
 * The format that this program writes. A change that older programs cannot read raises it; whatever changes, chunk keys
 * stay in arrays named `chunks`, for by that older programs know what not to collect.
 */
export const format = 1;

export type RecordKind = "run" | "checkpoint" | "dataset" | "model" | "fetch";

/** `run/<id>`, `checkpoint/<run id>/<step>`, `dataset/<hash>`, `model/<hash>`, `fetch/<address>`, each part escaped. */
export function recordKey(kind: RecordKind, ...parts: readonly (string | number)[]): string {
  return [kind, ...parts.map((part) => encodeURIComponent(part))].join("/");
}

/** What all keys of records below these parts begin with. */
export function keyPrefix(kind: RecordKind, ...parts: readonly string[]): string {
  return `${recordKey(kind, ...parts)}/`;
}

/** The last part of a key, as it was given to `recordKey`. */
export function lastPart(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf("/") + 1));
}

/** A record as it is stored. */
export function sealed(key: string, value: RunRecord | CheckpointManifest | StoredFiles | StoredFetch): Entry {
  return [key, { format, value }];
}

const Sealed = v.object({ format: v.number(), value: v.unknown() });

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
  const parsed = v.safeParse(schema, envelope.success ? envelope.output.value : undefined);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue);
  throw new StorageError(`${what} cannot be read: ${place === null ? "" : `${place}: `}${issue.message}. ${wayOut}`);
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
  /** The training loop's own state as JSON text: sampler, random numbers, counters, metrics so far. */
  readonly state: StoredBytes;
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

/** Any number at all: a loss may be NaN, which `v.number()` refuses. */
const AnyNumber = v.custom<number>((value) => typeof value === "number", "a number is expected");
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Text = v.string();

const storedBytes = {
  byteLength: Count,
  chunks: v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
};

function chunksFit({ byteLength, chunks }: StoredBytes): boolean {
  return chunks.length === Math.ceil(byteLength / chunkBytes);
}
const unfit = "the number of chunks does not fit the length";

/** A choice among all names of a union; a name that the contract gains and this lacks does not compile. */
const oneOf = <Name extends string>(names: Readonly<Record<Name, true>>) => v.picklist(Object.keys(names) as Name[]);

const Dtype = oneOf<DType>({ float32: true, float16: true, bfloat16: true, int32: true, int64: true, bool: true });

const Linear = oneOf<LinearName>({
  q_proj: true,
  k_proj: true,
  v_proj: true,
  o_proj: true,
  gate_proj: true,
  up_proj: true,
  down_proj: true,
});

const Evaluation = v.object({
  step: Count,
  loss: AnyNumber,
  byKind: v.exactOptional(v.object({ text: v.exactOptional(AnyNumber), chat: v.exactOptional(AnyNumber) })),
});

const Template: v.GenericSchema<unknown, TemplateChoice> = v.variant("kind", [
  v.object({
    kind: v.literal("built-in"),
    name: oneOf<BuiltInTemplate>({
      hone: true,
      chatml: true,
      llama3: true,
      zephyr: true,
      alpaca: true,
      gemma: true,
      phi3: true,
      mistral: true,
      plain: true,
    }),
  }),
  v.object({ kind: v.literal("model") }),
  v.object({ kind: v.literal("custom"), source: Text }),
]);

/** Public, for a dataset's summary holds one too. */
export const MappingSchema: v.GenericSchema<unknown, Mapping> = v.object({
  format: oneOf<FormatName>({
    alpaca: true,
    dolly: true,
    sharegpt: true,
    openai: true,
    trl: true,
    oasst: true,
    flan: true,
    preference: true,
    text: true,
    columns: true,
    mixed: true,
  }),
  columns: v.record(
    oneOf<ColumnRole>({
      system: true,
      instruction: true,
      input: true,
      response: true,
      history: true,
      messages: true,
      tools: true,
      prompt: true,
      chosen: true,
      rejected: true,
      text: true,
      category: true,
      split: true,
      weight: true,
    }),
    Text,
  ),
});

const Recipe = v.object({
  method: oneOf<RunRecord["recipe"]["method"]>({ lora: true, full: true }),
  lora: v.object({ rank: Count, alpha: AnyNumber, targets: v.array(Linear) }),
  template: Template,
  systemPrompt: v.nullable(Text),
  mask: oneOf<MaskMode>({ responses: true, last: true, everything: true }),
  truncation: oneOf<Truncation>({ drop: true, left: true, right: true }),
  packing: v.boolean(),
  mixture: oneOf<MixtureMode>({ sampling: true, weight: true }),
  stages: v.optional(oneOf<StageOrder>({ together: true, "text-first": true }), "together"),
  textEpochs: v.optional(AnyNumber, 1),
  textLearningRate: v.optional(v.nullable(AnyNumber), null),
  learningRate: AnyNumber,
  schedule: oneOf<RunRecord["recipe"]["schedule"]>({ cosine: true, linear: true, constant: true }),
  warmupRatio: AnyNumber,
  epochs: AnyNumber,
  steps: v.nullable(Count),
  batchSize: Count,
  accumulation: Count,
  maxLength: Count,
  weightDecay: AnyNumber,
  beta1: AnyNumber,
  beta2: AnyNumber,
  epsilon: AnyNumber,
  maxGradNorm: v.nullable(AnyNumber),
  validationShare: AnyNumber,
  evaluateEvery: Count,
  checkpointEvery: Count,
  keepLast: Count,
  patience: v.nullable(Count),
  samplePrompts: Count,
  // Runs of before it was there watched nothing.
  watchEvery: v.optional(v.nullable(Count), null),
  seed: AnyNumber,
});

/** Public, for a checkpoint's state holds them too. */
export const MomentsSchema = v.array(v.object({ step: Count, answer: Text, losses: v.array(AnyNumber) }));

const Watched = v.object({
  prompt: v.nullable(Text),
  place: v.object({ source: Count, row: Count }),
  tokens: v.array(v.object({ text: Text, weight: AnyNumber })),
  moments: MomentsSchema,
});

/** Members of what a run has shown so far: of its record, and of the state that its checkpoints hold. */
export const seenSchemas = {
  metrics: v.array(
    v.object({
      step: Count,
      loss: AnyNumber,
      gradientNorm: AnyNumber,
      learningRate: AnyNumber,
      tokens: Count,
      supervisedTokens: Count,
      examples: v.exactOptional(Count),
      seconds: AnyNumber,
    }),
  ),
  evaluations: v.array(Evaluation),
  best: v.nullable(Evaluation),
  samples: v.array(v.object({ prompt: Text, reference: Text, before: Text, after: v.nullable(Text) })),
};

export const RunRecordSchema: v.GenericSchema<unknown, RunRecord> = v.object({
  id: Text,
  name: Text,
  // Runs of before it was there have none.
  note: v.optional(Text, ""),
  createdAt: Text,
  updatedAt: Text,
  status: oneOf<RunStatus>({ running: true, paused: true, finished: true, cancelled: true, failed: true }),
  reason: v.nullable(Text),
  model: v.object({ name: Text, hash: Text, parameters: Count }),
  sources: v.array(
    v.object({
      name: Text,
      hash: Text,
      mapping: v.nullable(MappingSchema),
      lambda: AnyNumber,
      excluded: v.array(Count),
    }),
  ),
  recipe: Recipe,
  provider: oneOf<RunRecord["provider"]>({ webgpu: true, wasm: true }),
  trainable: Count,
  examples: v.object({ training: Count, validation: Count }),
  stages: v.optional(
    v.array(
      v.object({
        kind: oneOf<LearntKind>({ text: true, chat: true }),
        steps: Count,
        examples: Count,
        supervisedTokens: Count,
      }),
    ),
    [],
  ),
  totalSteps: Count,
  step: Count,
  seconds: AnyNumber,
  ...seenSchemas,
  watch: v.optional(v.nullable(Watched), null),
  memory: v.exactOptional(v.object({ predicted: Count, peak: Count })),
  resumeFrom: v.optional(v.nullable(Count), null),
  slowdowns: v.optional(v.array(v.object({ fromStep: Count, factor: AnyNumber })), []),
});

export const CheckpointManifestSchema: v.GenericSchema<unknown, CheckpointManifest> = v.object({
  runId: Text,
  step: Count,
  savedAt: Text,
  state: v.pipe(
    v.object(storedBytes),
    v.check((bytes) => chunksFit(bytes), unfit),
  ),
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
