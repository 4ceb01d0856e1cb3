/** Ratings from votes between pairs: the model of Bradley and Terry (1952). */

import { inverse } from "./matrix.ts";
import { type Interval, z95 } from "./proportion.ts";

export interface Rating extends Interval {
  /** Natural logarithm of the strength; the mean over all players is 0. */
  readonly log: number;
  /** Standard error of `log`. */
  readonly error: number;
}

export interface RatingOptions {
  /**
   * Ties of each player with a player of strength 1. Above 0 the ratings stay finite, also where a player won or lost every
   * vote; 0 is the maximum of the likelihood alone.
   */
  readonly anchor?: number;
  readonly z?: number;
}

/** Largest relative change of a strength in the last iteration. */
const tolerance = 1e-13;
const mostIterations = 200_000;

/**
 * Ratings of n players. `wins[i][j]` is how often i won against j; a tie is half a win for both. P(i beats j) = sᵢ / (sᵢ + sⱼ).
 * Strengths by the MM iteration (Hunter 2004): sᵢ ← Wᵢ / Σⱼ nᵢⱼ / (sᵢ + sⱼ). Intervals are log ± z·error, from the inverse of the
 * observed information. Null for a player without votes; with `anchor` 0, null for all when no finite maximum exists, because
 * a group of players won all votes against the others. Throws a RangeError for a table that is not square or has a negative
 * count.
 */
export function bradleyTerry(
  wins: readonly (readonly number[])[],
  { anchor = 1, z = z95 }: RatingOptions = {},
): (Rating | null)[] {
  const size = wins.length;
  for (const row of wins) {
    if (row.length !== size || row.some((count) => !(count >= 0 && Number.isFinite(count)))) {
      throw new RangeError(`The table of wins must be ${size} by ${size} counts of at least 0.`);
    }
  }
  const games = (i: number, j: number) => (i === j ? 0 : (wins[i]?.[j] ?? 0) + (wins[j]?.[i] ?? 0));
  const indices = wins.map((_, index) => index);
  const players = indices.filter((i) => indices.some((j) => games(i, j) > 0));
  if (anchor === 0 && !stronglyConnected(players, wins)) return wins.map(() => null);
  const n = players.map((i) => players.map((j) => games(i, j)));
  const won = players.map((i) => players.reduce((sum, j) => sum + (i === j ? 0 : (wins[i]?.[j] ?? 0)), anchor / 2));
  const strengths = strengthsOf(n, won, anchor);
  const logs = strengths.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / Math.max(1, logs.length);
  const errors = errorsOf(n, strengths, anchor);
  const ratings = wins.map((): Rating | null => null);
  for (const [place, player] of players.entries()) {
    const log = (logs[place] as number) - mean;
    const error = errors[place] as number;
    ratings[player] = { log, error, low: log - z * error, high: log + z * error };
  }
  return ratings;
}

function strengthsOf(n: readonly (readonly number[])[], won: readonly number[], anchor: number): number[] {
  let strengths = won.map(() => 1);
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    const raw = strengths.map((own, i) => {
      const sum = strengths.reduce((total, other, j) => total + (n[i]?.[j] ?? 0) / (own + other), anchor / (own + 1));
      return (won[i] as number) / sum;
    });
    // Only ratios are determined without an anchor.
    const scale = anchor > 0 ? 1 : Math.exp(raw.reduce((sum, s) => sum + Math.log(s), 0) / raw.length);
    const next = raw.map((strength) => strength / scale);
    const change = Math.max(...next.map((s, i) => Math.abs(s / (strengths[i] as number) - 1)));
    strengths = next;
    if (change < tolerance) break;
  }
  return strengths;
}

/** Standard errors of the centred logarithms: the root of the diagonal of C H⁻¹ C, with C = I − 1/n. */
function errorsOf(n: readonly (readonly number[])[], strengths: readonly number[], anchor: number): number[] {
  const size = strengths.length;
  const product = (a: number, b: number) => (a * b) / (a + b) ** 2;
  const information = strengths.map((own, i) =>
    strengths.map((other, j) => (i === j ? 0 : -(n[i]?.[j] ?? 0) * product(own, other))),
  );
  for (const [i, row] of information.entries()) {
    row[i] = anchor * product(strengths[i] as number, 1) - row.reduce((sum, value) => sum + value, 0);
    // Without an anchor the information is singular along (1, …, 1), which centring removes again.
    if (anchor === 0) for (let j = 0; j < size; j++) row[j] = (row[j] as number) + 1 / size;
  }
  const covariance = inverse(information);
  const rowMeans = covariance.map((row) => row.reduce((sum, value) => sum + value, 0) / size);
  const mean = rowMeans.reduce((sum, value) => sum + value, 0) / Math.max(1, size);
  return covariance.map((row, i) => Math.sqrt(Math.max(0, (row[i] as number) - 2 * (rowMeans[i] as number) + mean)));
}

/** Whether each player can be reached from each other one along wins: then a finite maximum exists (Ford 1957). */
function stronglyConnected(players: readonly number[], wins: readonly (readonly number[])[]): boolean {
  const [start] = players;
  if (start === undefined) return true;
  const reaches = (edge: (from: number, to: number) => boolean) => {
    const found = new Set([start]);
    const open = [start];
    for (let from = open.pop(); from !== undefined; from = open.pop()) {
      for (const to of players) {
        if (found.has(to) || !edge(from, to)) continue;
        found.add(to);
        open.push(to);
      }
    }
    return found.size === players.length;
  };
  const beat = (a: number, b: number) => (wins[a]?.[b] ?? 0) > 0;
  return reaches(beat) && reaches((from, to) => beat(to, from));
}

/** A rating on Elo's scale: 1000 + 400 log₁₀ strength. 400 points are odds of 10 to 1. */
export const eloOf = (log: number): number => 1000 + (400 / Math.LN10) * log;
