/** Where a run stands, as plain JSON: beside the trained tensors, all that decides what comes next. */

import * as v from "valibot";
import type { SamplerState } from "../data/sampler.ts";
import { seenSchemas } from "../storage/records.ts";
import type { EvaluationMetrics, Sample, StepMetrics } from "../storage/run.ts";

export interface LoopState {
  /** Steps done, those without a supervised token included. */
  readonly step: number;
  /** Optimizer updates done: t of the next bias correction 1 − βᵗ, less one. */
  readonly updates: number;
  /** From which the next step's batches are drawn. */
  readonly sampler: SamplerState;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  /** The lowest validation loss; step 0 is the base model, any other has a checkpoint. */
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
}

/** The state of a run that has not begun. */
export function initialState(sampler: SamplerState): LoopState {
  return { step: 0, updates: 0, sampler, metrics: [], evaluations: [], best: null, samples: [] };
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
  }),
  ...seenSchemas,
});

/** Reads what a checkpoint kept. Throws an Error naming the field that is not as it should be. */
export function readState(json: unknown): LoopState {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(
    `The checkpoint's training state cannot be read: ${v.getDotPath(issue) ?? "the whole"} should be ` +
      `${issue.expected ?? "a whole number"}, not ${issue.received}. Go on from another checkpoint.`,
  );
}
