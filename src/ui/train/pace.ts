/** How fast a run goes, from its last steps. */

import type { StepMetrics } from "../../run/metrics.ts";

/** Steps over which speed is averaged. */
const speedWindow = 20;

/** Null before the first step. */
export function pace(
  steps: readonly StepMetrics[],
): { readonly secondsPerStep: number; readonly tokensPerSecond: number } | null {
  const recent = steps.slice(-speedWindow);
  const seconds = recent.reduce((sum, step) => sum + step.seconds, 0);
  const tokens = recent.reduce((sum, step) => sum + step.tokens, 0);
  return seconds > 0 ? { secondsPerStep: seconds / recent.length, tokensPerSecond: tokens / seconds } : null;
}
