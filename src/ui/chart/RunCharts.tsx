/** The curves of a run: losses, and below them learning rate and gradient norm over the same steps. */

import { useMemo } from "react";
import uPlot from "uplot";
import { stepAt } from "../../run/curves.ts";
import type { RunStage } from "../../run/record.ts";
import type { RunSeries } from "../../store/series.ts";
import { figure } from "../format.ts";
import { boundariesOf } from "../train/stages.ts";
import { stagesWords } from "../words/stages.ts";
import { chartWords, figureWords } from "../words/train.ts";
import classes from "./Curves.module.css";
import { type Curve, Curves } from "./Curves.tsx";

const lossCurves: readonly Curve[] = [
  { label: figureWords.train, color: "--hone-train", width: 1.5, show: figure },
  { label: figureWords.validation, color: "--hone-validation", width: 2, dash: [6, 3], points: true, show: figure },
];
const rateCurves: readonly Curve[] = [
  { label: figureWords.rate, color: "--hone-train", width: 1.5, show: (value) => value.toExponential(2) },
];
const normCurves: readonly Curve[] = [{ label: figureWords.norm, color: "--hone-train", width: 1.5, show: figure }];

/** One list of steps for all curves, so that all charts have the same range. */
function align({ steps, evaluations }: RunSeries) {
  const [all, loss, rate, norm, validation] = uPlot.join([
    [steps.step, steps.loss, steps.learningRate, steps.gradientNorm],
    [evaluations.map(({ step }) => step), evaluations.map((evaluation) => evaluation.loss)],
  ]) as [number[], ...(number | null)[][]];
  const of = (...curves: ((number | null)[] | undefined)[]): uPlot.AlignedData => [all, ...curves.map((c) => c ?? [])];
  return { loss: of(loss, validation), rate: of(rate), norm: of(norm) };
}

/** The same as text, for screen readers. */
function inWords({ steps, evaluations }: RunSeries): string {
  const first = stepAt(steps, 0);
  const last = stepAt(steps, -1);
  if (!first || !last) return chartWords.noStep;
  const best = evaluations.reduce<(typeof evaluations)[number] | null>(
    (least, item) => (least && least.loss <= item.loss ? least : item),
    null,
  );
  const latest = evaluations.at(-1);
  const train = chartWords.train(last.loss, last.step, first.loss, first.step);
  const heldOut =
    latest && best ? chartWords.validation(latest.loss, latest.step, best.loss, best.step) : chartWords.noValidation;
  return `${train} ${heldOut}`;
}

interface RunChartsProps {
  readonly runId: string;
  readonly series: RunSeries;
  readonly stages: readonly RunStage[];
}

export function RunCharts({ runId, series, stages }: RunChartsProps) {
  const data = useMemo(() => align(series), [series]);
  const boundaries = boundariesOf(stages);
  const named = boundaries.map(({ step, objective }) => ({ step, label: stagesWords.boundary[objective] }));
  const plain = boundaries.map(({ step }) => ({ step, label: "" }));
  return (
    <figure className={classes.figure}>
      <Curves curves={lossCurves} data={data.loss} height={240} together={runId} boundaries={named} />
      <Curves curves={rateCurves} data={data.rate} height={84} together={runId} boundaries={plain} named={false} />
      <Curves curves={normCurves} data={data.norm} height={84} together={runId} boundaries={plain} named={false} />
      <figcaption className={classes.caption} data-testid="loss-in-words">
        {[inWords(series), ...boundaries.map(({ step, objective }) => stagesWords.boundaryAfter(objective, step))].join(
          " ",
        )}
      </figcaption>
    </figure>
  );
}
