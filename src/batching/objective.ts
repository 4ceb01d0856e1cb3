/** Loss weights and denominator of a batch, whose loss is Σ lossWeights·CE / denominator. */

/** The terms of a batch's loss; a step divides the sum over its micro-batches by the sum of their denominators. */
export interface LossTerms {
  /** float32 [N]; factor of each supervised position's cross-entropy, possibly negative; 0 for padding. */
  readonly lossWeights: Float32Array;
  /** At least 0. */
  readonly denominator: number;
}

/**
 * The loss of supervised fine-tuning and of plain text: the weighted mean Σ w·CE / Σ w over supervised tokens. `weights`
 * float32 [N], 0 for padding.
 */
export function weightedMean(weights: Float32Array): LossTerms {
  return { lossWeights: weights, denominator: weights.reduce((sum, weight) => sum + weight, 0) };
}
