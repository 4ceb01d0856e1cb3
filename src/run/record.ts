/** A run as one plain record: everything that reproduces it, and its results without the curves. */

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
import { OriginSchema, type RunOrigin, type RunStart, StartSchema } from "./origin.ts";
import { type Recipe, RecipeSchema } from "./recipe.ts";
import { EditsSchema, OptionsSchema, type SourceChoice } from "./source.ts";
import { type Objective, objectives } from "./stage.ts";

const runStatuses = ["running", "paused", "finished", "cancelled", "failed"] as const;

export type RunStatus = (typeof runStatuses)[number];

/** The plan of one stage of a run. */
export interface RunStage {
  readonly objective: Objective;
  /** Planned optimizer steps. */
  readonly steps: number;
  /** Number of training examples. */
  readonly examples: number;
  /** Supervised tokens of one pass over them; null in runs of version 1, which did not count them. */
  readonly supervisedTokens: number | null;
  /** Number of rows of general text that it draws from besides; missing without replay. */
  readonly replayed?: number;
}

/** A restart with a lower learning rate after numbers that were not finite. */
export interface Slowdown {
  /** Step of the checkpoint from which the run resumed; later steps have the lower rate. */
  readonly fromStep: number;
  /** Factor of the scheduled learning rate. */
  readonly factor: number;
}

/** Predicted peak memory of a run, and the measured peak of its last session. */
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
  /** The user's note. */
  readonly note: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly status: RunStatus;
  /** The reason, in one sentence, when it failed or the engine paused it; null otherwise. */
  readonly reason: string | null;
  readonly model: { readonly name: string; readonly hash: string; readonly parameters: number };
  /** Its sources with their mapping, options, excluded and edited rows; the stages set each source's λ. */
  readonly sources: readonly RunSource[];
  readonly recipe: Recipe;
  readonly provider: "webgpu" | "wasm";
  /** Number of trained parameters. */
  readonly trainable: number;
  /** Examples for training and for validation, after reading and masking. */
  readonly examples: { readonly training: number; readonly validation: number };
  /** The recipe's stages, in order. */
  readonly stages: readonly RunStage[];
  /** Planned optimizer steps of all stages. */
  readonly totalSteps: number;
  /** Number of finished optimizer steps. */
  readonly step: number;
  /** Seconds in training steps, over all sessions. */
  readonly seconds: number;
  /** Summaries of its curves. */
  readonly progress: RunProgress;
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
  /** Null when nothing is watched. */
  readonly watch: Watch | null;
  /** In order; their factors multiply. */
  readonly slowdowns: readonly Slowdown[];
  /** Bytes on the device; missing in older runs and where they cannot be measured. */
  readonly memory?: RunMemory;
  /** Step of the checkpoint to resume from, 0 for the beginning; null means the newest checkpoint. */
  readonly resumeFrom: number | null;
  /** Missing for a run that was trained in Hone. */
  readonly origin?: RunOrigin;
  /** Missing for a run that starts from its base model. */
  readonly start?: RunStart;
  /** The questions that it answers during training; missing without an exam. */
  readonly exam?: RunExam;
}

/** The exam of a run: its drawn questions, so that a resumed run has them. */
export interface RunExam {
  readonly name: string;
  /** Of the whole exam. */
  readonly hash: string;
  readonly questions: readonly { readonly prompt: string; readonly expected: string }[];
}

const members = {
  id: Text,
  name: Text,
  // Older runs have no note.
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
      options: v.exactOptional(OptionsSchema),
      edits: v.exactOptional(EditsSchema),
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
      replayed: v.exactOptional(Count),
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
  origin: v.exactOptional(OriginSchema),
  start: v.exactOptional(StartSchema),
  exam: v.exactOptional(
    v.object({ name: Text, hash: Text, questions: v.array(v.object({ prompt: Text, expected: Text })) }),
  ),
};

/** A record that was read, with the curves from the record itself; null when they are stored separately. */
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

/** Reads records with curves (`wholeRecord`, and all of version 1) and records without. */
export const RunSchema: v.GenericSchema<unknown, ReadRun> = v.pipe(
  v.unknown(),
  v.transform(migrateRecord),
  v.lazy((value) => (typeof value === "object" && value !== null && "metrics" in value ? Whole : Apart)),
);

/** A record with its curves as plain lists instead of their summaries. */
export interface WholeRecord extends Omit<RunRecord, "progress"> {
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
}

export function wholeRecord({ progress: _, ...record }: RunRecord, { steps, evaluations }: Curves): WholeRecord {
  return { ...record, metrics: stepsOf(steps), evaluations };
}
