/** The figures of a run's preferences, and what in them is a reason to look closer. */

import { stepAt } from "../../run/curves.ts";
import type { PreferenceFigures, Sample } from "../../run/metrics.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";

type Curves = Pick<RunSeries, "steps" | "evaluations">;

interface Latest {
  readonly figures: PreferenceFigures;
  readonly step: number;
  /** Whether they are of held-out answers, else of a step's answers. */
  readonly heldOut: boolean;
}

/** The newest figures: those of held-out answers where the run has them; null without preferences. */
export function latestFigures({ steps, evaluations }: Curves): Latest | null {
  const evaluation = evaluations.findLast(({ preference }) => preference);
  if (evaluation?.preference) return { figures: evaluation.preference, step: evaluation.step, heldOut: true };
  const index = steps.margin.findLastIndex((value) => !Number.isNaN(value));
  const last = index < 0 ? undefined : stepAt(steps, index);
  return last?.preference ? { figures: last.preference, step: last.step, heldOut: false } : null;
}

/** Mean lengths of the sample answers in characters, before and after training; null without answers of both times. */
export function answerLengths(samples: readonly Sample[]) {
  const both = samples.flatMap(({ before, after }) => (before === null || after === null ? [] : [{ before, after }]));
  if (both.length === 0) return null;
  const mean = (of: (sample: (typeof both)[number]) => string) =>
    both.reduce((sum, sample) => sum + [...of(sample)].length, 0) / both.length;
  return { before: mean(({ before }) => before), after: mean(({ after }) => after), answers: both.length };
}

/** Fewest steps from which a course of the steps' own answers is read. */
const leastSteps = 10;
/** Share by which the chosen answers' log-probability may fall, and the least fall in nats. */
const [fallShare, fallNats] = [0.1, 1];
/** Ratio of lengths from which answers count as longer or shorter. */
const muchLonger = 1.5;

/** Mean log-probability of chosen answers at the beginning of the last stage of preferences, and now; null while unknown. */
export function chosenCourse({ steps, evaluations }: Curves, stages: RunRecord["stages"]) {
  const stage = stages.findLastIndex(({ objective }) => objective === "preference");
  if (stage < 0) return null;
  const before = stages.slice(0, stage).reduce((sum, { steps: count }) => sum + count, 0);
  const end = before + (stages[stage]?.steps ?? 0);
  const heldOut = evaluations.filter(({ step, preference }) => preference && step >= before && step <= end);
  const [first, last] = [heldOut[0]?.preference, heldOut.at(-1)?.preference];
  if (heldOut.length > 1 && first && last) return { from: first.chosen, to: last.chosen };
  const own = Array.from(steps.step.keys()).filter((index) => {
    const step = steps.step[index] ?? 0;
    return step > before && step <= end && !Number.isNaN(steps.chosen[index]);
  });
  if (own.length < leastSteps) return null;
  const part = Math.floor(own.length / 5);
  const mean = (indices: readonly number[]) =>
    indices.reduce((sum, index) => sum + (steps.chosen[index] ?? 0), 0) / indices.length;
  return { from: mean(own.slice(0, part)), to: mean(own.slice(-part)) };
}

export type PreferenceWarning =
  | { readonly kind: "chosen-falls"; readonly from: number; readonly to: number }
  | { readonly kind: "longer" | "shorter"; readonly before: number; readonly after: number };

/** Warnings on a run with preferences; none without. */
export function preferenceWarnings(
  { stages, samples }: Pick<RunRecord, "stages" | "samples">,
  series: Curves,
): PreferenceWarning[] {
  if (!stages.some(({ objective }) => objective === "preference")) return [];
  const course = chosenCourse(series, stages);
  const lengths = answerLengths(samples);
  const ratio = lengths && lengths.before > 0 ? lengths.after / lengths.before : 1;
  const fell = course !== null && course.from - course.to > Math.max(fallNats, fallShare * Math.abs(course.from));
  return [
    ...(fell ? [{ kind: "chosen-falls" as const, ...course }] : []),
    ...(lengths && (ratio >= muchLonger || ratio <= 1 / muchLonger)
      ? [{ kind: ratio > 1 ? ("longer" as const) : ("shorter" as const), before: lengths.before, after: lengths.after }]
      : []),
  ];
}
