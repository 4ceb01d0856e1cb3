/** Pairs with wrong answers: a spoilt pair has the value of another fact of its task, in a correct sentence. */

import { createRandom } from "../../src/tensor/random.ts";
import type { Pair } from "./pairs.ts";
import { fill, relationOf, sentence } from "./relations.ts";

/** Spoils `share` of the pairs, chosen by the seed; the others stay the same objects. */
export function spoil(pairs: readonly Pair[], share: number, seed: number): Pair[] {
  const random = createRandom(seed);
  return pairs.map((pair) => {
    if (random.next() >= share) return pair;
    const { facts, answer } = relationOf(pair.task);
    const own = facts.find((fact) => sentence(fill(answer, fact)) === pair.output);
    if (!own)
      throw new Error(`"${pair.output}" is no answer of ${pair.task}: only the small world's own pairs can be spoilt.`);
    const others = facts.filter((fact) => fact.slots.v !== own.slots.v);
    const other = others[random.below(others.length)];
    if (!other) throw new Error(`Every fact of ${pair.task} has one value: none of its answers can be spoilt.`);
    // The entity of this fact with the value of another.
    const { v, av, b } = other.slots;
    const slots = { ...own.slots, ...(v && { v }), ...(av && { av }), ...(b && { b }) };
    return { ...pair, output: sentence(fill(answer, { ...own, slots })) };
  });
}
