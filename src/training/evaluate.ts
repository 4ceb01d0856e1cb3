/** Evaluation losses of batches and of held-out sets: sums over batches, divided once. */

import type { Batch } from "../batching/batch.ts";
import { type HeldOutSet, validationOf } from "../run/heldOut.ts";
import type { EvaluationMetrics, PreferenceFigures } from "../run/metrics.ts";
import type { EvaluationProgram } from "./program.ts";

/**
 * Σ w·CE / max(Σ denominator, 1) over all batches. Calls `interrupted` before each batch and returns null when it is true;
 * calls `onBatch` after each.
 * The result is not finite when the model's numbers are not.
 */
export async function meanLoss(
  program: Pick<EvaluationProgram, "lossSum">,
  batches: readonly Batch[],
  interrupted: () => Promise<boolean>,
  onBatch?: () => void,
): Promise<number | null> {
  let sum = 0;
  let denominator = 0;
  for (const batch of batches) {
    if (await interrupted()) return null;
    if (batch.supervised > 0) {
      sum += await program.lossSum(batch);
      denominator += batch.denominator;
    }
    onBatch?.();
  }
  return sum / Math.max(denominator, 1);
}

/** The loss of the held-out preferences; null when interrupted. */
export type PreferenceEvaluation = () => Promise<{ readonly loss: number; readonly figures: PreferenceFigures } | null>;

/** The batches of each held-out set. */
export type HeldOut = readonly (HeldOutSet & { readonly batches: readonly Batch[] })[];

/**
 * Σ w·CE / max(Σ denominator, 1) over all sets and over each set; null when `interrupted` was true. `onProgress` receives the
 * finished batches and the number of all. `preference` evaluates held-out preferences, which are no part of the loss over all
 * sets unless there is no other.
 */
export async function evaluateHeldOut(
  program: Pick<EvaluationProgram, "lossSum">,
  heldOut: HeldOut,
  interrupted: () => Promise<boolean>,
  onProgress?: (done: number, total: number) => void,
  preference: PreferenceEvaluation | null = null,
): Promise<Omit<EvaluationMetrics, "step"> | null> {
  const total = heldOut.reduce((all, { batches }) => all + batches.length, 0);
  let done = 0;
  onProgress?.(done, total);
  const onBatch = () => onProgress?.(++done, total);
  let sum = 0;
  let denominator = 0;
  const sets: Record<string, number> = {};
  for (const { name, batches } of heldOut) {
    const loss = await meanLoss(program, batches, interrupted, onBatch);
    if (loss === null) return null;
    sets[name] = loss;
    // Multiplying and dividing again would change the last digits.
    if (heldOut.length === 1 && preference === null) return { loss, sets };
    const own = batches.reduce((all, batch) => all + batch.denominator, 0);
    sum += loss * Math.max(own, 1);
    denominator += own;
  }
  const found = preference ? await preference() : null;
  if (preference && !found) return null;
  const loss = heldOut.length > 0 || !found ? sum / Math.max(denominator, 1) : found.loss;
  if (!found) return { loss, sets };
  return { loss, sets: { ...sets, [validationOf("preference").name]: found.loss }, preference: found.figures };
}
