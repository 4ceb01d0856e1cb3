/** Tokenised examples whose tokens tell where they come from, and what a batch teaches. */

import fc from "fast-check";
import type { Batch, TokenizedExample } from "../../src/batching/batch.ts";

/** An example of this many tokens, whose last `taught` have weights 1, 2, 3, 1, … */
export function makeExample(row: number, length: number, taught: number, source = 0): TokenizedExample {
  const ids = Int32Array.from({ length }, (_, i) => 1000 * (row + 1) + i);
  const weights = Float32Array.from({ length }, (_, i) => (i > 0 && i >= length - taught ? ((i + row) % 3) + 1 : 0));
  return { source, row, ids, weights };
}

const sizes = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 60 }));
/** Lists of examples of 1 to 100 tokens. */
export const exampleLists = (options: fc.ArrayConstraints) =>
  fc.array(sizes, options).map((list) => list.map(([length, taught], row) => makeExample(row, length, taught)));

export const supervisedOf = ({ weights }: TokenizedExample) => weights.filter((weight) => weight > 0).length;

/**
 * What a batch teaches, in words: the tokens that a target is predicted from, the target and its weight, sorted. The tokens
 * are those at positions 0, 1, … of its own row and segment; anything else that attention would reach makes it throw.
 */
export function lessonsOf({ inputIds, segmentIds, positionIds, supervisedIndex, targets, lossWeights, shape }: Batch) {
  const lessons: string[] = [];
  targets.forEach((target, n) => {
    const weight = lossWeights[n] ?? 0;
    if (weight === 0) return;
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

/** The same from the examples alone. */
export const expectedLessons = (examples: readonly TokenizedExample[]) =>
  examples
    .flatMap(({ ids, weights }) =>
      Array.from(ids, (target, i) =>
        (weights[i] ?? 0) > 0 ? [`${[...ids.slice(0, i)].join()} → ${target} (${weights[i]})`] : [],
      ).flat(),
    )
    .sort();
