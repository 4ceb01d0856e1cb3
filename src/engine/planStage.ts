/** Plans one stage: batch shapes, seeded order with its replay, and number of steps. */

import { type Unit, unitLength } from "../batching/answers.ts";
import type { TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets, choosePackedBuckets } from "../batching/buckets.ts";
import { epochWeight, replayQuota, weightIn } from "../batching/replay.ts";
import { createSampler, type Sampler, type SamplerOptions, type SamplerState } from "../batching/sampler.ts";
import type { Recipe } from "../run/recipe.ts";
import type { Stage } from "../run/stage.ts";
import { plannedSteps } from "../training/schedule.ts";

interface StageParts {
  readonly stage: Stage;
  /** Of each source of the run. */
  readonly lambdas: readonly number[];
  readonly recipe: Recipe;
  readonly seed: number;
}

/**
 * The batch shapes of one stage's training and validation examples, its seeded sampler and its steps. The last `replayed` units
 * are general text.
 */
export function planStage(
  units: readonly Unit[],
  replayed: number,
  validation: readonly TokenizedExample[],
  { stage, lambdas, recipe, seed }: StageParts,
) {
  const { accumulation } = recipe;
  const training = units.flat();
  const perUnit = units.reduce((most, { length }) => Math.max(most, length), 1);
  const batchSize = recipe.batchSize * perUnit;
  const packing = recipe.packing && stage.objective !== "preference";
  const mixture = { mode: stage.mixture, lambdas };
  const first = units.length - replayed;
  const rest = units.slice(first).flat();
  const mean = rest.reduce((sum, example) => sum + weightIn(example), 0) / Math.max(rest.length, 1);
  const quota = replayed > 0 ? replayQuota(stage.replay, epochWeight(units.slice(0, first).flat(), mixture), mean) : 0;
  const repeats = (stage.mixture === "sampling" && lambdas.length > 1) || quota > replayed;
  // Without packing, validation shares the shapes of training.
  const unpacked = chooseBuckets(packing ? validation : [...training, ...validation], batchSize, { repeats });
  const options: SamplerOptions = {
    lengths: units.map(unitLength),
    sources: units.map(([example]) => example?.origin.source ?? 0),
    mixture,
    packing: packing ? recipe.maxLength : null,
    buckets: unpacked,
    batchSize: recipe.batchSize,
    accumulation,
    seed,
    replay: replayed > 0 ? { first, quota } : null,
  };
  const sampler = (state?: SamplerState) => createSampler(options, state);
  const steps = plannedSteps(stage, sampler().stepsPerEpoch);
  const buckets = packing
    ? choosePackedBuckets(training, epochOf(sampler()), { batchSize, length: recipe.maxLength })
    : unpacked;
  return { buckets, validationBuckets: unpacked, steps, sampler };
}

/** The rows of a sampler's first epoch. */
function epochOf(sampler: Sampler): readonly (readonly number[])[] {
  return Array.from({ length: sampler.stepsPerEpoch }, () => sampler.next().flat()).flat();
}
