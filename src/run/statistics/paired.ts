/** Paired tests of two models on the same questions, and the correction for many tests. */

export interface McNemar {
  /** Two-sided exact p: twice the binomial tail, at most 1. */
  readonly p: number;
  /** Two-sided mid-p, which counts the observed split half: less conservative than p. */
  readonly midP: number;
}

/** ln C(n, k) for k = 0 … n, by the recurrence C(n, k + 1) = C(n, k)(n − k)/(k + 1). */
function logChoices(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let k = 0; k < n; k++) logs[k + 1] = (logs[k] as number) + Math.log((n - k) / (k + 1));
  return logs;
}

/**
 * McNemar's test in its exact form (McNemar 1947; mid-p: Fagerland, Lydersen and Laake 2013). `first` and `second` are the
 * questions that only one of two models answers right. If both models are equally good, each such question is a toss of a
 * coin: p = 2 Σ_{k ≤ min} C(n, k) / 2ⁿ with n = first + second, at most 1. mid-p = 2 (P(k < min) + P(k = min)/2). Without
 * such a question both are 1. Throws a RangeError for counts that are no whole numbers ≥ 0.
 */
export function mcNemar(first: number, second: number): McNemar {
  for (const count of [first, second]) {
    if (!(Number.isSafeInteger(count) && count >= 0)) {
      throw new RangeError(`${count} is no count of questions: give whole numbers of at least 0.`);
    }
  }
  const n = first + second;
  const least = Math.min(first, second);
  const logs = logChoices(n);
  const probability = (k: number) => Math.exp((logs[k] as number) - n * Math.LN2);
  let tail = 0;
  for (let k = 0; k <= least; k++) tail += probability(k);
  return { p: Math.min(1, 2 * tail), midP: Math.min(1, 2 * tail - probability(least)) };
}

/** Largest Σ|d| of an exact sign-flip test: its table has a place for each sum. */
const largestSum = 2_000_000;

/**
 * Exact two-sided sign-flip test (Fisher 1935) of whole-number differences, one for each question: the share of all 2ⁿ choices
 * of signs whose |Σ ±d| is at least the observed |Σ d|. With differences of −1, 0 and 1 it is McNemar's exact test. For several
 * answers to each question, d is the difference of the right answers. Throws a RangeError for other numbers than whole ones.
 */
export function signFlip(differences: readonly number[]): number {
  const sizes = differences.map(Math.abs).filter((size) => size > 0);
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (!(Number.isSafeInteger(sum) && sizes.every(Number.isSafeInteger) && sum <= largestSum)) {
    throw new RangeError(
      `Differences must be whole numbers with a sum of sizes of at most ${largestSum}; it is ${sum}.`,
    );
  }
  const observed = Math.abs(differences.reduce((total, difference) => total + difference, 0));
  // Probability that the chosen sizes have the sum s; then Σ ±d = 2s − sum.
  let chances = new Float64Array(sum + 1);
  chances[0] = 1;
  let reached = 0;
  for (const size of sizes) {
    const next = new Float64Array(sum + 1);
    for (let s = 0; s <= reached; s++) {
      const half = (chances[s] as number) / 2;
      next[s] = (next[s] as number) + half;
      next[s + size] = (next[s + size] as number) + half;
    }
    reached += size;
    chances = next;
  }
  let p = 0;
  for (let s = 0; s <= sum; s++) if (Math.abs(2 * s - sum) >= observed) p += chances[s] as number;
  return Math.min(1, p);
}

/**
 * Holm's correction (Holm 1979): the p values of several tests, adjusted so that the chance of any false finding stays below
 * the level. In the order of the input.
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).sort((a, b) => (ps[a] as number) - (ps[b] as number));
  const adjusted = new Array<number>(ps.length).fill(1);
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (ps.length - rank) * (ps[index] as number)));
    adjusted[index] = largest;
  }
  return adjusted;
}

/** Mean and sample standard deviation; the deviation is null for fewer than two values. Throws for none. */
export function spread(values: readonly number[]): { readonly mean: number; readonly deviation: number | null } {
  if (values.length === 0) throw new RangeError("There is no value to take the mean of.");
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
