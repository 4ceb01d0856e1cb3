/** Figures, graders and tests in words: the same on the page, in reports and in the terminal. */

import type { ExamFigure, PairedTest } from "./comparison.ts";
import type { Grader } from "./grading/grader.ts";
import type { ExamSampling } from "./results.ts";

/** A share as percent with one digit. */
export const percentOf = (share: number): string => `${(100 * share).toFixed(1)} %`;

const signed = (share: number) => {
  const points = (100 * Math.abs(share)).toFixed(1);
  return points === "0.0" ? points : `${share < 0 ? "−" : "+"}${points}`;
};

export const probabilityOf = (p: number): string => (p < 0.0001 ? "below 0.0001" : p.toFixed(4));

export const intervalText = ({ low, high }: Pick<ExamFigure, "low" | "high">): string =>
  `${percentOf(low)} to ${percentOf(high)}`;

/** The spread over seeds; empty for one. */
export const spreadText = ({ deviation, seeds }: Pick<ExamFigure, "deviation" | "seeds">): string =>
  deviation === null ? "" : `± ${(100 * deviation).toFixed(1)} over ${seeds} seeds`;

/** The finding, and its figures. */
export function verdictText(test: PairedTest, names: readonly string[]): { finding: string; figures: string } {
  const [first, second] = [names[test.first] ?? "", names[test.second] ?? ""];
  const { verdict, difference, low, high, onlyFirst, onlySecond, p, midP, adjusted } = test;
  const finding =
    verdict === "unclear"
      ? `No difference shown between ${first} and ${second}.`
      : verdict === "second"
        ? `${second} is better than ${first}.`
        : `${first} is better than ${second}.`;
  // Positive is for the first named: the better one, or the first of two that are equal so far.
  const forSecond = verdict === "second";
  const [change, from, to] = forSecond ? [difference, low, high] : [-difference, -high, -low];
  const [own, other] = forSecond ? [onlySecond, onlyFirst] : [onlyFirst, onlySecond];
  const only = own === null || other === null ? "" : ` Right where the other is wrong: ${own}, the reverse: ${other}.`;
  const chance = `p ${probabilityOf(p)}${midP === null ? "" : ` (mid-p ${probabilityOf(midP)})`}`;
  return {
    finding,
    figures: `${signed(change)} points, 95 % interval ${signed(from)} to ${signed(to)}.${only} ${chance}, corrected ${probabilityOf(adjusted)}.`,
  };
}

export function graderText(grader: Grader): string {
  switch (grader.kind) {
    case "exact":
      return "exact match";
    case "normalised":
      return "equal without case, punctuation and articles";
    case "contains":
      return "contains the expected answer";
    case "number":
      return grader.tolerance === 0 ? "same last number" : `same last number within ${grader.tolerance}`;
    case "pattern":
      return grader.pattern === null
        ? "matches the expected regular expression"
        : `part matched by ${grader.pattern} equals the expected answer`;
    case "json":
      return "equal JSON";
    case "choice":
      return grader.per === "total"
        ? "choice of the highest log-probability"
        : "choice of the highest log-probability per character";
  }
}

export const samplingText = (sampling: ExamSampling | undefined): string =>
  sampling && sampling.temperature > 0 ? `temperature ${sampling.temperature}` : "greedy";
