/** One optimizer step: sums over micro-batches, divided once; numbers that are not finite stop the step. */

import type { Batch, RowOrigin } from "../batching/batch.ts";
import type { PreferenceFigures } from "../run/metrics.ts";
import { NonFiniteError } from "./nonFinite.ts";
import type { WeighedStep } from "./preference.ts";
import type { TrainingProgram } from "./program.ts";

/** The inputs of one optimizer step. */
export interface StepRequest {
  /** From 1; appears in error messages. */
  readonly step: number;
  /** Number of updates before this one: t − 1 of the bias corrections 1 − βᵗ. Empty steps do not count. */
  readonly updates: number;
  readonly batches: readonly Batch[];
  readonly learningRate: number;
  /** In a stage of preferences: gives the batches their loss weights; null when `interrupted` was true. */
  readonly weigh?:
    | ((batches: readonly Batch[], interrupted: () => Promise<boolean>) => Promise<WeighedStep | null>)
    | undefined;
}

export type StepOutcome =
  | {
      readonly kind: "updated";
      /** Σ w·CE / max(Σ denominator, 1) over the micro-batches; in a stage of preferences the loss of its objective. */
      readonly loss: number;
      /** Global L2 norm of the mean gradient before clipping. */
      readonly gradientNorm: number;
      readonly tokens: number;
      readonly supervisedTokens: number;
      readonly examples: number;
      readonly preference?: PreferenceFigures;
    }
  /** No micro-batch had a supervised token; nothing was computed or changed. */
  | { readonly kind: "empty" }
  /** Interrupted between two micro-batches; nothing was changed, and the partial gradient is dropped. */
  | { readonly kind: "interrupted" };

/** Builds the sessions for a step over these batches; batches without supervised tokens need none. */
export function prepareStep(
  program: Pick<TrainingProgram, "prepare">,
  batches: readonly Batch[],
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const shapes = batches.filter(({ supervised }) => supervised > 0).map(({ shape }) => shape);
  return program.prepare(shapes, onProgress);
}

/**
 * Takes one optimizer step and calls `interrupted` before each micro-batch. Throws `NonFiniteError`; parameters and moments
 * are then unchanged.
 */
export async function takeStep(
  program: Pick<TrainingProgram, "microBatch" | "update">,
  { step, updates, batches: drawn, learningRate, weigh }: StepRequest,
  interrupted: () => Promise<boolean>,
): Promise<StepOutcome> {
  const weighed = weigh ? await weigh(drawn, interrupted) : null;
  if (weigh && !weighed) return { kind: "interrupted" };
  const batches = weighed?.batches ?? drawn;
  if (weighed && !Number.isFinite(weighed.loss)) {
    throw new NonFiniteError(
      "loss",
      weighed.loss,
      step,
      drawn.flatMap(({ origins }) => origins),
    );
  }
  let loss = 0;
  let denominator = 0;
  let tokens = 0;
  let supervisedTokens = 0;
  const origins: RowOrigin[] = [];
  for (const batch of batches) {
    if (await interrupted()) return { kind: "interrupted" };
    if (batch.supervised === 0) continue;
    const { lossSum } = await program.microBatch(batch, supervisedTokens === 0);
    if (!Number.isFinite(lossSum)) throw new NonFiniteError("loss", lossSum, step, batch.origins);
    loss += lossSum;
    denominator += batch.denominator;
    tokens += batch.tokens;
    supervisedTokens += batch.supervised;
    origins.push(...batch.origins);
  }
  if (supervisedTokens === 0) return { kind: "empty" };
  const { gradientNorm } = await program.update({ t: updates + 1, learningRate, denominator });
  if (!Number.isFinite(gradientNorm)) throw new NonFiniteError("gradient", gradientNorm, step, origins);
  return {
    kind: "updated",
    loss: weighed?.loss ?? loss / Math.max(denominator, 1),
    gradientNorm,
    tokens,
    supervisedTokens,
    examples: origins.length,
    ...(weighed && { preference: weighed.figures }),
  };
}
