/** From the weights of supervised tokens to a batch's loss Σ lossWeights·CE / denominator. */

/** Which loss a batch stands for. The sum over micro-batches is divided by the sum of their denominators. */
export interface LossTerms {
  /** float32 [N]; the factor of each supervised position's cross-entropy, of either sign; 0 for padding. */
  readonly lossWeights: Float32Array;
  /** What the sum is divided by; not below 0. */
  readonly denominator: number;
}

/**
 * Supervised fine-tuning and plain text: the mean cross-entropy of supervised tokens, weighted by w, Σ w·CE / Σ w.
 * `weights` float32 [N], 0 for padding.
 */
export function weightedMean(weights: Float32Array): LossTerms {
  return { lossWeights: weights, denominator: weights.reduce((sum, weight) => sum + weight, 0) };
}
