/** Train and validation loss over steps: redrawn in place as figures arrive, in the page's colours and width. */

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import "./language.ts";
import uPlot from "uplot";
import type { RunSeries } from "../../store/series.ts";
import { figure } from "../format.ts";
import { useSeries } from "../hone.ts";
import classes from "./LossChart.module.css";

const height = 260;
/** Distances of the marks below the chart: 1, 2, 5, 10, …, 5,000,000 steps. */
const wholeSteps = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((figure) => figure * 10 ** power)).flat();

/** One row of x for both curves; where a curve has no figure stands null, and the line goes on to its next. */
function align({ steps, evaluations }: RunSeries): uPlot.AlignedData {
  const train: uPlot.AlignedData = [steps.map(({ step }) => step), steps.map(({ loss }) => loss)];
  const validation: uPlot.AlignedData = [evaluations.map(({ step }) => step), evaluations.map(({ loss }) => loss)];
  return uPlot.join([train, validation]);
}

function options(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--mantine-color-dimmed"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: color("--hone-grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    cursor: { y: false, drag: { setScale: true, x: true, y: false } },
    legend: { live: true },
    scales: { x: { time: false } },
    axes: [
      // Between two steps there is nothing to name.
      { ...axis, size: 32, incrs: wholeSteps },
      { ...axis, size: 48 },
    ],
    series: [
      { label: "Step", value: (_chart, value) => value ?? "–" },
      {
        label: "Train loss",
        stroke: color("--hone-train"),
        width: 1.5,
        spanGaps: true,
        points: { show: false },
        value: (_chart, value) => (value == null ? "–" : figure(value)),
      },
      {
        label: "Validation loss",
        stroke: color("--hone-validation"),
        width: 2,
        dash: [6, 3],
        spanGaps: true,
        points: { show: true, size: 7, fill: color("--hone-validation") },
        value: (_chart, value) => (value == null ? "–" : figure(value)),
      },
    ],
  };
}

/** The same in words, for those who do not see the chart. */
function inWords({ steps, evaluations }: RunSeries): string {
  const first = steps[0];
  const last = steps.at(-1);
  if (!first || !last) return "No step yet.";
  const best = evaluations.reduce<(typeof evaluations)[number] | null>(
    (least, item) => (least && least.loss <= item.loss ? least : item),
    null,
  );
  const latest = evaluations.at(-1);
  const train = `Train loss ${figure(last.loss)} at step ${last.step}, ${figure(first.loss)} at step ${first.step}.`;
  return latest && best
    ? `${train} Validation loss ${figure(latest.loss)} at step ${latest.step}, best ${figure(best.loss)} at step ${best.step}.`
    : `${train} No validation.`;
}

/** Takes its colours from the page when it is made: to be made anew for another colour scheme. */
function Curves({ series }: { readonly series: RunSeries }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element), [[]], element);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, []);

  // After the effect above, so that the first figures are drawn as well.
  useEffect(() => chart.current?.setData(align(series)), [series]);

  return <div ref={box} className={classes.chart} aria-hidden="true" />;
}

export function LossChart({ runId }: { readonly runId: string }) {
  const series = useSeries(runId);
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  return (
    <figure className={classes.figure}>
      <Curves key={scheme} series={series} />
      <figcaption className={classes.caption} data-testid="loss-in-words">
        {inWords(series)}
      </figcaption>
    </figure>
  );
}
