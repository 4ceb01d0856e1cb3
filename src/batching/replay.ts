/** Replay: general text among the draws of a stage, with a share of the stage's loss weight. */

import type { TokenizedExample } from "./batch.ts";
import { epochQuotas, type MixtureMode } from "./mixture.ts";

export interface Replay {
  /** Index of the first example of general text; the task's examples come before it. */
  readonly first: number;
  /** Draws of general text in an epoch, on average; not a whole number. */
  readonly quota: number;
}

/** Σ w over the supervised positions of an example. */
export const weightIn = ({ mask, weights }: Pick<TokenizedExample, "mask" | "weights">) =>
  mask.reduce((sum, is, i) => sum + (is ? (weights[i] ?? 0) : 0), 0);

/**
 * Draws of general text in an epoch, so that its Σ w is `share` of all: r = share / (1 − share) · own / mean, where `own` is
 * the task's Σ w of an epoch and `mean` that of one row of general text.
 */
export const replayQuota = (share: number, own: number, mean: number) =>
  mean > 0 ? ((share / (1 - share)) * own) / mean : 0;

/** Σ w of an average epoch of the task; `examples` have the weights of their mixture. */
export function epochWeight(
  examples: readonly TokenizedExample[],
  { mode, lambdas }: { readonly mode: MixtureMode; readonly lambdas: readonly number[] },
): number {
  const counts = lambdas.map(() => 0);
  const sums = lambdas.map(() => 0);
  for (const example of examples) {
    const { source } = example.origin;
    counts[source] = (counts[source] ?? 0) + 1;
    sums[source] = (sums[source] ?? 0) + weightIn(example);
  }
  const quotas = mode === "sampling" ? epochQuotas(counts, lambdas) : counts;
  return sums.reduce((all, sum, k) => all + (sum * (quotas[k] ?? 0)) / Math.max(counts[k] ?? 0, 1), 0);
}
