/** One evaluation of all held-out sets: the task's by objective and by source, and general text. */

import type { Batch } from "../batching/batch.ts";
import { allGeneral, validationOfSource } from "../run/heldOut.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
import { evaluateHeldOut, type HeldOut, meanLoss, type PreferenceEvaluation } from "./evaluate.ts";
import type { EvaluationProgram } from "./program.ts";

export interface MeterSets {
  readonly heldOut: HeldOut;
  readonly general: readonly { readonly name: string; readonly batches: readonly Batch[] }[];
  /** Whether the loss on the held-out rows of each source is measured too, where there are several. */
  readonly bySource: boolean;
}

/**
 * The losses of `evaluateHeldOut`, those of each source, and those of general text, which do not count in `loss`. Every batch
 * is computed once. Null when `interrupted` was true.
 */
export async function evaluateMeter(
  program: EvaluationProgram,
  { heldOut, general, bySource }: MeterSets,
  interrupted: () => Promise<boolean>,
  onProgress?: (done: number, total: number) => void,
  preference: PreferenceEvaluation | null = null,
): Promise<Omit<EvaluationMetrics, "step"> | null> {
  const count = (sets: readonly { readonly batches: readonly Batch[] }[]) =>
    sets.reduce((sum, { batches }) => sum + batches.length, 0);
  const total = count(heldOut) + count(general);
  let done = 0;
  const sources = createTally(program);
  const onBatch = (now: number) => {
    done = now;
    onProgress?.(done, total);
  };
  const found = await evaluateHeldOut(bySource ? sources : program, heldOut, interrupted, onBatch, preference);
  if (found === null) return null;
  const losses: Record<string, number> = {};
  let sum = 0;
  let denominator = 0;
  for (const { name, batches } of general) {
    const loss = await meanLoss(program, batches, interrupted, () => onProgress?.(++done, total));
    if (loss === null) return null;
    losses[name] = loss;
    const own = batches.reduce((all, batch) => all + batch.denominator, 0);
    sum += loss * own;
    denominator += own;
  }
  const pooled = general.length > 1 ? { [allGeneral.name]: sum / Math.max(denominator, 1) } : {};
  return { ...found, sets: { ...found.sets, ...sources.losses(), ...losses, ...pooled } };
}

/** Computes batches, and sums their losses by source: Σ w·CE / max(Σ w, 1). */
function createTally(program: EvaluationProgram) {
  const sums = new Map<number, { loss: number; weight: number }>();
  return {
    async lossSum(batch: Batch): Promise<number> {
      const { lossSum, perToken } = await program.losses(batch);
      let at = 0;
      for (const { origin, answer, supervised } of batch.examples) {
        const sum = sums.get(origin.source) ?? { loss: 0, weight: 0 };
        // An answer of a preference has no loss of its own.
        for (let i = answer === null ? at : at + supervised; i < at + supervised; i++) {
          const weight = batch.lossWeights[i] ?? 0;
          sum.loss += weight * (perToken[i] ?? 0);
          sum.weight += weight;
        }
        at += supervised;
        if (answer === null) sums.set(origin.source, sum);
      }
      return lossSum;
    },
    /** By set name; none where all rows are of one source. */
    losses(): Record<string, number> {
      if (sums.size < 2) return {};
      const sorted = [...sums].sort(([a], [b]) => a - b);
      return Object.fromEntries(
        sorted.map(([source, { loss, weight }]) => [validationOfSource(source), loss / Math.max(weight, 1)]),
      );
    },
  };
}
