/** The listed rows: filtered and sorted. */

import { measureOf, type RowLoss, type RowMeasure } from "../../run/rowLosses.ts";

export interface RowFilter {
  /** Index among the run's sources; null is all. */
  readonly source: number | null;
  /** Upper and lower case are equal; "" is every row. */
  readonly text: string;
  readonly measure: RowMeasure;
  /** Least value of the measure in nats per token; null is none. */
  readonly least: number | null;
  readonly highestFirst: boolean;
}

/** `texts` by source and row. Rows of equal value stay in the order of the file. */
export function listedRows(
  rows: readonly RowLoss[],
  texts: readonly (readonly string[])[],
  { source, text, measure, least, highestFirst }: RowFilter,
): RowLoss[] {
  const wanted = text.trim().toLowerCase();
  const sign = highestFirst ? -1 : 1;
  return rows
    .filter(
      (row) =>
        (source === null || row.source === source) &&
        (least === null || measureOf(row, measure) >= least) &&
        (wanted === "" || (texts[row.source]?.[row.row] ?? "").toLowerCase().includes(wanted)),
    )
    .sort((a, b) => sign * (measureOf(a, measure) - measureOf(b, measure)));
}

/** The middle value; NaN without values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
