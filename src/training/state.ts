/** Where a run stands, as plain JSON: beside the trained tensors, all that decides what comes next. */

import * as v from "valibot";
import type { OrderState } from "../batching/stages.ts";
import { type Curves, columnsOf, extended, noProgress, progressOf, type RunProgress, stepsOf } from "../run/curves.ts";
import { Count } from "../run/fields.ts";
import { type HeldOutSet, lossOn } from "../run/heldOut.ts";
import type { EvaluationMetrics, Moment, Sample, StepMetrics } from "../run/metrics.ts";
import { curveSchemas, MomentsSchema, ProgressSchema, seenSchemas } from "../run/metrics.ts";
import { migrateState } from "../run/migrate.ts";
import { readAs } from "../run/problem.ts";

export interface LoopState {
  /** Steps done, those without a supervised token included. */
  readonly step: number;
  /** Optimizer updates done in the present stage: t of the next bias correction 1 − βᵗ, less one. */
  readonly updates: number;
  /** From which the next step's batches are drawn. */
  readonly sampler: OrderState;
  /** Seconds spent in training steps. */
  readonly seconds: number;
  /** How far the curves go: they are kept apart, and a state has the first so many points of them. */
  readonly progress: RunProgress;
  /** The evaluation with the lowest loss on the run's set; step 0 is the base model, any other has a checkpoint. */
  readonly best: EvaluationMetrics | null;
  /** What patience waits for; null before a validation that counts, and without patience. */
  readonly waiting: Waiting | null;
  readonly samples: readonly Sample[];
  /** At most `mostMoments`. */
  readonly moments: readonly Moment[];
}

/** When a run ends early. */
export interface Patience {
  /** Validations in a row without improvement. */
  readonly validations: number;
  /** Those before this step do not count: they are of an earlier stage. */
  readonly from: number;
  /** The set whose loss is to fall; null is everything held out. */
  readonly set: HeldOutSet | null;
}

/** The best validation of those that count for patience, and how many came after it. */
export interface Waiting {
  readonly step: number;
  readonly loss: number;
  readonly validations: number;
}

/** Looks at the model that are kept, however long the run. */
const mostMoments = 60;

/**
 * With one moment more. Of too many, the one goes without which the gap is least, so that those kept stay spread over the
 * whole run; the first and the newest always stay.
 */
export function withMoment(moments: readonly Moment[], moment: Moment): readonly Moment[] {
  const all = [...moments, moment];
  if (all.length <= mostMoments) return all;
  const gap = (i: number) => (all[i + 1]?.step ?? 0) - (all[i - 1]?.step ?? 0);
  let least = 1;
  for (let i = 2; i < all.length - 1; i++) if (gap(i) < gap(least)) least = i;
  return all.toSpliced(least, 1);
}

/** After a step. */
export function withStep(state: LoopState, metrics: StepMetrics): LoopState {
  const progress = { ...state.progress, steps: extended(state.progress.steps, metrics) };
  return { ...state, progress, seconds: state.seconds + metrics.seconds };
}

/** After a validation, which is the best one where its loss on `set` is lower than any before; null is everything held out. */
export function withEvaluation(
  state: LoopState,
  found: EvaluationMetrics,
  patience: Patience | null,
  set: HeldOutSet | null,
): LoopState {
  const progress = { ...state.progress, evaluations: extended(state.progress.evaluations, found) };
  const best = state.best === null || lossOn(found, set) < lossOn(state.best, set) ? found : state.best;
  return { ...state, progress, best, waiting: patience ? waitingAfter(state.waiting, found, patience) : null };
}

function waitingAfter(before: Waiting | null, found: EvaluationMetrics, { from, set }: Patience): Waiting | null {
  if (found.step < from) return before;
  const now = lossOn(found, set);
  if (before === null || now < before.loss) return { step: found.step, loss: now, validations: 0 };
  return { ...before, validations: before.validations + 1 };
}

/** The state of a run that has not begun. */
export function initialState(sampler: OrderState): LoopState {
  return {
    step: 0,
    updates: 0,
    sampler,
    seconds: 0,
    progress: noProgress,
    best: null,
    waiting: null,
    samples: [],
    moments: [],
  };
}

const random = v.tuple([Count, Count, Count, Count]);
const members = {
  step: Count,
  updates: Count,
  sampler: v.object({
    epoch: Count,
    cursor: Count,
    random,
    passes: v.array(v.object({ pass: Count, position: Count, random })),
    drawn: Count,
    stages: Count,
  }),
  ...seenSchemas,
  moments: v.optional(MomentsSchema, []),
};
const Apart = v.object({
  ...members,
  seconds: v.number(),
  progress: ProgressSchema,
  waiting: v.nullable(v.object({ step: Count, loss: v.number(), validations: Count })),
});
const Whole = v.object({ ...members, ...curveSchemas });

/** A state as it was read, with the curves up to it where it held them itself. */
export interface ReadState {
  readonly state: LoopState;
  readonly curves: Curves | null;
}

/**
 * Reads what a checkpoint kept; states of version 1, and those of run files, hold their curves (`wholeState`). `patience` is
 * that of the run. Throws an Error naming the field that is not as it should be.
 */
export function readState(kept: unknown, patience: Patience | null): ReadState {
  const json = migrateState(kept);
  if (typeof json !== "object" || json === null || !("metrics" in json)) {
    return { state: parsed(Apart, json), curves: null };
  }
  const { metrics, evaluations, ...rest } = parsed(Whole, json);
  const state = {
    ...rest,
    seconds: metrics.reduce((sum, { seconds }) => sum + seconds, 0),
    progress: progressOf(metrics, evaluations),
    waiting: patience && evaluations.reduce<Waiting | null>((w, found) => waitingAfter(w, found, patience), null),
  };
  return { state, curves: { steps: columnsOf(metrics), evaluations } };
}

/** The state with its curves as plain lists: all that a file of one checkpoint needs. */
export function wholeState(state: object, { steps, evaluations }: Curves): object {
  return { ...state, metrics: stepsOf(steps), evaluations };
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, json: unknown): T {
  const { output, problem } = readAs(schema, json);
  if (problem === null) return output;
  throw new Error(`The checkpoint's training state cannot be read: ${problem}. Go on from another checkpoint.`);
}
