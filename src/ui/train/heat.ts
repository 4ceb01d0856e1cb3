/** The tokens of a snapshot row, each with its loss before and now. */

import type { Watch } from "../../run/metrics.ts";

export interface HeatToken {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** In nats; null for context. */
  readonly losses: { readonly before: number; readonly now: number } | null;
}

/** Assigns the losses, one per supervised token in order, to the tokens. */
export function heatTokens(tokens: Watch["tokens"], before: readonly number[], now: readonly number[]): HeatToken[] {
  let next = 0;
  return tokens.map(({ text, weight }, index) => {
    const place = weight > 0 ? next++ : -1;
    const [first, latest] = [before[place], now[place]];
    const losses = first === undefined || latest === undefined ? null : { before: first, now: latest };
    return { number: index + 1, text, losses };
  });
}
