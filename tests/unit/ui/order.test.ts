/** Which rows are listed. Oracle: counted by hand. */

import { expect, test } from "vitest";
import type { DataReport } from "../../../src/quality/report.ts";
import { allRows, problemRows, someRows } from "../../../src/ui/preview/order.ts";

const report: DataReport = {
  examples: 0,
  leftOut: [
    { source: 0, row: 7, line: 8, message: "empty" },
    { source: 1, row: 1, line: 2, message: "empty" },
  ],
  leftOutCount: 2,
  tokens: 0,
  supervisedTokens: 0,
  truncation: { rows: 0, remaining: 0, lost: 0 },
  answers: null,
  lengths: { edges: [], counts: [], longest: 0, median: 0 },
  sources: [],
  findings: (["warning", "hint"] as const).map((severity) => ({
    kind: "exact-duplicate",
    severity,
    title: severity,
    detail: "",
    rows: severity === "warning" ? { sources: [0, 0, 1], rows: [3, 7, 9] } : { sources: [0], rows: [50] },
    examples: [],
    excludable: true,
    remedy: null,
  })),
  checks: [true, false].map((passed) => ({
    kind: "stop",
    passed,
    title: "",
    detail: "",
    rows: { sources: [0], rows: [passed ? 60 : 2] },
  })),
  seconds: 0,
};

test("problems are what is left out, warned of, or fails a check; of one source; each once, in order", () => {
  expect(problemRows(report, 0)).toEqual([2, 3, 7]);
  expect(problemRows(report, 1)).toEqual([1, 9]);
});

test("a row that is not listed has the place of the one before it", () => {
  const order = someRows([2, 3, 7]);
  expect([0, 2, 3, 5, 7, 90].map(order.placeOf)).toEqual([-1, 0, 1, 1, 2, 2]);
  expect([-1, 0, 2, 3].map(order.rowAt)).toEqual([null, 2, 7, null]);
  expect(someRows([]).placeOf(3)).toBe(-1);
});

test("all rows are their own places", () => {
  const order = allRows(3);
  expect([-1, 0, 2, 3].map(order.rowAt)).toEqual([null, 0, 2, null]);
  expect(order.placeOf(2)).toBe(2);
});
