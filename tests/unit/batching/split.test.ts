/** The validation split. Oracles: its definition, and recorded splits of an older version with one source. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type SplitTable, splitValidation } from "../../../src/batching/split.ts";
import { cases } from "../../support/long.ts";

const lines = (count: number): SplitTable => ({
  sources: new Int32Array(count),
  rows: Int32Array.from({ length: count }, (_, i) => i),
  splits: new Int8Array(count),
});
const shares = fc.double({ min: 0, max: 0.99, noNaN: true });
const ascending = (list: readonly number[]) => list.every((index, i) => i === 0 || index > (list[i - 1] ?? 0));

test("divides the rows by seed", () => {
  fc.assert(
    fc.property(fc.nat({ max: 300 }), shares, fc.integer(), (count, share, seed) => {
      const { training, validation } = splitValidation(lines(count), share, seed);
      expect([...training, ...validation].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(splitValidation(lines(count), share, seed)).toEqual({ training, validation });
      if (count > 0) expect(training.length).toBeGreaterThan(0);
      if (share === 0) expect(validation).toEqual([]);
      else if (count > 1) expect(Math.abs(validation.length - count * share)).toBeLessThanOrEqual(1);
    }),
    { seed: 11, numRuns: cases(2000) },
  );
  expect(splitValidation(lines(100), 0.1, 1).validation).toHaveLength(10);
  expect(splitValidation(lines(100), 0.1, 1)).not.toEqual(splitValidation(lines(100), 0.1, 2));
});

test("a seed holds out the same rows as the older version with one source", () => {
  // Recorded from the older version.
  expect(splitValidation(lines(20), 0.2, 7).validation).toEqual([4, 11, 17, 19]);
});

test("holds out the share of each source, with the examples of a record together", () => {
  const tables = fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 30 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(tables, shares, fc.integer(), (sizes, share, seed) => {
      const examples = sizes.flatMap((records, source) =>
        records.flatMap((count, row) => Array.from({ length: count }, () => ({ source, row }))),
      );
      const table = {
        sources: examples.map(({ source }) => source),
        rows: examples.map(({ row }) => row),
        splits: examples.map(() => 0),
      };
      const { training, validation } = splitValidation(table, share, seed);
      expect(training.length + validation.length).toBe(examples.length);
      expect(ascending(training) && ascending(validation)).toBe(true);
      const recordsOf = (indices: readonly number[]) =>
        new Set(indices.map((index) => `${table.sources[index]}:${table.rows[index]}`));
      const [trained, heldOut] = [recordsOf(training), recordsOf(validation)];
      for (const record of heldOut) expect(trained.has(record)).toBe(false);
      sizes.forEach((records, source) => {
        const out = [...heldOut].filter((record) => record.startsWith(`${source}:`)).length;
        if (records.length < 2 || share === 0) expect(out).toBe(0);
        else expect(Math.abs(out - records.length * share)).toBeLessThanOrEqual(1);
      });
      // A source after them does not change their split.
      const before = table.sources.filter((source) => source < sizes.length - 1).length;
      const fewer = {
        sources: table.sources.slice(0, before),
        rows: table.rows.slice(0, before),
        splits: table.splits.slice(0, before),
      };
      expect(splitValidation(fewer, share, seed).validation).toEqual(validation.filter((index) => index < before));
    }),
    { seed: 16, numRuns: cases(2000) },
  );
});

test("rows with the validation split are the held-out rows, for any share", () => {
  const table = { ...lines(6), splits: Int8Array.of(0, 2, 1, 0, 2, 1) };
  for (const share of [0, 0.5]) {
    expect(splitValidation(table, share, 1)).toEqual({ training: [0, 2, 3, 5], validation: [1, 4] });
  }
  const trainingOnly = { ...lines(6), splits: Int8Array.of(1, 1, 1, 1, 1, 1) };
  expect(splitValidation(trainingOnly, 0.5, 1)).toEqual(splitValidation(lines(6), 0.5, 1));
  const heldOutOnly = { ...lines(2), splits: Int8Array.of(2, 2) };
  expect(splitValidation(heldOutOnly, 0.1, 1)).toEqual({ training: [], validation: [0, 1] });
});
