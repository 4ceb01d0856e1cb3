/** The arithmetic of λ. Oracle: its definition. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epochDraws, epochQuotas, mixtureReport, repeatWarning, scaleWeights } from "../../../src/batching/mixture.ts";
import { makeExample } from "../../support/examples.ts";
import { cases } from "../../support/long.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const lambda = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
const mixtures = fc.array(fc.tuple(fc.nat({ max: 200 }), lambda), { minLength: 1, maxLength: 8 }).map((list) => ({
  counts: list.map(([count]) => count),
  lambdas: list.map(([, value]) => value),
}));

describe("draws of an epoch", () => {
  test("are within one draw of its quotas, and within two in a run, so shares converge to λ", () => {
    fc.assert(
      fc.property(mixtures, ({ counts, lambdas }) => {
        const rows = sum(counts);
        const effective = lambdas.map((value, k) => ((counts[k] ?? 0) > 0 ? value : 0));
        const quotas = epochQuotas(counts, lambdas);
        const exact = effective.map((value) => (rows === 0 ? 0 : (rows * value) / sum(effective)));
        const drawn = counts.map(() => 0);
        for (let epoch = 0; epoch < 25; epoch++) {
          const draws = epochDraws(quotas, drawn, epoch);
          draws.forEach((count, k) => {
            drawn[k] = (drawn[k] ?? 0) + count;
          });
          expect(sum(draws)).toBe(rows);
          expect(draws.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
          expect(Math.max(...draws.map((count, k) => Math.abs(count - (exact[k] ?? 0))))).toBeLessThan(1);
          const off = drawn.map((count, k) => Math.abs(count - (epoch + 1) * (exact[k] ?? 0)));
          expect(Math.max(...off)).toBeLessThan(2);
        }
      }),
      { seed: 17, numRuns: cases(2000) },
    );
  });

  test("λ equal to the shares of rows means one pass over all rows", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9999 }), { minLength: 1, maxLength: 9 }), lambda, (counts, scale) => {
        const lambdas = counts.map((count) => Math.max(count, 1) * scale);
        expect(
          epochDraws(
            epochQuotas(counts, lambdas),
            counts.map(() => 0),
            0,
          ),
        ).toEqual(counts);
      }),
      { seed: 18, numRuns: cases(2000) },
    );
  });

  test("a source with a quota of a tenth of a draw gets one draw in ten epochs", () => {
    const quotas = epochQuotas([9, 1], [99, 1]);
    const drawn = [0, 0];
    const seen = Array.from({ length: 20 }, (_, epoch) => {
      const draws = epochDraws(quotas, drawn, epoch);
      draws.forEach((count, k) => {
        drawn[k] = (drawn[k] ?? 0) + count;
      });
      return draws[1];
    });
    expect(sum(seen.map((count) => count ?? 0))).toBe(2);
  });
});

describe("λ as loss weight", () => {
  test("multiplies every weight of its source and does not change the examples", () => {
    const examples = [makeExample(0, 4, 2, 0), makeExample(1, 4, 3, 1)];
    const before = examples.map(({ weights }) => [...weights]);
    const scaled = scaleWeights(examples, [1, 2.5]);
    expect(scaled.map(({ weights }) => [...weights])).toEqual([before[0], before[1]?.map((weight) => 2.5 * weight)]);
    expect(examples.map(({ weights }) => [...weights])).toEqual(before);
    expect(() => scaleWeights(examples, [1])).toThrow("Source 2 has no weight λ.");
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("%d is refused with the source's number", (bad) => {
    const message = `The weight λ of source 2 is ${bad}, but must be a number above 0`;
    expect(() => scaleWeights([], [1, bad])).toThrow(message);
    expect(() => epochQuotas([1, 1], [1, bad])).toThrow(message);
    for (const mode of ["sampling", "weight"] as const) {
      expect(() => mixtureReport({ counts: [1, 1], supervised: [1, 1], lambdas: [1, bad], mode })).toThrow(message);
    }
  });
});

describe("the report of a mixture", () => {
  const sources = { counts: [300, 100, 0], supervised: [3000, 9000, 0] };

  test("sampling: passes follow from the draws, shares of supervised tokens from the passes", () => {
    // 400 draws, half from each of the two sources with rows: 200/300 and 200/100 passes.
    expect(mixtureReport({ ...sources, lambdas: [5, 5, 7], mode: "sampling" })).toEqual([
      { passes: 2 / 3, share: 2000 / 20_000 },
      { passes: 2, share: 18_000 / 20_000 },
      { passes: 0, share: 0 },
    ]);
  });

  test("weight: one pass, shares of Σ w", () => {
    expect(mixtureReport({ ...sources, lambdas: [3, 1, 7], mode: "weight" })).toEqual([
      { passes: 1, share: 0.5 },
      { passes: 1, share: 0.5 },
      { passes: 0, share: 0 },
    ]);
  });

  test.each([
    [1, 4, null],
    [2 / 3, 6, null],
    [2, 3, /6 passes over chats\. After about 4 passes/],
    [1.25, 3.3, /4\.1 passes over chats/],
  ])("%d passes in each of %d epochs", (passes, epochs, warning) => {
    const message = repeatWarning("chats", passes, epochs);
    if (warning === null) expect(message).toBeNull();
    else expect(message).toMatch(warning);
  });
});
