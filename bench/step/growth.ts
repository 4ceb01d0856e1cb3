/** Measures how Hone's step grows with one dimension; each setting has its own tab, and all step in turn. */

import type { Backend } from "./engine.ts";
import { type Entrant, openEntrant, type Place } from "./entrant.ts";
import { bytesText, median, pairedRatio, spreadOf, table } from "./figures.ts";
import { type Change, type MethodName, problemOf, type Size } from "./problem.ts";
import { peakOf, type Runner, takeRounds, warmUp } from "./rounds.ts";

const tokens = 1024;

/** The dimensions that grow, and their values. */
const settings = {
  /** With a constant number of tokens, so that only attention grows. */
  length: [64, 128, 256, 512, 1024].map((length) => ({ length, rows: tokens / length })),
  batch: [1, 2, 4, 8].map((rows) => ({ rows })),
  depth: [2, 4, 8, 16].map((layers) => ({ layers })),
  vocabulary: [512, 2048, 8192, 24_576, 49_152].map((vocabulary) => ({ vocabulary })),
  /** With a large head, where the number of supervised positions matters most. */
  supervised: [0.1, 1].map((supervised) => ({ supervised, vocabulary: 49_152, layers: 2 })),
} satisfies Record<string, Change[]>;

export const growths = Object.keys(settings) as (keyof typeof settings)[];
export type Growth = (typeof growths)[number];

export interface GrowthRow extends Change {
  readonly parameters: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly millisecondsPerStep: number;
  readonly tokensPerSecond: number;
  readonly spread: number;
  /** Median over the rounds of the time per token divided by that of the first setting. */
  readonly timePerToken: number;
  readonly peakBytes: number | null;
}

export interface GrowthRequest {
  readonly growth: Growth;
  readonly backend: Backend;
  readonly size: Size;
  readonly method: MethodName;
  readonly repeats: number;
}

export async function measureGrowth(place: Place, request: GrowthRequest): Promise<GrowthRow[]> {
  const { growth, backend, size, method, repeats } = request;
  const changes: readonly Change[] = settings[growth];
  const opened: Entrant[] = [];
  try {
    const runners: Runner[] = [];
    for (const [i, change] of changes.entries()) {
      const task = { engine: "hone", backend, size, method, change, dry: false } as const;
      const entrant = await openEntrant(place, `${growth}${i}`, task);
      opened.push(entrant);
      runners.push(await warmUp(entrant));
    }
    await takeRounds(runners, repeats, (_, error) => {
      throw error;
    });
    const rows: GrowthRow[] = [];
    const perToken = runners.map(({ samples }, i) => {
      const { shape } = problemOf(size, method, changes[i]);
      return samples.map((milliseconds) => milliseconds / (shape.rows * shape.length));
    });
    for (const [i, { entrant, samples }] of runners.entries()) {
      const change = changes[i] as Change;
      const { shape, values } = problemOf(size, method, change);
      const millisecondsPerStep = median(samples);
      rows.push({
        ...change,
        parameters: [...values().values()].reduce((sum, { length }) => sum + length, 0),
        tokens: shape.rows * shape.length,
        supervisedTokens: shape.supervised,
        millisecondsPerStep,
        tokensPerSecond: (1000 * shape.rows * shape.length) / millisecondsPerStep,
        spread: spreadOf(samples),
        timePerToken: pairedRatio(perToken[i] ?? [], perToken[0] ?? []),
        peakBytes: (await peakOf(entrant)).peakBytes,
      });
    }
    return rows;
  } finally {
    for (const entrant of opened) await entrant.close();
  }
}

/** The table of the rows. */
export function growthTable(growth: Growth, rows: readonly GrowthRow[]): string {
  const changing = Object.keys(settings[growth][0] ?? {}) as (keyof Change)[];
  return table(
    [...changing, "parameters", "ms/step", "tokens/s", "spread", "time per token ×", "peak MiB"],
    rows.map((row) => [
      ...changing.map((name) => String(row[name])),
      `${(row.parameters / 1e6).toFixed(2)} M`,
      row.millisecondsPerStep.toFixed(1),
      row.tokensPerSecond.toFixed(0),
      `${(100 * row.spread).toFixed(1)} %`,
      row.timePerToken.toFixed(2),
      bytesText(row.peakBytes),
    ]),
  );
}
