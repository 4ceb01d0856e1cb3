/** Evaluation losses of batches and of held-out sets: sums over batches, divided once. */

import type { Batch } from "../batching/batch.ts";
import type { HeldOutSet } from "../run/heldOut.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
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

/** The batches of each held-out set. */
export type HeldOut = readonly (HeldOutSet & { readonly batches: readonly Batch[] })[];

/**
 * Σ w·CE / max(Σ denominator, 1) over all sets and over each set; null when `interrupted` was true. `onProgress` receives the
 * finished batches and the number of all.
 */
export async function evaluateHeldOut(
  program: Pick<EvaluationProgram, "lossSum">,
  heldOut: HeldOut,
  interrupted: () => Promise<boolean>,
  onProgress?: (done: number, total: number) => void,
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
    if (heldOut.length === 1) return { loss, sets };
    const own = batches.reduce((all, batch) => all + batch.denominator, 0);
    sum += loss * Math.max(own, 1);
    denominator += own;
  }
  return { loss: sum / Math.max(denominator, 1), sets };
}
