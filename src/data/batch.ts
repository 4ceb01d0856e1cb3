/** A micro-batch as the artifacts take it: static shapes, supervised positions listed apart (DESIGN.md, Artifacts). */

import type { BatchShape } from "../artifacts/contract.ts";

export type { BatchShape };

/** One row after template, tokenizer and mask. */
export interface TokenizedExample {
  /** Index of the row in its dataset file, from 0; reports add 1. */
  readonly row: number;
  readonly ids: Int32Array;
  /**
   * Loss weight of each token as a *target*: `weights[i]` weighs the prediction of `ids[i]` from `ids[0..i-1]`.
   * `weights[0]` is 0, for nothing predicts the first token.
   */
  readonly weights: Float32Array;
}

export interface Batch {
  readonly shape: BatchShape;
  /** int32 [B, T]; padding holds 0. */
  readonly inputIds: Int32Array;
  /** int32 [B, T]; restarts at 0 in each segment. */
  readonly positionIds: Int32Array;
  /** int32 [B, T]; 1, 2, … per packed example, 0 for padding. Attention stays within a segment. */
  readonly segmentIds: Int32Array;
  /** int32 [N]; flat position b·T + t whose *next* token is predicted; padding holds 0. */
  readonly supervisedIndex: Int32Array;
  /** int32 [N]; the token to predict; padding holds 0. */
  readonly targets: Int32Array;
  /** float32 [N]; loss weights, 0 for padding. */
  readonly lossWeights: Float32Array;
  /** Σ lossWeights: what the optimizer step divides by, summed over its micro-batches. */
  readonly weightSum: number;
  /** Tokens that are not padding. */
  readonly tokens: number;
  /** Supervised tokens that are not padding. */
  readonly supervisedTokens: number;
  /** Dataset rows in the batch, for messages. */
  readonly sourceRows: readonly number[];
}
