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

/**
 * Creates micro-batches of the units that `order` draws, each in the first bucket that fits. A unit is an example, or the
 * answers that are trained together, one per row. Packed units share a row.
 */
export function createBatchSource(
  units: readonly (readonly TokenizedExample[])[],
  buckets: readonly BatchShape[],
  order: Order,
): BatchSource {
  return {
    next: () =>
      order.next().map((groups) => {
        const rows = rowsOfUnits(units, groups);
        return packBatch(rows, bucketFor(buckets, rows));
      }),
    state: () => order.state(),
  };
}

/** The rows of a micro-batch, each a list of examples; `groups` are its drawn units. */
export const rowsOfUnits = (
  units: readonly (readonly TokenizedExample[])[],
  groups: readonly (readonly number[])[],
): (readonly TokenizedExample[])[] =>
  groups.flatMap((indices) => {
    const drawn = indices.map((index) => units[index] as readonly TokenizedExample[]);
    const [alone] = drawn;
    return alone && drawn.length === 1 ? alone.map((example) => [example]) : [drawn.flat()];
  });

/** The examples of each batch of an evaluation: every example once, one per row, shortest first for little padding. */
export function evaluationRows(
  examples: readonly TokenizedExample[],
  buckets: readonly BatchShape[],
): (readonly TokenizedExample[])[] {
  const sorted = [...examples].sort((a, b) => a.ids.length - b.ids.length);
  // Stages of preferences have more rows in a batch than others.
  const size = Math.max(1, Math.min(...buckets.map(({ rows }) => rows), examples.length));
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) => sorted.slice(i * size, (i + 1) * size));
}

/** The batches of `evaluationRows`. The buckets must have been chosen with these examples included. */
export function evaluationBatches(examples: readonly TokenizedExample[], buckets: readonly BatchShape[]): Batch[] {
  return evaluationRows(examples, buckets).map((batch) => {
    const rows = batch.map((example) => [example]);
    return packBatch(rows, bucketFor(buckets, rows));
  });
}
