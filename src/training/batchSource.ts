/** Where micro-batches come from: the training rows in seeded order, and held-out rows in their own. */

import type { Batch, BatchShape, TokenizedExample } from "../data/batch.ts";
import { bucketFor, makeBatch, type Sampler, type SamplerState } from "../data/batches.ts";

/** The training rows, in seeded order. */
export interface BatchSource {
  /** The micro-batches of the next optimizer step. */
  next(): readonly Batch[];
  /** A source made from this state gives the same batches again. */
  state(): SamplerState;
}

/** Makes the micro-batches whose rows `sampler` draws from `examples`, each in the shortest bucket that holds it. */
export function createBatchSource(
  examples: readonly TokenizedExample[],
  buckets: readonly BatchShape[],
  sampler: Sampler,
): BatchSource {
  return {
    next: () =>
      sampler.next().map((indices) => {
        const drawn = indices.map((index) => examples[index] as TokenizedExample);
        return makeBatch(drawn, bucketFor(buckets, drawn));
      }),
    state: () => sampler.state(),
  };
}

/**
 * Every example once, shortest first so that little is padded: what an evaluation goes through. The buckets must have been
 * chosen with these examples among the others.
 */
export function evaluationBatches(examples: readonly TokenizedExample[], buckets: readonly BatchShape[]): Batch[] {
  const sorted = [...examples].sort((a, b) => a.ids.length - b.ids.length);
  const size = buckets[0]?.rows ?? 1;
  const groups = Array.from({ length: Math.ceil(sorted.length / size) }, (_, i) =>
    sorted.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => makeBatch(group, bucketFor(buckets, group)));
}
