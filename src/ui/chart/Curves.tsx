/** Curves over steps, redrawn in place when figures arrive. */

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import "./language.ts";
import uPlot from "uplot";
import { chartWords } from "../words/train.ts";
import { colorsOf, overSteps } from "./axes.ts";
import { type Boundary, drawBoundaries } from "./boundaries.ts";
import classes from "./Curves.module.css";

export interface Curve {
  readonly label: string;
  /** Name of a colour variable of page.css. */
  readonly color: string;
  readonly width: number;
  readonly dash?: readonly number[];
  /** Whether each point has a mark, for curves with few points. */
  readonly points?: boolean;
  /** Formats a figure for the legend. */
  readonly show: (value: number) => string;
}

interface CurvesProps {
  readonly curves: readonly Curve[];
  /** Steps, then the figures of each curve. At a null the line continues to the next figure. */
  readonly data: uPlot.AlignedData;
  /** Height of the drawing in pixels, without the legend. */
  readonly height: number;
  /** Charts with one key share cursor and zoom. */
  readonly together: string;
  /** Stage boundaries of the run; constant during the life of the chart. */
  readonly boundaries?: readonly Boundary[];
  /** Whether the step axis has labels; else a neighbouring chart has them. */
  readonly named?: boolean;
}

/** A label of the axis; small rates are in exponent form. */
const mark = (value: number) =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(Number(value.toPrecision(6)));

function options(element: HTMLElement, props: CurvesProps): uPlot.Options {
  const { curves, height, together, boundaries = [], named = true } = props;
  const color = colorsOf(element);
  const { cursor, scales, axis, steps } = overSteps(element);
  return {
    width: element.clientWidth,
    height,
    cursor: { ...cursor, sync: { key: together } },
    legend: { live: true },
    scales,
    hooks: { draw: [(chart) => drawBoundaries(chart, boundaries, axis.stroke, axis.font)] },
    axes: [
      { ...steps, ...(!named && { size: 8, values: (_chart, marks) => marks.map(() => "") }) },
      // Equal width in every chart, so that steps align.
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

/** Reads its colours once: create it again for another colour scheme. */
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

  // After the effect above, so that the first figures are drawn too.
  useEffect(() => chart.current?.setData(props.data), [props.data]);

  // Reserves the height of the chart and of one legend line.
  return <div ref={box} className={classes.chart} style={{ minHeight: props.height + 32 }} aria-hidden="true" />;
}

export function Curves(props: CurvesProps) {
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  return <Drawn key={scheme} {...props} />;
}
