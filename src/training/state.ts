/** The state of a run as plain JSON: together with the trained tensors it determines all later steps. */

import * as v from "valibot";
import type { OrderState } from "../batching/stages.ts";
import { type Curves, columnsOf, extended, noProgress, progressOf, type RunProgress, stepsOf } from "../run/curves.ts";
import { Count } from "../run/fields.ts";
import type { Guard } from "../run/guard.ts";
import { type HeldOutSet, lossOn } from "../run/heldOut.ts";
import type { EvaluationMetrics, Sample, Snapshot, StepMetrics } from "../run/metrics.ts";
import { curveSchemas, ProgressSchema, SnapshotsSchema, seenSchemas } from "../run/metrics.ts";
import { migrateState } from "../run/migrate.ts";
import { readAs } from "../run/problem.ts";

export interface LoopState {
  /** Number of finished steps, those without a supervised token included. */
  readonly step: number;
  /** Optimizer updates in the current stage: t − 1 of the next bias correction 1 − βᵗ. */
  readonly updates: number;
  /** The order state from which the next step's batches are drawn. */
  readonly sampler: OrderState;
  /** Seconds spent in training steps. */
  readonly seconds: number;
  /** Summaries of the curves, which are stored separately; they give the number of points that belong to this state. */
  readonly progress: RunProgress;
  /** The evaluation with the lowest loss on the run's best set. Step 0 is the base model; every other step has a checkpoint. */
  readonly best: EvaluationMetrics | null;
  /** The progress of early stopping; null before the first validation that counts, and without patience. */
  readonly waiting: Waiting | null;
  readonly samples: readonly Sample[];
  /** At most `mostMoments`. */
  readonly moments: readonly Snapshot[];
  /** Missing without a guard against forgetting, and before its first evaluation. */
  readonly guard?: Guard;
}

/** The condition for early stopping. */
export interface Patience {
  /** Number of consecutive validations without improvement that ends the run. */
  readonly validations: number;
  /** Validations before this step belong to an earlier stage and do not count. */
  readonly from: number;
  /** The held-out set whose loss must fall; null is all held-out rows. */
  readonly set: HeldOutSet | null;
}

/** The best validation that counts for patience, and the number of validations after it. */
export interface Waiting {
  readonly step: number;
  readonly loss: number;
  readonly validations: number;
}

/** Largest number of snapshots in a run, however long it is. */
const mostSnapshots = 60;

/**
 * Adds a snapshot. Above the limit it removes the one whose neighbours are closest, so that the rest stay spread over the run;
 * the first and the newest always stay.
 */
export function withSnapshot(snapshots: readonly Snapshot[], snapshot: Snapshot): readonly Snapshot[] {
  const all = [...snapshots, snapshot];
  if (all.length <= mostSnapshots) return all;
  const gap = (i: number) => (all[i + 1]?.step ?? 0) - (all[i - 1]?.step ?? 0);
  let least = 1;
  for (let i = 2; i < all.length - 1; i++) if (gap(i) < gap(least)) least = i;
  return all.toSpliced(least, 1);
}

/** The state after a step. */
export function withStep(state: LoopState, metrics: StepMetrics): LoopState {
  const progress = { ...state.progress, steps: extended(state.progress.steps, metrics) };
  return { ...state, progress, seconds: state.seconds + metrics.seconds };
}

/**
 * The state after a validation. It becomes `best` when it is within the guard and its loss on `set` (null: all held-out rows) is
 * the lowest so far.
 */
export function withEvaluation(
  state: LoopState,
  found: EvaluationMetrics,
  patience: Patience | null,
  set: HeldOutSet | null,
  isWithin = true,
): LoopState {
  const progress = { ...state.progress, evaluations: extended(state.progress.evaluations, found) };
  const isLowest = state.best === null || lossOn(found, set) < lossOn(state.best, set);
  const best = isWithin && isLowest ? found : state.best;
  return { ...state, progress, best, waiting: patience ? waitingAfter(state.waiting, found, patience) : null };
}

function waitingAfter(before: Waiting | null, found: EvaluationMetrics, { from, set }: Patience): Waiting | null {
  if (found.step < from) return before;
  const now = lossOn(found, set);
  if (before === null || now < before.loss) return { step: found.step, loss: now, validations: 0 };
  return { ...before, validations: before.validations + 1 };
}

/** The state of a new run. */
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
  moments: v.optional(SnapshotsSchema, []),
  guard: v.exactOptional(v.record(v.string(), v.object({ step: Count, loss: v.number() }))),
};
const Apart = v.object({
  ...members,
  seconds: v.number(),
  progress: ProgressSchema,
  waiting: v.nullable(v.object({ step: Count, loss: v.number(), validations: Count })),
});
const Whole = v.object({ ...members, ...curveSchemas });

/** A state that was read, with its curves; null when they are stored separately. */
export interface ReadState {
  readonly state: LoopState;
  readonly curves: Curves | null;
}

/**
 * Reads the state of a checkpoint. States of version 1 and of run files contain their curves (`wholeState`). `patience` is the
 * run's. Throws an Error with the name of the wrong field.
 */
export function readState(stored: unknown, patience: Patience | null): ReadState {
  const json = migrateState(stored);
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

/** The state with its curves as plain lists, so that a file with one checkpoint is complete. */
export function wholeState(state: object, { steps, evaluations }: Curves): object {
  return { ...state, metrics: stepsOf(steps), evaluations };
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, json: unknown): T {
  const { output, problem } = readAs(schema, json);
  if (problem === null) return output;
  throw new Error(`The checkpoint's training state cannot be read: ${problem}. Resume from another checkpoint.`);
}
