/** Oracles: values worked out by hand, and numpy's definition of a quantile. */

import { describe, expect, it } from "vitest";
import { driftOf } from "../../../bench/step/drift.ts";
import {
  deviations,
  median,
  pairedRatio,
  quantile,
  type Row,
  reportOf,
  rowsTable,
  spreadOf,
  table,
} from "../../../bench/step/figures.ts";

const row: Row = {
  engine: "PyTorch",
  version: "2.13",
  backend: "native",
  size: "tiny",
  method: "full",
  tokensPerSecond: 1234.4,
  supervisedTokensPerSecond: 617.2,
  millisecondsPerStep: 414.8,
  spread: 0.0321,
  peakBytes: 3 * 2 ** 20,
  peakBytesOf: "resident memory above Python's",
  loss: [6.786, 6.115],
  gradientNorm: [2.667, 2.8],
  deviation: 1e-6,
  normDeviation: 2e-5,
  ratioToHone: null,
  timeToFirstStepMs: 5900,
  bytesLoaded: null,
  shareOfPeak: 0.5,
};

describe("medians and spreads", () => {
  it("interpolates between neighbours as numpy.quantile does, in any order of the values", () => {
    expect(quantile([4, 1, 3, 2], 0.25)).toBeCloseTo(1.75, 12);
    expect(quantile([4, 1, 3, 2], 0.75)).toBeCloseTo(3.25, 12);
    expect(median([10, 1, 100])).toBe(10);
    expect(median([10, 1])).toBe(5.5);
  });

  it("takes the interquartile range over the median for the spread", () => {
    expect(spreadOf([4, 1, 3, 2])).toBeCloseTo(1.5 / 2.5, 12);
    expect(spreadOf([7, 7, 7])).toBe(0);
  });

  it("leaves its argument in order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("pairedRatio", () => {
  it("is the median of the ratios of each round, not the ratio of the medians", () => {
    // A machine that is ten times slower in the last two rounds: each round says 2, the medians say 20 / 1.
    expect(pairedRatio([2, 2, 20, 20, 20], [1, 1, 10, 10, 10])).toBe(2);
    expect(pairedRatio([2, 30, 4], [1, 10, 1])).toBe(3);
  });

  it("refuses rounds that are not pairs", () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow("2 samples cannot be paired with 1");
  });
});

describe("deviations", () => {
  it("names the one that differs, by its worst figure", () => {
    const found = deviations([
      [2, 10],
      [2, 10],
      [2, 11],
    ]);
    expect(found[0]).toBe(0);
    expect(found[2]).toBeCloseTo(0.1, 12);
  });

  it("is infinite for a figure that is no number, and leaves the others alone", () => {
    expect(deviations([[5], [Number.NaN], [5]])).toEqual([0, Number.POSITIVE_INFINITY, 0]);
  });
});

describe("driftOf", () => {
  it("compares the first tenth with the last", () => {
    const times = Array.from({ length: 100 }, (_, i) => (i < 10 ? 10 : i < 90 ? 500 : 11));
    const { millisecondsPerStep, drift } = driftOf(times);
    expect(millisecondsPerStep).toEqual({ first: 10, last: 11 });
    expect(drift).toBeCloseTo(0.1, 12);
  });

  it("compares the first step with the last of fewer than ten", () => {
    expect(driftOf([4, 9, 5]).millisecondsPerStep).toEqual({ first: 4, last: 5 });
  });
});

describe("tables", () => {
  it("puts the first column to the left and numbers to the right, without spaces at the end", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["a", "10"],
          ["longer", "5"],
        ],
      ),
    ).toBe("name     n\na       10\nlonger   5");
  });

  it("has a line for each engine, and a dash for what was not measured", () => {
    const text = rowsTable([row]);
    const [head, line, ...rest] = text.split("\n");
    expect(rest).toEqual([]);
    expect(head?.split(/ {2,}/)).toHaveLength(line?.split(/ {2,}/).length ?? 0);
    expect(line).toContain("PyTorch 2.13 (native)");
    expect(line?.split(/ {2,}/).slice(1)).toEqual([
      "1234",
      "617",
      "414.8",
      "3.2 %",
      "–",
      "3.0",
      "50 %",
      "5.9 s",
      "–",
      "6.78600",
      "6.11500",
      "1.0e-6",
      "2.0e-5",
    ]);
  });
});

describe("reportOf", () => {
  it("puts the comparisons' rows and failures together and keeps each engine's highest peak", () => {
    const other: Row = { ...row, size: "small", shareOfPeak: 0.25 };
    const failure = { engine: "jax-js", backend: "wasm", size: "small", method: "full", error: "It crashed." };
    const peak = (gflops: number) => ({ engine: "PyTorch", backend: "native", gflops });
    const report = reportOf({ cpu: "one" }, [
      { rows: [row], failures: [], matrixPeak: [peak(40), { engine: "Hone", backend: "wasm", gflops: 20 }] },
      { rows: [other], failures: [failure], matrixPeak: [peak(44), { engine: "Hone", backend: "wasm", gflops: 10 }] },
    ]);
    expect(report).toEqual({
      machine: { cpu: "one" },
      rows: [row, other],
      matrixPeak: [peak(44), { engine: "Hone", backend: "wasm", gflops: 20 }],
      shareOfPeak: [
        { engine: "PyTorch", backend: "native", size: "tiny", method: "full", share: 0.5 },
        { engine: "PyTorch", backend: "native", size: "small", method: "full", share: 0.25 },
      ],
      failures: [failure],
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
