/** Loss without training, of batches and of held-out sets: sums first, one division. */

import type { Batch } from "../batching/batch.ts";
import type { LearntKind } from "../records/example.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
import type { EvaluationProgram } from "./program.ts";

/**
 * Σ w·CE / max(Σ w, 1) over all batches. `interrupted` is asked before each batch; null when it said so. Not finite when the
 * model's numbers are not.
 */
export async function meanLoss(
  program: Pick<EvaluationProgram, "lossSum">,
  batches: readonly Batch[],
  interrupted: () => Promise<boolean>,
): Promise<number | null> {
  let sum = 0;
  let weightSum = 0;
  for (const batch of batches) {
    if (await interrupted()) return null;
    if (batch.weightSum === 0) continue;
    sum += await program.lossSum(batch);
    weightSum += batch.weightSum;
  }
  return sum / Math.max(weightSum, 1);
}

/** Held-out rows in sets whose losses are told apart by kind; a run in one stage has one set, without a kind. */
export type HeldOut = readonly { readonly kind: LearntKind | null; readonly batches: readonly Batch[] }[];

/** Σ w·CE / max(Σ w, 1) over all sets, and over each where they have kinds; null when `interrupted` said so. */
export async function evaluateHeldOut(
  program: Pick<EvaluationProgram, "lossSum">,
  sets: HeldOut,
  interrupted: () => Promise<boolean>,
): Promise<Omit<EvaluationMetrics, "step"> | null> {
  let sum = 0;
  let weightSum = 0;
  const byKind: { [Kind in LearntKind]?: number } = {};
  for (const { kind, batches } of sets) {
    const loss = await meanLoss(program, batches, interrupted);
    if (loss === null) return null;
    if (kind === null) return { loss };
    byKind[kind] = loss;
    const weight = batches.reduce((all, batch) => all + batch.weightSum, 0);
    sum += loss * Math.max(weight, 1);
    weightSum += weight;
  }
  return { loss: sum / Math.max(weightSum, 1), byKind };
}
