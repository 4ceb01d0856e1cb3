/** Shared by all curves over steps: axes in the page's colours, and round tick values. */

import type uPlot from "uplot";

/** Distances of ticks: 1, 2, 5, 10, …, 5,000,000 steps. */
const wholeSteps = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((figure) => figure * 10 ** power)).flat();

/** Reads a colour variable at an element. */
export const colorsOf = (element: HTMLElement) => {
  const style = getComputedStyle(element);
  return (name: string) => style.getPropertyValue(name).trim();
};

/** Options of a step axis: scale, colours, and zoom by dragging. */
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
    // Fractions of a step get no label.
    steps: { ...axis, size: 32, incrs: wholeSteps },
  } satisfies Partial<uPlot.Options> & { readonly axis: uPlot.Axis; readonly steps: uPlot.Axis };
}
