/** What a run shows while it trains: steps, evaluations, answers, and looks at one row. */

import * as v from "valibot";
import { AnyNumber, Count, Text } from "./fields.ts";
import { migrateEvaluation } from "./migrate.ts";

export interface StepMetrics {
  /** Optimizer steps done, from 1. */
  readonly step: number;
  /** Σ w·CE / Σ w over the step, natural logarithm. */
  readonly loss: number;
  /** Global L2 norm of the mean gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens of the step, padding not counted. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Examples of the step; not known of runs of before it was counted. */
  readonly examples?: number;
  readonly seconds: number;
}

export interface EvaluationMetrics {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Σ w·CE / Σ w over all held-out rows. */
  readonly loss: number;
  /** The same over each held-out set, by its name. */
  readonly sets: Readonly<Record<string, number>>;
}

export interface Sample {
  readonly prompt: string;
  readonly reference: string;
  readonly before: string;
  readonly after: string | null;
}

/** A look at the model while it trains. */
export interface Moment {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Greedy answer to the watched prompt; "" where there is none. */
  readonly answer: string;
  /** −log P of each supervised token of the watched row, in their order, in nats. */
  readonly losses: readonly number[];
}

/** Where an example comes from: index of its source among the run's, and of the record in it, both from 0. */
export interface RowPlace {
  readonly source: number;
  readonly row: number;
}

/** What is looked at again and again while a run trains: an answer, and how well each token of a row is predicted. */
export interface Watch {
  /** Null where the rows hold no question. */
  readonly prompt: string | null;
  readonly place: RowPlace;
  /** Of the watched row; those of weight 0 are context. */
  readonly tokens: readonly { readonly text: string; readonly weight: number }[];
  /** The first is the base model's; of a long run every so-manieth is kept. */
  readonly moments: readonly Moment[];
}

export const EvaluationSchema: v.GenericSchema<unknown, EvaluationMetrics> = v.pipe(
  v.unknown(),
  v.transform(migrateEvaluation),
  v.object({ step: Count, loss: AnyNumber, sets: v.record(Text, AnyNumber) }),
);

export const MomentsSchema = v.array(v.object({ step: Count, answer: Text, losses: v.array(AnyNumber) }));

export const WatchSchema = v.object({
  prompt: v.nullable(Text),
  place: v.object({ source: Count, row: Count }),
  tokens: v.array(v.object({ text: Text, weight: AnyNumber })),
  moments: MomentsSchema,
});

/** Curves as plain lists: in a record that was exported, and in records and states of format 1. */
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
    }),
  ),
  evaluations: v.array(EvaluationSchema),
};

const Point = v.object({ step: Count, loss: AnyNumber });
const Ends = v.nullable(v.object({ points: Count, first: Point, last: Point }));

export const ProgressSchema = v.object({ steps: Ends, evaluations: Ends });

/** What a run has shown so far beside its curves: members of its record, and of the state that its checkpoints hold. */
export const seenSchemas = {
  best: v.nullable(EvaluationSchema),
  samples: v.array(v.object({ prompt: Text, reference: Text, before: Text, after: v.nullable(Text) })),
};
