/** Reduces a loss curve to few points. */

import type { StepMetrics } from "../../src/run/metrics.ts";

/** Largest number of points; a line as wide as a page shows no more. */
const mostPoints = 200;

/** Means over equal numbers of steps; each point has the number of its last step. */
export function thinned(metrics: readonly Pick<StepMetrics, "step" | "loss">[]): { step: number; loss: number }[] {
  const size = Math.ceil(metrics.length / mostPoints);
  return Array.from({ length: Math.ceil(metrics.length / size) }, (_, i) => {
    const part = metrics.slice(i * size, (i + 1) * size);
    return { step: part.at(-1)?.step ?? 0, loss: part.reduce((sum, { loss }) => sum + loss, 0) / part.length };
  });
}
