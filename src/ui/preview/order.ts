/** The listed rows: all of a source, or those with problems. */

import type { DataReport } from "../../quality/report.ts";

export interface RowOrder {
  readonly length: number;
  /** The row at a place; null outside. */
  rowAt(place: number): number | null;
  /** The place of a row; for a row that is not listed, the place of its predecessor or -1. */
  placeOf(row: number): number;
}

export function allRows(count: number): RowOrder {
  return {
    length: count,
    rowAt: (place) => (place >= 0 && place < count ? place : null),
    placeOf: (row) => Math.min(row, count - 1),
  };
}

/** `rows` ascending. */
export function someRows(rows: readonly number[]): RowOrder {
  return {
    length: rows.length,
    rowAt: (place) => rows[place] ?? null,
    placeOf(row) {
      let low = -1;
      let high = rows.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((rows[middle] ?? 0) <= row) low = middle;
        else high = middle - 1;
      }
      return low;
    },
  };
}

/** Rows of a source that are left out, or named by a warning or a failed check, ascending. */
export function problemRows(report: DataReport, source: number): number[] {
  const rows = new Set<number>();
  for (const left of report.leftOut) if (left.source === source) rows.add(left.row);
  const sets = [
    ...report.findings.filter(({ severity }) => severity === "warning"),
    ...report.checks.filter(({ passed }) => !passed),
  ];
  for (const { rows: set } of sets)
    for (const [index, row] of set.rows.entries()) if (set.sources[index] === source) rows.add(row);
  return [...rows].sort((a, b) => a - b);
}
