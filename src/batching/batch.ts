/** A micro-batch as the artifacts take it: static shapes, supervised positions listed apart (DESIGN.md, Artifacts); padding and packing. */

import type { BatchShape } from "../artifacts/contract.ts";

export type { BatchShape };

/** One row after template, tokenizer and mask. */
export interface TokenizedExample {
  /** Index of its source among the chosen ones, from 0. */
  readonly source: number;
  /** Index of the row in its file, from 0; reports add 1. */
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

/** One example per row, right-padded; fewer examples than rows leave empty rows. Throws when they do not fit the shape. */
export function makeBatch(examples: readonly TokenizedExample[], shape: BatchShape): Batch {
  return packBatch(
    examples.map((example) => [example]),
    shape,
  );
}

/**
 * Several examples per row, one behind the other: segments 1, 2, … and positions that restart, so that none sees another.
 * Throws, naming what does not fit, when rows, tokens or supervised positions exceed the shape.
 */
export function packBatch(groups: readonly (readonly TokenizedExample[])[], shape: BatchShape): Batch {
  const { rows, length, supervised } = shape;
  if (groups.length > rows) throw new Error(`${groups.length} rows do not fit a batch of ${rows}.`);
  const inputIds = new Int32Array(rows * length);
  const positionIds = new Int32Array(rows * length);
  const segmentIds = new Int32Array(rows * length);
  const supervisedIndex = new Int32Array(supervised);
  const targets = new Int32Array(supervised);
  const lossWeights = new Float32Array(supervised);
  let weightSum = 0;
  let tokens = 0;
  let supervisedTokens = 0;

  groups.forEach((examples, b) => {
    let t = 0;
    examples.forEach(({ row, ids, weights }, segment) => {
      if (t + ids.length > length) {
        throw new Error(`Row ${row + 1}: token ${t + ids.length} does not fit a length of ${length}.`);
      }
      const start = b * length + t;
      inputIds.set(ids, start);
      for (let i = 0; i < ids.length; i++) {
        positionIds[start + i] = i;
        segmentIds[start + i] = segment + 1;
        const weight = weights[i] ?? 0;
        if (weight === 0) continue;
        if (i === 0) throw new Error(`Row ${row + 1}: its first token has a loss weight, and nothing predicts it.`);
        if (supervisedTokens === supervised) {
          throw new Error(`Row ${row + 1}: the batch has room for ${supervised} supervised tokens, and they are more.`);
        }
        supervisedIndex[supervisedTokens] = start + i - 1;
        targets[supervisedTokens] = ids[i] ?? 0;
        lossWeights[supervisedTokens] = weight;
        weightSum += weight;
        supervisedTokens++;
      }
      t += ids.length;
    });
    tokens += t;
  });
  return {
    shape,
    inputIds,
    positionIds,
    segmentIds,
    supervisedIndex,
    targets,
    lossWeights,
    weightSum,
    tokens,
    supervisedTokens,
    sourceRows: groups.flat().map(({ row }) => row),
  };
}
