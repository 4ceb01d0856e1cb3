/** Agreement of two raters beyond chance. */

import { type Interval, z95 } from "./proportion.ts";

export interface Agreement extends Interval {
  /** Share of equal verdicts. */
  readonly observed: number;
  /** Cohen's kappa: 1 is full agreement, 0 is what chance gives. Null where chance alone agrees always. */
  readonly kappa: number | null;
  readonly total: number;
}

/**
 * Cohen's kappa (1960) of two raters, with the interval of Fleiss, Cohen and Everitt (1969): κ = (pₒ − pₑ) / (1 − pₑ), and
 * (1 − pₑ)⁴ n Var(κ) = Σᵢ pᵢᵢ[(1 − pₑ) − (p.ᵢ + pᵢ.)(1 − pₒ)]² + (1 − pₒ)² Σ_{i≠j} pᵢⱼ(p.ᵢ + pⱼ.)² − (pₒpₑ − 2pₑ + pₒ)². `table[i][j]`
 * counts items that the first rater puts in i and the second in j. The interval is [−1, 1] where kappa is null. Throws a
 * RangeError for a table that is not square.
 */
export function cohensKappa(table: readonly (readonly number[])[], z: number = z95): Agreement {
  const size = table.length;
  if (table.some((row) => row.length !== size)) throw new RangeError("The table of verdicts must be square.");
  const total = table.flat().reduce((sum, count) => sum + count, 0);
  if (total === 0) return { observed: 0, kappa: null, total, low: -1, high: 1 };
  const p = table.map((row) => row.map((count) => count / total));
  const rows = p.map((row) => row.reduce((sum, value) => sum + value, 0));
  const columns = p.map((_, j) => p.reduce((sum, row) => sum + (row[j] as number), 0));
  const observed = p.reduce((sum, row, i) => sum + (row[i] as number), 0);
  const expected = rows.reduce((sum, row, i) => sum + row * (columns[i] as number), 0);
  if (1 - expected < 1e-12) return { observed, kappa: null, total, low: -1, high: 1 };
  const kappa = (observed - expected) / (1 - expected);
  let variance = -((observed * expected - 2 * expected + observed) ** 2);
  for (const [i, row] of p.entries()) {
    for (const [j, value] of row.entries()) {
      const own = (columns[i] as number) + (rows[j] as number);
      const term = i === j ? 1 - expected - own * (1 - observed) : (1 - observed) * own;
      variance += value * term * term;
    }
  }
  const error = Math.sqrt(Math.max(0, variance) / total) / (1 - expected) ** 2;
  return { observed, kappa, total, low: Math.max(-1, kappa - z * error), high: Math.min(1, kappa + z * error) };
}
