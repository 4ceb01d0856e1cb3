/** The sentence of a run that the guard stops. */

import type { Rise } from "../run/guard.ts";
import { cut } from "../tensor/quote.ts";
import type { LoopState } from "./state.ts";

/** `labels`: names of the general texts by their set. */
export function guardReason(
  { step, best }: Pick<LoopState, "step" | "best">,
  risen: readonly Rise[],
  allowedRise: number,
  labels: Readonly<Record<string, string>>,
  ends: boolean,
): string | null {
  const [first, ...others] = risen;
  if (!first) return null;
  const label = cut(labels[first.set] ?? first.set);
  const more = others.length > 0 ? ` (and on ${others.length} more)` : "";
  const why =
    `Step ${step}: the loss on ${label}${more} rose from ${first.from.loss.toFixed(4)} at step ${first.from.step} to ` +
    `${first.loss.toFixed(4)}, by more than ${allowedRise}.`;
  const checkpoint = best === null || best.step === 0 ? "the base model" : `the best checkpoint, of step ${best.step}`;
  return ends
    ? `${why} Within the guard: ${checkpoint}.`
    : `${why} Resume allows the same rise again; or take ${checkpoint}.`;
}
