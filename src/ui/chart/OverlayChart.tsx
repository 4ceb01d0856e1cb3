/** Curves of several runs in one chart, each with a colour and dash of its own, and a legend. */

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useId, useRef } from "react";
import "./language.ts";
import uPlot from "uplot";
import type { RunSeries } from "../../store/series.ts";
import { useManySeries } from "../hone.ts";
import { colorsOf, overSteps } from "./axes.ts";
import classes from "./OverlayChart.module.css";

export interface OverlayRun {
  readonly id: string;
  readonly name: string;
}

const height = 220;

const colors = ["--hone-train", "--hone-validation", "--hone-system", "--hone-user", "--hone-tool", "--hone-template"];
const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [12, 3, 2, 3]];

/** Colour and dash of the n-th curve; the first twelve differ. */
const styleOf = (index: number) => ({
  color: colors[index % colors.length] as string,
  dash: dashes[index % dashes.length] as number[],
});

type Curve = "steps" | "evaluations";

function align(all: readonly RunSeries[], curve: Curve): uPlot.AlignedData {
  return uPlot.join(
    all.map(
      ({ steps, evaluations }): uPlot.AlignedData =>
        curve === "steps"
          ? [steps.step, steps.loss]
          : [evaluations.map(({ step }) => step), evaluations.map(({ loss }) => loss)],
    ),
  );
}

function options(element: HTMLElement, runs: readonly OverlayRun[], curve: Curve): uPlot.Options {
  const color = colorsOf(element);
  const { cursor, scales, axis, steps } = overSteps(element);
  return {
    cursor,
    scales,
    axes: [steps, { ...axis, size: 48 }],
    width: element.clientWidth,
    height,
    legend: { show: false },
    series: [
      {},
      ...runs.map(({ name }, index): uPlot.Series => {
        const style = styleOf(index);
        return {
          label: name,
          stroke: color(style.color),
          dash: style.dash,
          width: curve === "steps" ? 1.5 : 2,
          spanGaps: true,
          points: { show: curve === "evaluations", size: 6, fill: color(style.color) },
        };
      }),
    ],
  };
}

interface CurvesProps {
  readonly runs: readonly OverlayRun[];
  readonly all: readonly RunSeries[];
  readonly curve: Curve;
}

/** Reads its colours and runs once: create it again for others. */
function Curves({ runs, all, curve }: CurvesProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const made = useRef(runs);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const plot = new uPlot(options(element, made.current, curve), [[]], element);
    chart.current = plot;
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [curve]);

  // At each render, which follows a change of the curves; after the effect above.
  useEffect(() => chart.current?.setData(align(all, curve)));

  return <div ref={box} className={classes.chart} aria-hidden="true" />;
}

interface OverlayChartProps {
  readonly runs: readonly OverlayRun[];
  readonly titles: Readonly<Record<Curve, string>>;
  /** Name of the legend. */
  readonly legend: string;
}

/** Two charts: train and validation loss. A table beside them must have the figures as text. */
export function OverlayChart({ runs, titles, legend }: OverlayChartProps) {
  const all = useManySeries(runs.map(({ id }) => id));
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const id = useId();
  const key = [scheme, ...runs.map((run) => run.id)].join(" ");
  return (
    <div>
      <ul className={classes.legend} aria-label={legend}>
        {runs.map((run, index) => {
          const { color, dash } = styleOf(index);
          return (
            <li key={run.id}>
              <svg width="32" height="10" aria-hidden="true">
                <line
                  x1="0"
                  x2="32"
                  y1="5"
                  y2="5"
                  strokeWidth="2.5"
                  style={{ stroke: `var(${color})` }}
                  strokeDasharray={dash.join(" ")}
                />
              </svg>
              {run.name}
            </li>
          );
        })}
      </ul>
      <div className={classes.charts}>
        {(["steps", "evaluations"] as const).map((curve) => (
          <figure key={curve} className={classes.figure} aria-labelledby={`${id}-${curve}`}>
            <figcaption id={`${id}-${curve}`}>{titles[curve]}</figcaption>
            <Curves key={key} runs={runs} all={all} curve={curve} />
          </figure>
        ))}
      </div>
    </div>
  );
}
