/** Speed of a run, from its last steps. */

import type { StepColumns } from "../../run/curves.ts";

/** Number of averaged steps. */
const speedWindow = 20;

/** Null before the first step. */
export function pace(
  steps: Pick<StepColumns, "seconds" | "tokens">,
): { readonly secondsPerStep: number; readonly tokensPerSecond: number } | null {
  const recent = steps.seconds.subarray(-speedWindow);
  const seconds = sum(recent);
  const tokens = sum(steps.tokens.subarray(-speedWindow));
  return seconds > 0 ? { secondsPerStep: seconds / recent.length, tokensPerSecond: tokens / seconds } : null;
}

export const sum = (column: Float64Array) => column.reduce((total, value) => total + value, 0);
