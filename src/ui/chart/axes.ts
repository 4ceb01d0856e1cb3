/** What all curves over steps have in common: axes in the page's colours, and sensible marks. */

import type uPlot from "uplot";

/** Distances of the marks below the chart: 1, 2, 5, 10, …, 5,000,000 steps. */
const wholeSteps = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((figure) => figure * 10 ** power)).flat();

/** Reads a colour of the page as it is where the element stands. */
export const colorsOf = (element: HTMLElement) => {
  const style = getComputedStyle(element);
  return (name: string) => style.getPropertyValue(name).trim();
};

/** What steps need: their scale, an axis in the page's colours, the one of the steps; dragging across zooms into steps. */
export function overSteps(element: HTMLElement) {
  const color = colorsOf(element);
  const axis = {
    stroke: color("--mantine-color-dimmed"),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: color("--hone-grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    cursor: { y: false, drag: { setScale: true, x: true, y: false } },
    scales: { x: { time: false } },
    axis,
    // Between two steps there is nothing to name.
    steps: { ...axis, size: 32, incrs: wholeSteps },
  } satisfies Partial<uPlot.Options> & { readonly axis: uPlot.Axis; readonly steps: uPlot.Axis };
}
