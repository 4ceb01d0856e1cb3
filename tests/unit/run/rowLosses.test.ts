/** Rows by loss: sums per row, bins, area under the curve. Oracles: counted by hand, and all pairs by brute force. */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  areaUnderCurve,
  type ExampleLosses,
  lossBins,
  markedInTop,
  measureOf,
  rowsOfLosses,
} from "../../../src/run/rowLosses.ts";

const losses: ExampleLosses = {
  key: "0".repeat(64),
  step: 3,
  sources: Int32Array.of(0, 0, 0, 1, 1),
  rows: Int32Array.of(0, 2, 2, 2, 4),
  lines: Int32Array.of(1, 3, 3, 3, 5),
  tokens: Int32Array.of(2, 1, 3, 4, 1),
  base: Float32Array.of(4, 1, 2, 8, 1),
  tuned: Float32Array.of(1, 0.5, 1.5, 8, Number.NaN),
};

test("examples of one row are added; a row that is not measured is left out", () => {
  const rows = rowsOfLosses(losses);
  expect(rows).toEqual([
    { source: 0, row: 0, line: 1, tokens: 2, base: 4, tuned: 1 },
    { source: 0, row: 2, line: 3, tokens: 4, base: 3, tuned: 2 },
    { source: 1, row: 2, line: 3, tokens: 4, base: 8, tuned: 8 },
  ]);
  expect(rows.map((row) => measureOf(row, "drop"))).toEqual([1.5, 0.25, 0]);
  expect(rows.map((row) => measureOf(row, "tuned"))).toEqual([0.5, 0.5, 2]);
});

test("both histograms share their bins and count every row", () => {
  const { edges, base, tuned } = lossBins(rowsOfLosses(losses));
  expect(edges.slice(0, 3)).toEqual([0, 0.1, 0.2]);
  expect(edges).toHaveLength(base.length + 1);
  expect(base.map((count, bin) => [edges[bin], count]).filter(([, count]) => count)).toEqual([
    [0.7, 1],
    [2, 2],
  ]);
  expect(tuned.reduce((a, b) => a + b)).toBe(3);
  expect(lossBins([])).toEqual({ edges: [0, 0.01], base: [0], tuned: [0] });
});

test("the area under the curve is the share of pairs in the right order", () => {
  const scored = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(scored, (items) => {
      const wrong = items.filter(([, marked]) => marked);
      const right = items.filter(([, marked]) => !marked);
      fc.pre(wrong.length > 0 && right.length > 0);
      let sum = 0;
      for (const [a] of wrong) for (const [b] of right) sum += a > b ? 1 : a === b ? 0.5 : 0;
      const area = areaUnderCurve(
        items.map(([score]) => score),
        items.map(([, marked]) => marked),
      );
      expect(area).toBeCloseTo(sum / (wrong.length * right.length), 10);
    }),
    { seed: 20 },
  );
});

test("marked rows in the top are counted from the highest score", () => {
  expect(markedInTop([1, 5, 3, 4], [true, true, false, false], 2)).toBe(1);
});
