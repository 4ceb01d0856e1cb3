/** The curves of preferences over the steps of a run: margin, accuracy, and the log-probabilities of both answers. */

import { useMemo } from "react";
import uPlot from "uplot";
import type { RunStage } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { figure, share } from "../format.ts";
import { latestFigures } from "../train/preferences.ts";
import { boundariesOf } from "../train/stages.ts";
import { preferenceWords as words } from "../words/preferences.ts";
import classes from "./Curves.module.css";
import { type Curve, Curves } from "./Curves.tsx";

const pair = (label: string, heldOut: string, color: string, show: Curve["show"]): Curve[] => [
  { label, color, width: 1.5, show },
  { label: heldOut, color, width: 2, dash: [6, 3], points: true, show },
];
const marginCurves = pair(words.margin, words.heldOut.margin, "--hone-train", figure);
const accuracyCurves = pair(words.accuracy, words.heldOut.accuracy, "--hone-train", share);
const scoreCurves = [
  ...pair(words.chosen, words.heldOut.chosen, "--hone-train", figure),
  ...pair(words.rejected, words.heldOut.rejected, "--hone-validation", figure),
];

const figures = ["margin", "accuracy", "chosen", "rejected"] as const;

/** Steps of other stages have no figure; all steps stay, so that the range is that of the loss chart. */
function align({ steps, evaluations }: RunSeries) {
  const known = (column: Float64Array) => Array.from(column, (value) => (Number.isNaN(value) ? null : value));
  const [all, ...columns] = uPlot.join([
    [Array.from(steps.step), ...figures.map((name) => known(steps[name]))],
    [
      evaluations.map(({ step }) => step),
      ...figures.map((name) => evaluations.map(({ preference }) => preference?.[name] ?? null)),
    ],
  ]) as [number[], ...(number | null)[][]];
  const of = (...names: readonly (typeof figures)[number][]): uPlot.AlignedData => [
    all,
    ...names.flatMap((name) => {
      const index = figures.indexOf(name);
      return [columns[index] ?? [], columns[figures.length + index] ?? []];
    }),
  ];
  return { margin: of("margin"), accuracy: of("accuracy"), scores: of("chosen", "rejected") };
}

interface PreferenceChartsProps {
  readonly runId: string;
  readonly series: RunSeries;
  readonly stages: readonly RunStage[];
}

export function PreferenceCharts({ runId, series, stages }: PreferenceChartsProps) {
  const data = useMemo(() => align(series), [series]);
  const latest = latestFigures(series);
  if (!latest) return null;
  const lines = boundariesOf(stages).map(({ step }) => ({ step, label: "" }));
  return (
    <figure className={classes.figure}>
      <Curves curves={marginCurves} data={data.margin} height={110} together={runId} boundaries={lines} />
      <Curves
        curves={accuracyCurves}
        data={data.accuracy}
        height={84}
        together={runId}
        boundaries={lines}
        named={false}
      />
      <Curves curves={scoreCurves} data={data.scores} height={110} together={runId} boundaries={lines} named={false} />
      <figcaption className={classes.caption} data-testid="preferences-in-words">
        {words.inWords(latest.figures, latest.step, latest.heldOut)}
      </figcaption>
    </figure>
  );
}
