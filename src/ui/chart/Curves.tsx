/** Curves over steps: redrawn in place as figures arrive, in the page's colours and width. */

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import "./language.ts";
import uPlot from "uplot";
import { chartWords } from "../words/train.ts";
import { colorsOf, overSteps } from "./axes.ts";
import { type Border, drawBorders } from "./borders.ts";
import classes from "./Curves.module.css";

export interface Curve {
  readonly label: string;
  /** A variable of page.css. */
  readonly color: string;
  readonly width: number;
  readonly dash?: readonly number[];
  /** Whether each figure is marked, for curves with few. */
  readonly points?: boolean;
  /** A figure as the legend writes it. */
  readonly show: (value: number) => string;
}

interface CurvesProps {
  readonly curves: readonly Curve[];
  /** Steps, then the figures of each curve; null where one has none, and its line goes on to its next. */
  readonly data: uPlot.AlignedData;
  /** Of the drawing, in pixels; the legend stands below. */
  readonly height: number;
  /** Charts of one key point at the same step, and zoom together. */
  readonly together: string;
  /** Where stages of the run end; the same for as long as the chart is there. */
  readonly borders?: readonly Border[];
  /** Whether the steps are named below; else this chart stands above or below one that names them. */
  readonly named?: boolean;
}

/** A figure beside the chart: rates are read by their exponent. */
const mark = (value: number) =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(Number(value.toPrecision(6)));

function options(element: HTMLElement, props: CurvesProps): uPlot.Options {
  const { curves, height, together, borders = [], named = true } = props;
  const color = colorsOf(element);
  const { cursor, scales, axis, steps } = overSteps(element);
  return {
    width: element.clientWidth,
    height,
    cursor: { ...cursor, sync: { key: together } },
    legend: { live: true },
    scales,
    hooks: { draw: [(chart) => drawBorders(chart, borders, axis.stroke, axis.font)] },
    axes: [
      { ...steps, ...(!named && { size: 8, values: (_chart, marks) => marks.map(() => "") }) },
      // As wide in every chart, so that their steps stand below each other.
      { ...axis, size: 56, space: 28, values: (_chart, marks) => marks.map(mark) },
    ],
    series: [
      { label: chartWords.step, value: (_chart, value) => value ?? "–" },
      ...curves.map(
        ({ label, color: name, width, dash, points = false, show }): uPlot.Series => ({
          label,
          stroke: color(name),
          width,
          ...(dash && { dash: [...dash] }),
          spanGaps: true,
          points: points ? { show: true, size: 7, fill: color(name) } : { show: false },
          value: (_chart, value) => (value == null ? "–" : show(value)),
        }),
      ),
    ],
  };
}

/** Takes its colours from the page when it is made: to be made anew for another colour scheme. */
function Drawn(props: CurvesProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const first = useRef(props);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { height } = first.current;
    const made = new uPlot(options(element, first.current), [[]], element);
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
  useEffect(() => chart.current?.setData(props.data), [props.data]);

  // The room is there before the chart: its height and a line of the legend.
  return <div ref={box} className={classes.chart} style={{ minHeight: props.height + 32 }} aria-hidden="true" />;
}

export function Curves(props: CurvesProps) {
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  return <Drawn key={scheme} {...props} />;
}
