/** Where micro-batches come from: the training rows in seeded order, and held-out rows in their own. */

import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor } from "../batching/buckets.ts";
import type { Order, OrderState } from "../batching/stages.ts";

/** The training rows, in seeded order. */
export interface BatchSource {
  /** The micro-batches of the next optimizer step. */
  next(): readonly Batch[];
  /** A source made from this state gives the same batches again. */
  state(): OrderState;
}

/** Makes the micro-batches whose rows `order` draws from `examples`, each in the first bucket that holds it. */
export function createBatchSource(
  examples: readonly TokenizedExample[],
  buckets: readonly BatchShape[],
  order: Order,
): BatchSource {
  return {
    next: () =>
      order.next().map((groups) => {
        const rows = groups.map((indices) => indices.map((index) => examples[index] as TokenizedExample));
        return packBatch(rows, bucketFor(buckets, rows));
      }),
    state: () => order.state(),
  };
}

/**
 * Every example once, one per row and shortest first so that little is padded: what an evaluation goes through. The buckets
 * must have been chosen with these examples among the others.
 */
export function evaluationBatches(examples: readonly TokenizedExample[], buckets: readonly BatchShape[]): Batch[] {
  const sorted = [...examples].sort((a, b) => a.ids.length - b.ids.length);
  const size = buckets[0]?.rows ?? 1;
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) => {
    const rows = sorted.slice(i * size, (i + 1) * size).map((example) => [example]);
    return packBatch(rows, bucketFor(buckets, rows));
  });
}
