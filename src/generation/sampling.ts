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
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const drawable = Array.from(weights.keys()).filter((id) => (weights[id] as number) > 0);
  const weightOf = (id: number) => weights[id] as number;
  if (topK === null && (topP === null || topP === 1)) return { ids: drawable, weights: drawable.map(weightOf) };

  const limit = Math.min(topK ?? drawable.length, drawable.length);
  const pop = mostLikelyFirst(drawable, logits);
  const ids = topK === null ? [] : Array.from({ length: limit }, pop);
  if (topP !== null) {
    const wanted = topP * (topK === null ? drawable : ids).reduce((sum, id) => sum + weightOf(id), 0);
    let size = 0;
    for (let cumulative = 0; cumulative < wanted && size < limit; size++) {
      if (size === ids.length) ids.push(pop());
      cumulative += weightOf(ids[size] as number);
    }
    ids.length = size;
  }
  return { ids, weights: ids.map(weightOf) };
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
 * Returns ids one by one, by descending logit and then by id, from a binary heap: top-k and top-p need few tokens, so sorting
 * the whole vocabulary would be waste. It compares logits, because weights of close logits may round to one number.
 */
function mostLikelyFirst(ids: readonly number[], logits: Float32Array): () => number {
  const heap = Array.from(ids);
  const before = (a: number, b: number) => {
    const [first, second] = [logits[a] as number, logits[b] as number];
    return first > second || (first === second && a < b);
  };
  const sink = (from: number) => {
    for (let parent = from; ; ) {
      let first = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child] as number, heap[first] as number)) first = child;
      }
      if (first === parent) return;
      [heap[parent], heap[first]] = [heap[first] as number, heap[parent] as number];
      parent = first;
    }
  };
  for (let parent = (heap.length >> 1) - 1; parent >= 0; parent--) sink(parent);
  return () => {
    const top = heap[0] as number;
    const last = heap.pop() as number;
    if (heap.length > 0) {
      heap[0] = last;
      sink(0);
    }
    return top;
  };
}
