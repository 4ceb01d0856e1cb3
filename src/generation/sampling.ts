/** Chooses the next token from logits: greedy, temperature, top-k and top-p; pure and seeded. */

import type { Random } from "../tensor/random.ts";

export interface Sampling {
  /** Divides the logits; 0 is greedy. */
  readonly temperature: number;
  /** Keeps the k most likely tokens; null is off. */
  readonly topK: number | null;
  /** Keeps the smallest set of most likely tokens whose probability reaches p; null is off. */
  readonly topP: number | null;
}

/** Always the most likely token. */
export const greedySampling: Sampling = { temperature: 0, topK: null, topP: null };

/** The tokens to draw from, and their unnormalised probabilities in (0, 1]. */
export interface Candidates {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
}

/** Throws a RangeError with the setting's name when a setting is outside its range. */
export function checkSampling({ temperature, topK, topP }: Sampling): void {
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`The temperature is ${temperature}; give 0 (greedy) or a positive number.`);
  }
  if (topK !== null && !(Number.isInteger(topK) && topK >= 1)) {
    throw new RangeError(`Top-k is ${topK}; give a whole number of at least 1, or none.`);
  }
  if (topP !== null && !(topP > 0 && topP <= 1)) {
    throw new RangeError(`Top-p is ${topP}; give a number above 0 and up to 1, or none.`);
  }
}

/** The most likely token; of equal ones the lowest id. Throws when a logit is NaN or none is finite. */
export function greedy(logits: Float32Array): number {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (Number.isNaN(logit)) throw new Error(`The logit of token ${id} is NaN: the model's weights are not finite.`);
    if (logit > highest) {
      highest = logit;
      best = id;
    }
  }
  if (!Number.isFinite(highest)) {
    throw new Error(`The highest logit is ${highest}: the model gives no token a finite probability.`);
  }
  return best;
}

/**
 * The tokens to draw from: temperature, then top-k, then top-p over the remaining tokens (nucleus sampling, Holtzman et al.
 * 2019: the smallest set of most likely tokens with probability ≥ p). Equal logits are ordered by id; tokens of probability 0
 * are left out. Weights are exp((logit − highest) / temperature), in float64. `temperature` must be positive.
 */
export function candidates(logits: Float32Array, { temperature, topK, topP }: Sampling): Candidates {
  const highest = logits[greedy(logits)] as number;
  const weightOf = (id: number) => Math.exp(((logits[id] as number) - highest) / temperature);
  if (topK !== null) return reaching(topP, mostLikely(logits, topK), weightOf);
  if (topP === null || topP === 1) {
    const ids: number[] = [];
    const weights: number[] = [];
    for (let id = 0; id < logits.length; id++) {
      const weight = weightOf(id);
      if (weight === 0) continue;
      ids.push(id);
      weights.push(weight);
    }
    return { ids, weights };
  }
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += weightOf(id);
  // Few tokens mostly reach p, and they are quicker to find than an order of the whole vocabulary.
  for (let count = 64; ; count *= 8) {
    const found = reaching(topP, mostLikely(logits, count), weightOf, sum);
    if (found.ids.length < count || count >= logits.length) return found;
  }
}

/** The first of the ids, most likely first, whose weights reach the share p of `sum`; all of positive weight without a p. */
function reaching(
  p: number | null,
  ids: readonly number[],
  weightOf: (id: number) => number,
  sum?: number,
): Candidates {
  const weights = ids.map(weightOf);
  const zero = weights.indexOf(0);
  if (zero >= 0) weights.length = zero;
  let size = weights.length;
  if (p !== null) {
    const wanted = p * (sum ?? weights.reduce((total, weight) => total + weight, 0));
    size = 0;
    for (let cumulative = 0; cumulative < wanted && size < weights.length; size++)
      cumulative += weights[size] as number;
  }
  return { ids: ids.slice(0, size), weights: weights.slice(0, size) };
}

/** Draws the next token. Throws when a logit is NaN or none is finite. */
export function sampleToken(logits: Float32Array, sampling: Sampling, random: Random): number {
  if (sampling.temperature === 0) return greedy(logits);
  const { ids, weights } = candidates(logits, sampling);
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [rank, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return ids[rank] as number;
  }
  return ids[ids.length - 1] as number;
}

/**
 * The ids of the `count` highest logits (of all, where there are fewer), by descending logit and then by id. One pass with a
 * heap of `count` ids, the last one on top: few ids of a large vocabulary enter it.
 */
function mostLikely(logits: Float32Array, count: number): number[] {
  const before = (a: number, b: number) => {
    const [first, second] = [logits[a] as number, logits[b] as number];
    return first > second || (first === second && a < b);
  };
  const heap = Array.from({ length: Math.min(count, logits.length) }, (_, id) => id);
  const sink = (from: number) => {
    for (let parent = from; ; ) {
      let last = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[last] as number, heap[child] as number)) last = child;
      }
      if (last === parent) return;
      [heap[parent], heap[last]] = [heap[last] as number, heap[parent] as number];
      parent = last;
    }
  };
  for (let parent = (heap.length >> 1) - 1; parent >= 0; parent--) sink(parent);
  let bound = logits[heap[0] as number] as number;
  for (let id = heap.length; id < logits.length; id++) {
    // Ids ascend, so an equal logit comes after those in the heap.
    if ((logits[id] as number) <= bound) continue;
    heap[0] = id;
    sink(0);
    bound = logits[heap[0] as number] as number;
  }
  return heap.sort((a, b) => (before(a, b) ? -1 : 1));
}
