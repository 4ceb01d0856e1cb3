/** Intervals of shares and of the difference of two paired shares. */

/** Two-sided 95 % quantile of the standard normal distribution. */
export const z95 = 1.959963984540054;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson score interval of a share (Wilson 1927): (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), with p = right / total.
 * `right` may be a mean over several answers to each question: it lies in [0, total], and its variance is at most that of
 * right-or-wrong answers, so the interval is then on the safe side. [0, 1] without a question. Throws a RangeError for counts
 * outside their range.
 */
export function wilson(right: number, total: number, z: number = z95): Interval {
  if (!(Number.isFinite(total) && right >= 0 && right <= total)) {
    throw new RangeError(`${right} of ${total} is no share: give 0 ≤ right ≤ total.`);
  }
  if (total === 0) return { low: 0, high: 1 };
  const p = right / total;
  const square = (z * z) / total;
  const centre = p + square / 2;
  const half = Math.sqrt(square * (p * (1 - p) + square / 4));
  // Exact ends: rounding gives 1e-17 there.
  return {
    low: right === 0 ? 0 : Math.max(0, (centre - half) / (1 + square)),
    high: right === total ? 1 : Math.min(1, (centre + half) / (1 + square)),
  };
}

/** Questions by the answers of two models; the sum is the number of questions. */
export interface PairedCounts {
  /** Both right. */
  readonly both: number;
  /** Only the first model is right. */
  readonly first: number;
  /** Only the second model is right. */
  readonly second: number;
  readonly neither: number;
}

/** Counts two lists of equal length. Throws a RangeError where the lengths differ. */
export function pairedCounts(first: readonly boolean[], second: readonly boolean[]): PairedCounts {
  if (first.length !== second.length) {
    throw new RangeError(`${first.length} and ${second.length} answers are no pairs: give the answers to one exam.`);
  }
  const count = (a: boolean, b: boolean) => first.filter((right, index) => right === a && second[index] === b).length;
  return {
    both: count(true, true),
    first: count(true, false),
    second: count(false, true),
    neither: count(false, false),
  };
}

/**
 * Interval of the difference second − first of two paired shares: Newcombe 1998, method 10 (Wilson intervals of both shares,
 * with the correlation φ of the answers, corrected for continuity). [−1, 1] without a question.
 */
export function pairedDifference(
  { both, first, second, neither }: PairedCounts,
  z: number = z95,
): Interval & { readonly difference: number } {
  const total = both + first + second + neither;
  if (total === 0) return { difference: 0, low: -1, high: 1 };
  const [a, b] = [both + second, both + first];
  const [p, q] = [a / total, b / total];
  const [own, other] = [wilson(a, total, z), wilson(b, total, z)];
  const product = both * neither - first * second;
  const margins = Math.sqrt(a * (total - a) * b * (total - b));
  const corrected = product > 0 ? Math.max(product - total / 2, 0) : product;
  const phi = margins === 0 ? 0 : corrected / margins;
  const root = (x: number, y: number) => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y));
  const difference = (second - first) / total;
  return {
    difference,
    low: Math.max(-1, difference - root(p - own.low, other.high - q)),
    high: Math.min(1, difference + root(own.high - p, q - other.low)),
  };
}
