/** Where a run stands, as plain JSON: beside the trained tensors, all that decides what comes next. */

import * as v from "valibot";
import type { OrderState } from "../batching/stages.ts";
import type { EvaluationMetrics, Moment, Sample, StepMetrics } from "../run/metrics.ts";
import { MomentsSchema, seenSchemas } from "../run/metrics.ts";
import { migrateState } from "../run/migrate.ts";

export interface LoopState {
  /** Steps done, those without a supervised token included. */
  readonly step: number;
  /** Optimizer updates done in the present stage: t of the next bias correction 1 − βᵗ, less one. */
  readonly updates: number;
  /** From which the next step's batches are drawn. */
  readonly sampler: OrderState;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  /** The lowest validation loss; step 0 is the base model, any other has a checkpoint. */
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
  /** At most `mostMoments`. */
  readonly moments: readonly Moment[];
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

/** The state of a run that has not begun. */
export function initialState(sampler: OrderState): LoopState {
  return { step: 0, updates: 0, sampler, metrics: [], evaluations: [], best: null, samples: [], moments: [] };
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const random = v.tuple([count, count, count, count]);
const schema: v.GenericSchema<unknown, LoopState> = v.object({
  step: count,
  updates: count,
  sampler: v.object({
    epoch: count,
    cursor: count,
    random,
    passes: v.array(v.object({ pass: count, position: count, random })),
    drawn: count,
    stages: count,
  }),
  ...seenSchemas,
  moments: v.optional(MomentsSchema, []),
});

/** Reads what a checkpoint kept, of version 1 too. Throws an Error naming the field that is not as it should be. */
export function readState(json: unknown): LoopState {
  const parsed = v.safeParse(schema, migrateState(json));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(
    `The checkpoint's training state cannot be read: ${v.getDotPath(issue) ?? "the whole"} should be ` +
      `${issue.expected ?? "a whole number"}, not ${issue.received}. Go on from another checkpoint.`,
  );
}
