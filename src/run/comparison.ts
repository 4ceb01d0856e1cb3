/** Exam results as figures with intervals, and paired tests between those who took the same exam. */

import type { AnsweredQuestion, ExamResult, WholeExamResult } from "./results.ts";
import { holm, mcNemar, signFlip, spread } from "./statistics/paired.ts";
import { type Interval, pairedCounts, pairedDifference, wilson, z95 } from "./statistics/proportion.ts";

/** A checkpoint's results of one exam, one for each seed. */
export interface ExamFigure extends Interval {
  readonly questions: number;
  /** Number of results: of greedy answers 1. */
  readonly seeds: number;
  /** Mean share of right answers, in [0, 1]; `low` and `high` are its 95 % interval over questions (Wilson). */
  readonly share: number;
  /** Standard deviation of the share over seeds; null for one seed. */
  readonly deviation: number | null;
}

/** The results must be of one exam; throws a RangeError for none. */
export function figureOf(results: readonly Pick<ExamResult, "correct" | "exam">[]): ExamFigure {
  const shares = results.map(({ correct, exam }) => correct / Math.max(1, exam.questions));
  const { mean, deviation } = spread(shares);
  const questions = results[0]?.exam.questions ?? 0;
  // A mean of shares may exceed 1 by rounding.
  const interval = wilson(Math.min(mean, 1) * questions, questions);
  return { ...interval, questions, seeds: results.length, share: mean, deviation };
}

/** One side of paired tests. */
export interface Contestant {
  readonly name: string;
  /** One for each seed, of the same exam as those of all others. */
  readonly results: readonly Pick<WholeExamResult, "questions">[];
}

export interface PairedTest extends Interval {
  /** Places in the list of contestants. */
  readonly first: number;
  readonly second: number;
  /** Questions that only one answers right; null for several seeds. */
  readonly onlyFirst: number | null;
  readonly onlySecond: number | null;
  /** Share of the second less the share of the first; `low` and `high` are its 95 % interval. */
  readonly difference: number;
  /** Two-sided: McNemar's exact test; for several seeds the exact sign-flip test over questions. */
  readonly p: number;
  /** Null for several seeds. */
  readonly midP: number | null;
  /** p after Holm's correction for all tests of the list. */
  readonly adjusted: number;
  /** What the corrected test shows at 5 %. */
  readonly verdict: "first" | "second" | "unclear";
}

export const testLevel = 0.05;

/**
 * Tests all pairs of contestants. Throws a RangeError where one has no result or answered another number of questions.
 */
export function pairedTests(contestants: readonly Contestant[]): PairedTest[] {
  const counts = contestants.map(rightCounts);
  const found = contestants.flatMap((one, first) =>
    contestants.slice(first + 1).map((other, place) => {
      const second = first + 1 + place;
      const single = one.results.length === 1 && other.results.length === 1;
      const test = single
        ? singleTest(one.results[0]?.questions ?? [], other.results[0]?.questions ?? [])
        : severalTest(counts[first] ?? [], one.results.length, counts[second] ?? [], other.results.length);
      return { first, second, ...test };
    }),
  );
  const adjusted = holm(found.map(({ p }) => p));
  return found.map((test, index) => {
    const corrected = adjusted[index] ?? 1;
    const better = test.difference > 0 ? "second" : "first";
    const verdict = corrected < testLevel && test.difference !== 0 ? better : "unclear";
    return { ...test, adjusted: corrected, verdict };
  });
}

function singleTest(one: readonly AnsweredQuestion[], other: readonly AnsweredQuestion[]) {
  const correct = (questions: readonly AnsweredQuestion[]) => questions.map((question) => question.correct);
  const pairs = pairedCounts(correct(one), correct(other));
  return {
    onlyFirst: pairs.first,
    onlySecond: pairs.second,
    ...pairedDifference(pairs),
    ...mcNemar(pairs.first, pairs.second),
  };
}

/** Right answers to each question over all results. */
function rightCounts({ name, results }: Contestant): number[] {
  const [first] = results;
  if (!first) throw new RangeError(`${name} has no result to compare.`);
  return first.questions.map((_, index) => results.filter(({ questions }) => questions[index]?.correct).length);
}

/** Of mean shares over seeds: the interval is normal over questions, d̄ ± z s/√n. */
function severalTest(one: readonly number[], seeds: number, other: readonly number[], otherSeeds: number) {
  if (one.length !== other.length) {
    throw new RangeError(`${one.length} and ${other.length} questions are no pairs: compare results of one exam.`);
  }
  const differences = one.map((right, index) => (other[index] ?? 0) / otherSeeds - right / seeds);
  const { mean, deviation } = differences.length === 0 ? { mean: 0, deviation: null } : spread(differences);
  const half = (z95 * (deviation ?? 0)) / Math.sqrt(Math.max(1, differences.length));
  return {
    onlyFirst: null,
    onlySecond: null,
    difference: mean,
    low: Math.max(-1, mean - half),
    high: Math.min(1, mean + half),
    // Whole numbers: the shares times both numbers of seeds.
    p: signFlip(one.map((right, index) => (other[index] ?? 0) * seeds - right * otherSeeds)),
    midP: null,
  };
}
