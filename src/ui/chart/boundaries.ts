/** Thin lines with a word across a chart's drawing: where one stage of a run ends and the next begins. */

import type uPlot from "uplot";

export interface Boundary {
  /** The last step before it. */
  readonly step: number;
  /** What begins there; "" for the line alone. */
  readonly label: string;
}

/** Draws them over the curves, as far as they lie in the part that is shown; in the colour and font given, as CSS. */
export function drawBoundaries(chart: uPlot, boundaries: readonly Boundary[], color: string, font: string): void {
  const { ctx, bbox } = chart;
  const { devicePixelRatio: scale } = window;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = scale;
  ctx.setLineDash([2 * scale, 3 * scale]);
  ctx.textBaseline = "top";
  for (const { step, label } of boundaries) {
    const x = Math.round(chart.valToPos(step, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (label === "") continue;
    // uPlot scales the fonts of its axes itself; this one is set here.
    ctx.font = font.replace(/^[\d.]+/, (size) => String(Number(size) * scale));
    const right = x + ctx.measureText(label).width + 8 * scale <= bbox.left + bbox.width;
    ctx.textAlign = right ? "left" : "right";
    ctx.fillText(label, right ? x + 4 * scale : x - 4 * scale, bbox.top + 2 * scale);
  }
  ctx.restore();
}
