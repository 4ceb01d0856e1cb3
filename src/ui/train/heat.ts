/** The tokens of a watched row, each with what it cost to predict before and now. */

import type { Watch } from "../../run/metrics.ts";

export interface HeatToken {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** In nats; null for context, which is not predicted. */
  readonly losses: { readonly before: number; readonly now: number } | null;
}

/** Puts the losses, one for each learnt token in order, to their tokens. */
export function heatTokens(tokens: Watch["tokens"], before: readonly number[], now: readonly number[]): HeatToken[] {
  let next = 0;
  return tokens.map(({ text, weight }, index) => {
    const place = weight > 0 ? next++ : -1;
    const [first, latest] = [before[place], now[place]];
    const losses = first === undefined || latest === undefined ? null : { before: first, now: latest };
    return { number: index + 1, text, losses };
  });
}
