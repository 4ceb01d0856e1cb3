/** Sources of micro-batches: training rows in seeded order, and held-out rows by length. */

import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor } from "../batching/buckets.ts";
import type { Order, OrderState } from "../batching/stages.ts";

/** The micro-batches of training, in seeded order. */
export interface BatchSource {
  /** The micro-batches of the next optimizer step. */
  next(): readonly Batch[];
  /** A source created from this state continues with the same batches. */
  state(): OrderState;
}

/** Creates micro-batches of the rows that `order` draws from `examples`, each in the first bucket that fits. */
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

/** The examples of each batch of an evaluation: every example once, one per row, shortest first for little padding. */
export function evaluationRows(
  examples: readonly TokenizedExample[],
  buckets: readonly BatchShape[],
): (readonly TokenizedExample[])[] {
  const sorted = [...examples].sort((a, b) => a.ids.length - b.ids.length);
  const size = buckets[0]?.rows ?? 1;
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) => sorted.slice(i * size, (i + 1) * size));
}

/** The batches of `evaluationRows`. The buckets must have been chosen with these examples included. */
export function evaluationBatches(examples: readonly TokenizedExample[], buckets: readonly BatchShape[]): Batch[] {
  return evaluationRows(examples, buckets).map((batch) => {
    const rows = batch.map((example) => [example]);
    return packBatch(rows, bucketFor(buckets, rows));
  });
}
