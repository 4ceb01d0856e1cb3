/** Loss without training, of batches and of held-out sets: sums first, one division. */

import type { Batch } from "../batching/batch.ts";
import type { HeldOutSet } from "../run/heldOut.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
import type { EvaluationProgram } from "./program.ts";

/**
 * Σ w·CE / max(Σ denominator, 1) over all batches. `interrupted` is asked before each batch; null when it said so. Not finite
 * when the model's numbers are not.
 */
export async function meanLoss(
  program: Pick<EvaluationProgram, "lossSum">,
  batches: readonly Batch[],
  interrupted: () => Promise<boolean>,
): Promise<number | null> {
  let sum = 0;
  let denominator = 0;
  for (const batch of batches) {
    if (await interrupted()) return null;
    if (batch.supervised === 0) continue;
    sum += await program.lossSum(batch);
    denominator += batch.denominator;
  }
  return sum / Math.max(denominator, 1);
}

/** The batches of each held-out set. */
export type HeldOut = readonly (HeldOutSet & { readonly batches: readonly Batch[] })[];

/** Σ w·CE / max(Σ denominator, 1) over all sets, and over each of them; null when `interrupted` said so. */
export async function evaluateHeldOut(
  program: Pick<EvaluationProgram, "lossSum">,
  heldOut: HeldOut,
  interrupted: () => Promise<boolean>,
): Promise<Omit<EvaluationMetrics, "step"> | null> {
  let sum = 0;
  let denominator = 0;
  const sets: Record<string, number> = {};
  for (const { name, batches } of heldOut) {
    const loss = await meanLoss(program, batches, interrupted);
    if (loss === null) return null;
    sets[name] = loss;
    // To multiply and divide again would change its last digits.
    if (heldOut.length === 1) return { loss, sets };
    const own = batches.reduce((all, batch) => all + batch.denominator, 0);
    sum += loss * Math.max(own, 1);
    denominator += own;
  }
  return { loss: sum / Math.max(denominator, 1), sets };
}
