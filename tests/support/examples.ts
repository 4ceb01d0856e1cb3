/** Tokenized examples whose tokens identify their origin, and the supervised predictions of a batch. */

import fc from "fast-check";
import type { Batch, RowOrigin, TokenizedExample } from "../../src/batching/batch.ts";

/** An origin whose line differs from its row, in one of two named files or in an unnamed one. */
export const originOf = (row: number, source = 0): RowOrigin => ({
  source,
  name: ["alpaca.json", "chats.jsonl"][source] ?? `source ${source + 1}`,
  row,
  line: 3 * row + 2,
});

/**
 * An example of this many tokens; the last `taught` are supervised, with weights 1, 0.5, 0, 2, 1, …. The other weights are
 * NaN, because no code may read them.
 */
export function makeExample(row: number, length: number, taught: number, source = 0): TokenizedExample {
  const ids = Int32Array.from({ length }, (_, i) => 1000 * (row + 1) + i);
  const mask = Uint8Array.from({ length }, (_, i) => (i > 0 && i >= length - taught ? 1 : 0));
  const weights = Float32Array.from(mask, (one, i) => (one ? ([1, 0.5, 0, 2][(i + row) % 4] ?? 0) : Number.NaN));
  return { origin: originOf(row, source), ids, mask, weights };
}

const sizes = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 60 }));
/** Lists of examples of 1 to 100 tokens. */
export const exampleLists = (options: fc.ArrayConstraints) =>
  fc.array(sizes, options).map((list) => list.map(([length, taught], row) => makeExample(row, length, taught)));

export const supervisedOf = ({ mask }: TokenizedExample) => mask.filter((one) => one === 1).length;

/**
 * The supervised predictions of a batch as text: context tokens, target and weight, sorted. The context is positions 0, 1, …
 * of the target's row and segment. Throws when attention would reach any other token, or when padding has a weight.
 */
export function lessonsOf(batch: Batch) {
  const { inputIds, segmentIds, positionIds, supervisedIndex, targets, lossWeights, supervised, shape } = batch;
  const lessons: string[] = [];
  targets.forEach((target, n) => {
    const weight = lossWeights[n] ?? 0;
    if (n >= supervised) {
      if (weight !== 0) throw new Error(`Padding ${n} weighs ${weight}.`);
      return;
    }
    const last = supervisedIndex[n] ?? 0;
    const row = Math.floor(last / shape.length);
    const segment = segmentIds[last] ?? 0;
    if (segment === 0) throw new Error(`A lesson at ${last} stands on padding.`);
    const context: number[] = [];
    for (let p = row * shape.length; p <= last; p++) {
      if (segmentIds[p] !== segment) continue;
      if (positionIds[p] !== context.length) throw new Error(`Token ${p} is not at position ${context.length}.`);
      context.push(inputIds[p] ?? 0);
    }
    lessons.push(`${context.join()} → ${target} (${weight})`);
  });
  return lessons.sort();
}

/** The same predictions, from the examples alone. */
export const expectedLessons = (examples: readonly TokenizedExample[]) =>
  examples
    .flatMap(({ ids, mask, weights }) =>
      Array.from(ids, (target, i) =>
        mask[i] === 1 ? [`${[...ids.slice(0, i)].join()} → ${target} (${weights[i]})`] : [],
      ).flat(),
    )
    .sort();
