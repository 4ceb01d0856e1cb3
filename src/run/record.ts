/** A run as one plain record: everything that reproduces it, and everything that it showed but its curves. */

import * as v from "valibot";
import { MappingSchema } from "../records/formats/mapping.ts";
import { type Curves, columnsOf, progressOf, type RunProgress, stepsOf } from "./curves.ts";
import { AnyNumber, Count, Text } from "./fields.ts";
import {
  curveSchemas,
  type EvaluationMetrics,
  ProgressSchema,
  type Sample,
  type StepMetrics,
  seenSchemas,
  type Watch,
  WatchSchema,
} from "./metrics.ts";
import { migrateRecord } from "./migrate.ts";
import { type Recipe, RecipeSchema } from "./recipe.ts";
import type { SourceChoice } from "./source.ts";
import { type Objective, objectives } from "./stage.ts";

const runStatuses = ["running", "paused", "finished", "cancelled", "failed"] as const;

export type RunStatus = (typeof runStatuses)[number];

/** One stage of a run, as it was planned. */
export interface RunStage {
  readonly objective: Objective;
  /** Planned optimizer steps. */
  readonly steps: number;
  /** Examples that it trains on. */
  readonly examples: number;
  /** Supervised tokens of one pass over them; null of a run of before they were counted. */
  readonly supervisedTokens: number | null;
}

/** Where a run went on with a lower rate, because its numbers had left the finite range. */
export interface Slowdown {
  /** Of the checkpoint that it went on from; the steps after it are slower. */
  readonly fromStep: number;
  /** The schedule's rate is multiplied by it. */
  readonly factor: number;
}

/** What a run was predicted to need at the most, and what the device then held at the most while it trained last. */
export interface RunMemory {
  readonly predicted: number;
  readonly peak: number;
}

export interface RunSource extends SourceChoice {
  readonly name: string;
}

export interface RunRecord {
  readonly id: string;
  readonly name: string;
  /** What its owner wrote of it. */
  readonly note: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly status: RunStatus;
  /** Why it failed or was paused by the engine, in one sentence; null otherwise. */
  readonly reason: string | null;
  readonly model: { readonly name: string; readonly hash: string; readonly parameters: number };
  /** What it learns from, with everything that decides which rows; how much of each is its stages'. */
  readonly sources: readonly RunSource[];
  readonly recipe: Recipe;
  readonly provider: "webgpu" | "wasm";
  /** Numbers that training changes. */
  readonly trainable: number;
  /** Examples used for training and for validation after reading and masking. */
  readonly examples: { readonly training: number; readonly validation: number };
  /** In their order: those of the recipe. */
  readonly stages: readonly RunStage[];
  /** Planned optimizer steps, all stages added up. */
  readonly totalSteps: number;
  /** Optimizer steps done. */
  readonly step: number;
  /** Seconds spent in training steps, all sessions added up. */
  readonly seconds: number;
  /** How far its curves go. */
  readonly progress: RunProgress;
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
  /** Null where nothing is watched. */
  readonly watch: Watch | null;
  /** In their order; they multiply. */
  readonly slowdowns: readonly Slowdown[];
  /** Bytes on the device; left out of runs of before it was measured, and where it cannot be. */
  readonly memory?: RunMemory;
  /** Step of the checkpoint that it is to go on from where the newest is not good, 0 for the beginning; null is the newest. */
  readonly resumeFrom: number | null;
}

const members = {
  id: Text,
  name: Text,
  // Runs of before it was there have none.
  note: v.optional(Text, ""),
  createdAt: Text,
  updatedAt: Text,
  status: v.picklist(runStatuses),
  reason: v.nullable(Text),
  model: v.object({ name: Text, hash: Text, parameters: Count }),
  sources: v.array(
    v.object({
      name: Text,
      hash: Text,
      mapping: v.nullable(MappingSchema),
      excluded: v.array(Count),
    }),
  ),
  recipe: RecipeSchema,
  provider: v.picklist(["webgpu", "wasm"]),
  trainable: Count,
  examples: v.object({ training: Count, validation: Count }),
  stages: v.array(
    v.object({
      objective: v.picklist(objectives),
      steps: Count,
      examples: Count,
      supervisedTokens: v.nullable(Count),
    }),
  ),
  totalSteps: Count,
  step: Count,
  seconds: AnyNumber,
  ...seenSchemas,
  watch: v.optional(v.nullable(WatchSchema), null),
  memory: v.exactOptional(v.object({ predicted: Count, peak: Count })),
  resumeFrom: v.optional(v.nullable(Count), null),
  slowdowns: v.optional(v.array(v.object({ fromStep: Count, factor: AnyNumber })), []),
};

/** A record as it was read, with the curves that it held itself; null where they are kept apart from it. */
export interface ReadRun {
  readonly record: RunRecord;
  readonly curves: Curves | null;
}

const Apart = v.pipe(
  v.object({ ...members, progress: ProgressSchema }),
  v.transform((record): ReadRun => ({ record, curves: null })),
);

const Whole = v.pipe(
  v.object({ ...members, ...curveSchemas }),
  v.transform(({ metrics, evaluations, ...rest }): ReadRun => {
    const record = { ...rest, progress: progressOf(metrics, evaluations) };
    return { record, curves: { steps: columnsOf(metrics), evaluations } };
  }),
);

/** Reads a record with its curves (`wholeRecord`, and all records of version 1), and one without. */
export const RunSchema: v.GenericSchema<unknown, ReadRun> = v.pipe(
  v.unknown(),
  v.transform(migrateRecord),
  v.lazy((value) => (typeof value === "object" && value !== null && "metrics" in value ? Whole : Apart)),
);

/** A record with its curves as plain lists, in place of what is counted of them. */
export interface WholeRecord extends Omit<RunRecord, "progress"> {
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
}

export function wholeRecord({ progress: _, ...record }: RunRecord, { steps, evaluations }: Curves): WholeRecord {
  return { ...record, metrics: stepsOf(steps), evaluations };
}
