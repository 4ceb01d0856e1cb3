/** Chooses the next token from logits: greedy, temperature, top-k, top-p; pure and seeded. */

import type { Random } from "../tensor/random.ts";

export interface Sampling {
  /** Divides the logits; 0 is greedy. */
  readonly temperature: number;
  /** Keeps the k most likely tokens; null is off. */
  readonly topK: number | null;
  /** Keeps the smallest set of most likely tokens whose probability reaches p; null is off. */
  readonly topP: number | null;
}

/** The most likely token, always. */
export const greedySampling: Sampling = { temperature: 0, topK: null, topP: null };

/** Tokens that may be drawn and their unnormalised probabilities, in (0, 1]. */
export interface Candidates {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
}

/** Throws a RangeError naming the setting when one is outside its range. */
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

/** The most likely token, the lower id among equals. Throws when a logit is NaN or none is finite. */
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
 * The tokens that may be drawn, in the usual order: temperature, then top-k, then top-p over what top-k left
 * (nucleus sampling, Holtzman et al. 2019: the smallest set of most likely tokens whose probability is ≥ p). Equals go
 * by lower id; tokens of probability 0 are left out. Weights are exp((logit − highest) / temperature), in float64.
 * `temperature` must be positive.
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
 * Gives ids by falling logit (weights of near logits may round to one number), equals by lower id, from a binary heap:
 * a whole vocabulary is not sorted for the few tokens that top-k and top-p keep.
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
