/** The exam curve as an SVG: for each run its shares by step, with intervals. */

import { type ExamFigure, figureOf } from "./comparison.ts";
import { percentOf } from "./comparisonText.ts";
import { escapeHtml } from "./escapeHtml.ts";
import type { ExamResult } from "./results.ts";

export interface PlottedLine {
  readonly name: string;
  readonly points: readonly {
    readonly step: number;
    readonly results: readonly Pick<ExamResult, "correct" | "exam">[];
  }[];
}

/** The drawing in pixels; the page and the report draw the same marks. */
export interface CurvePlot {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly ticks: {
    readonly x: readonly { readonly at: number; readonly text: string }[];
    readonly y: readonly { readonly at: number; readonly text: string }[];
  };
  readonly lines: readonly {
    readonly name: string;
    readonly marks: readonly {
      readonly x: number;
      readonly y: number;
      readonly low: number;
      readonly high: number;
      readonly figure: ExamFigure;
      readonly step: number;
    }[];
  }[];
}

/** A round distance between ticks: 1, 2 or 5 times a power of ten, for at most about `count` ticks. */
function tickDistance(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}

/** Points of runs that stand at the same step are moved apart, so that their intervals stay visible. */
const apart = 5;

export function plotCurve(lines: readonly PlottedLine[], width = 640, height = 260): CurvePlot {
  const box = { width, height, left: 48, right: width - 12, top: 10, bottom: height - 30 };
  const figures = lines.map(({ name, points }) => ({
    name,
    points: points.map(({ step, results }) => ({ step, figure: figureOf(results) })),
  }));
  const all = figures.flatMap(({ points }) => points);
  const most = Math.max(1, ...all.map(({ step }) => step));
  const highest = Math.max(0.1, ...all.map(({ figure }) => figure.high));
  const yStep = tickDistance(highest, 5);
  const top = Math.min(1, Math.ceil(highest / yStep - 1e-9) * yStep);
  const x = (step: number) => box.left + 12 + ((box.right - box.left - 24) * step) / most;
  const y = (share: number) => box.bottom - ((box.bottom - box.top) * share) / top;
  const xStep = Math.max(1, tickDistance(most, Math.max(2, Math.floor(width / 110))));
  return {
    ...box,
    ticks: {
      x: Array.from({ length: Math.floor(most / xStep) + 1 }, (_, i) => ({
        at: x(i * xStep),
        text: String(i * xStep),
      })),
      y: Array.from({ length: Math.floor(top / yStep + 1e-9) + 1 }, (_, i) => ({
        at: y(i * yStep),
        text: `${Math.round(100 * i * yStep)} %`,
      })),
    },
    lines: figures.map(({ name, points }, index) => ({
      name,
      marks: points.map(({ step, figure }) => ({
        x: x(step) + (step === 0 ? 0 : apart * (index - (figures.length - 1) / 2)),
        y: y(figure.share),
        low: y(figure.low),
        high: y(Math.min(top, figure.high)),
        ...{ figure, step },
      })),
    })),
  };
}

const colors = ["#888888", "#2f6fd0", "#c2571a", "#2b8a3e", "#9c36b5", "#b8860b", "#0b7285", "#c2255c"];
const dashes = ["2 3", "", "8 4", "12 3 2 3", "4 2", "", "8 4", "2 3"];

/** A whole SVG element with a legend, in colours that are legible on white and on black. */
export function curveSvg(lines: readonly PlottedLine[]): string {
  const plot = plotCurve(lines);
  const legend = 20 * lines.length + 10;
  const parts: string[] = [];
  for (const { at, text } of plot.ticks.y) {
    parts.push(
      `<line x1="${plot.left}" x2="${plot.right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="#8884"/>`,
    );
    parts.push(`<text x="${plot.left - 6}" y="${(at + 4).toFixed(1)}" text-anchor="end">${text}</text>`);
  }
  for (const { at, text } of plot.ticks.x) {
    parts.push(`<text x="${at.toFixed(1)}" y="${plot.bottom + 18}" text-anchor="middle">${text}</text>`);
  }
  for (const [index, { name, marks }] of plot.lines.entries()) {
    const color = colors[index % colors.length];
    const dash = dashes[index % dashes.length];
    const path = marks.map((mark) => `${mark.x.toFixed(1)},${mark.y.toFixed(1)}`).join(" ");
    parts.push(
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    );
    for (const mark of marks) {
      const [at, low, high] = [mark.x, mark.low, mark.high].map((value) => value.toFixed(1));
      parts.push(`<line x1="${at}" x2="${at}" y1="${low}" y2="${high}" stroke="${color}"/>`);
      parts.push(
        `<circle cx="${at}" cy="${mark.y.toFixed(1)}" r="4" fill="${color}"><title>${escapeHtml(name)}, step ${mark.step}: ${percentOf(mark.figure.share)}</title></circle>`,
      );
    }
    const line = plot.height + 20 * index + 14;
    parts.push(
      `<line x1="${plot.left}" x2="${plot.left + 30}" y1="${line}" y2="${line}" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    );
    parts.push(`<text x="${plot.left + 38}" y="${line + 4}">${escapeHtml(name)}</text>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${plot.width} ${plot.height + legend}" width="${plot.width}" height="${plot.height + legend}" role="img" aria-label="Right answers by step, with 95 % intervals" font-family="system-ui,sans-serif" font-size="12" fill="currentColor">\n${parts.join("\n")}\n</svg>`;
}
