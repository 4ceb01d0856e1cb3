/** The metrics of a run: steps, evaluations, sample answers, and snapshots of a watched prompt and row. */

import * as v from "valibot";
import { AnyNumber, Count, Text } from "./fields.ts";
import { migrateEvaluation } from "./migrate.ts";

/** The figures of preference training: means over its answers and pairs, natural logarithm. */
export interface PreferenceFigures {
  /** Mean of the chosen reward minus the rejected one over pairs; 0 without pairs. */
  readonly margin: number;
  /** Share of pairs with a margin above 0; 0 without pairs. */
  readonly accuracy: number;
  /** Mean of Σ log π over chosen answers, and over rejected ones; 0 where there are none. */
  readonly chosen: number;
  readonly rejected: number;
}

export interface StepMetrics {
  /** Number of the step, from 1. */
  readonly step: number;
  /** Σ w·CE / Σ w over the step, natural logarithm. */
  readonly loss: number;
  /** Global L2 norm of the mean gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Number of tokens, padding not counted. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Number of examples; missing in runs of older versions, which did not count them. */
  readonly examples?: number;
  readonly seconds: number;
  /** In a stage of preferences; the loss is then that of its objective. */
  readonly preference?: PreferenceFigures;
}

export interface EvaluationMetrics {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Σ w·CE / Σ w over all held-out rows but preferences; where there are only preferences, their loss. */
  readonly loss: number;
  /** The same for each held-out set, by its name; general text counts here alone. */
  readonly sets: Readonly<Record<string, number>>;
  /** Missing where no exam was taken with it. */
  readonly exam?: ExamScore;
  /** Of the held-out preferences, once their stage has begun. */
  readonly preference?: PreferenceFigures;
}

/** The result of an exam during training. */
export interface ExamScore {
  /** Number of right answers. */
  readonly right: number;
  readonly questions: number;
}

export interface Sample {
  readonly prompt: string;
  readonly reference: string;
  /** Null where the answers before training were skipped. */
  readonly before: string | null;
  readonly after: string | null;
}

/** The answer and token losses of a watched prompt and row at one step. */
export interface Snapshot {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Greedy answer to the watched prompt; "" without a prompt. */
  readonly answer: string;
  /** −log P of each supervised token of the watched row, in their order, in nats. */
  readonly losses: readonly number[];
}

/** The origin of an example: index of its source in the run, and of its record in the source, both from 0. */
export interface RowPlace {
  readonly source: number;
  readonly row: number;
}

/** The watched prompt and row of a run, with their snapshots. */
export interface Watch {
  /** Null when the rows contain no prompt. */
  readonly prompt: string | null;
  readonly place: RowPlace;
  /** Tokens of the watched row; weight 0 marks context. */
  readonly tokens: readonly { readonly text: string; readonly weight: number }[];
  /** Snapshots from the base model on, spread evenly over a long run (`withSnapshot`). */
  readonly moments: readonly Snapshot[];
}

const FiguresSchema = v.object({ margin: AnyNumber, accuracy: AnyNumber, chosen: AnyNumber, rejected: AnyNumber });

export const EvaluationSchema: v.GenericSchema<unknown, EvaluationMetrics> = v.pipe(
  v.unknown(),
  v.transform(migrateEvaluation),
  v.object({
    step: Count,
    loss: AnyNumber,
    sets: v.record(Text, AnyNumber),
    exam: v.exactOptional(v.object({ right: Count, questions: Count })),
    preference: v.exactOptional(FiguresSchema),
  }),
);

export const SnapshotsSchema = v.array(v.object({ step: Count, answer: Text, losses: v.array(AnyNumber) }));

export const WatchSchema = v.object({
  prompt: v.nullable(Text),
  place: v.object({ source: Count, row: Count }),
  tokens: v.array(v.object({ text: Text, weight: AnyNumber })),
  moments: SnapshotsSchema,
});

/** Curves as plain lists: the form in exported records and in records and states of version 1. */
export const curveSchemas = {
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
      preference: v.exactOptional(FiguresSchema),
    }),
  ),
  evaluations: v.array(EvaluationSchema),
};

const Point = v.object({ step: Count, loss: AnyNumber });
const Ends = v.nullable(v.object({ points: Count, first: Point, last: Point }));

export const ProgressSchema = v.object({ steps: Ends, evaluations: Ends });

/** Results beside the curves: fields of a run's record and of its checkpoints' state. */
export const seenSchemas = {
  best: v.nullable(EvaluationSchema),
  samples: v.array(v.object({ prompt: Text, reference: Text, before: v.nullable(Text), after: v.nullable(Text) })),
};
