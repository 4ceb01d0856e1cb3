/** The number of steps of a stage, and the learning rate of each step. */

import type { RunStage, Slowdown } from "../run/record.ts";
import type { Stage } from "../run/stage.ts";

/**
 * Optimizer steps of a stage: its `steps` if not null, else `epochs` · `stepsPerEpoch`, rounded to a whole number; at least 1.
 */
export function plannedSteps({ epochs, steps }: Pick<Stage, "epochs" | "steps">, stepsPerEpoch: number): number {
  return Math.max(1, steps ?? Math.round(epochs * stepsPerEpoch));
}

/** The settings that determine the rate within a stage. */
export type Pace = Pick<Stage, "learningRate" | "schedule" | "warmupRatio">;

/**
 * Learning rate of step s = 1 … `totalSteps`. With W = ⌈warmupRatio · totalSteps⌉ warm-up steps:
 *
 * - s ≤ W: peak · s / (W + 1), so the first step has a rate above 0 and s = W + 1 has the peak;
 * - after that, with progress p = (s − 1 − W) / (totalSteps − W) in [0, 1):
 *   cosine peak · (1 + cos πp) / 2, linear peak · (1 − p), constant peak.
 *
 * The decay is that of Hugging Face's `get_cosine_schedule_with_warmup` and `get_linear_schedule_with_warmup` at their
 * step s − 1: the rate would reach 0 one step after the last.
 */
export function learningRateAt(pace: Pace, step: number, totalSteps: number): number {
  if (!(step >= 1 && step <= totalSteps)) {
    throw new RangeError(
      `There is no learning rate for step ${step}: a run of ${totalSteps} steps has steps 1 to ${totalSteps}.`,
    );
  }
  const peak = pace.learningRate;
  const warmup = Math.ceil(pace.warmupRatio * totalSteps);
  if (step <= warmup) return (peak * step) / (warmup + 1);
  const progress = (step - 1 - warmup) / (totalSteps - warmup);
  switch (pace.schedule) {
    case "cosine":
      return (peak * (1 + Math.cos(Math.PI * progress))) / 2;
    case "linear":
      return peak * (1 - progress);
    case "constant":
      return peak;
  }
}

/**
 * Learning rate of step s = 1 … of a run. Each stage warms up to its own peak and decays over its own steps, because a model
 * learns new data better after the rate rises again (Gupta et al., 2023; Ibrahim et al., 2024).
 */
export function learningRateOf(
  paces: readonly Pace[],
  stages: readonly Pick<RunStage, "steps">[],
  step: number,
): number {
  let before = 0;
  for (const [index, pace] of paces.entries()) {
    const steps = stages[index]?.steps ?? 0;
    if (step <= before + steps) return learningRateAt(pace, step - before, steps);
    before += steps;
  }
  throw new RangeError(`There is no learning rate for step ${step}: the stages have ${before} steps.`);
}

/** The product of the factors of all slowdowns before a step. */
export function slowedBy(slowdowns: readonly Slowdown[], step: number): number {
  return slowdowns.reduce((product, { fromStep, factor }) => (step > fromStep ? product * factor : product), 1);
}
