/**
 * The statistics of exams and votes. Oracles: numbers of tests/golden/statistics/make.py (other methods, 40 digits), published
 * numbers (Newcombe 1998; Stigler's citations as Agresti and R's BradleyTerry2 fit them; Fleiss's diagnoses), closed forms, and
 * brute force over all cases.
 */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bradleyTerry, eloOf } from "../../../../src/run/statistics/bradleyTerry.ts";
import { cohensKappa } from "../../../../src/run/statistics/kappa.ts";
import { holm, mcNemar, signFlip, spread } from "../../../../src/run/statistics/paired.ts";
import { pairedCounts, pairedDifference, wilson, z95 } from "../../../../src/run/statistics/proportion.ts";
import { createRandom } from "../../../../src/tensor/random.ts";

interface Golden {
  readonly wilson: readonly { readonly right: number; readonly total: number; readonly interval: [number, number] }[];
  readonly mcNemar: readonly { readonly counts: [number, number]; readonly p: number; readonly midP: number }[];
  readonly signFlip: readonly { readonly differences: number[]; readonly p: number }[];
  readonly pairedDifference: readonly { readonly counts: number[]; readonly interval: [number, number] }[];
  readonly bradleyTerry: readonly { wins: number[][]; anchor: number; log: number[]; error: number[] }[];
  readonly kappa: readonly { readonly table: number[][]; readonly kappa: number; readonly error: number }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../../golden/statistics/statistics.json", import.meta.url), "utf8"),
);

const countsOf = ([both = 0, first = 0, second = 0, neither = 0]: readonly number[]) => ({
  both,
  first,
  second,
  neither,
});

test.each(golden.wilson)("Wilson: $right of $total", ({ right, total, interval }) => {
  const { low, high } = wilson(right, total);
  expect(low).toBeCloseTo(interval[0], 12);
  expect(high).toBeCloseTo(interval[1], 12);
});

test("Wilson: published intervals, one without a question, and counts that are no share", () => {
  const published = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [right, total, low, high] of published) {
    const found = wilson(right, total);
    expect([found.low.toFixed(4), found.high.toFixed(4)]).toEqual([low.toFixed(4), high.toFixed(4)]);
  }
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  for (const [right, total] of [
    [2, 1],
    [-1, 3],
    [Number.NaN, 3],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    expect(() => wilson(right, total)).toThrow(`${right} of ${total} is no share`);
  }
});

test("Wilson: the interval covers the true share in 95 % of simulated exams, within two points", () => {
  const random = createRandom(20);
  const exams = 4000;
  const sizes = [20, 50, 200, 1000];
  const shares = [0.1, 0.3, 0.5, 0.8, 0.95];
  const all: number[] = [];
  for (const size of sizes) {
    for (const share of shares) {
      let covered = 0;
      for (let exam = 0; exam < exams; exam++) {
        let right = 0;
        for (let question = 0; question < size; question++) if (random.next() < share) right++;
        const { low, high } = wilson(right, size);
        if (low <= share && share <= high) covered++;
      }
      all.push(covered / exams);
    }
  }
  // Few questions allow few values of the share, so a single cell moves more than the mean.
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  expect(Math.abs(mean - 0.95)).toBeLessThan(0.01);
  const large = all.slice(10);
  expect(Math.min(...large)).toBeGreaterThan(0.93);
  expect(Math.max(...large)).toBeLessThan(0.97);
  expect(Math.min(...all)).toBeGreaterThan(0.91);
});

test.each(golden.mcNemar)("McNemar: $counts", ({ counts, p, midP }) => {
  const found = mcNemar(...counts);
  expect(found.p).toBeCloseTo(p, 11);
  expect(found.midP).toBeCloseTo(midP, 11);
});

test("McNemar: symmetric, mid-p at most p, and counts that are none are refused", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (first, second) => {
      const found = mcNemar(first, second);
      expect(found).toEqual(mcNemar(second, first));
      expect(found.midP).toBeLessThanOrEqual(found.p + 1e-12);
      expect(found.p).toBeGreaterThan(0);
    }),
  );
  expect(() => mcNemar(1.5, 2)).toThrow("1.5 is no count of questions");
  expect(() => mcNemar(2, -1)).toThrow("-1 is no count of questions");
});

test("McNemar: with two equal models p below 0.05 comes in at most 5 % of simulated exams", () => {
  const random = createRandom(21);
  const exams = 3000;
  const found = { p: 0, midP: 0 };
  for (let exam = 0; exam < exams; exam++) {
    let [first, second] = [0, 0];
    for (let question = 0; question < 60; question++) {
      const draw = random.next();
      if (draw < 0.2) first++;
      else if (draw < 0.4) second++;
    }
    const { p, midP } = mcNemar(first, second);
    if (p < 0.05) found.p++;
    if (midP < 0.05) found.midP++;
  }
  expect(found.p / exams).toBeLessThan(0.05);
  expect(found.midP / exams).toBeLessThan(0.06);
  expect(found.midP / exams).toBeGreaterThan(0.03);
});

test.each(golden.signFlip)("sign flips: $differences", ({ differences, p }) => {
  expect(signFlip(differences)).toBeCloseTo(p, 12);
});

test("sign flips with differences of one are McNemar's exact test", () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(60), fc.nat(20), (first, second, equal) => {
      const differences = [...Array(first).fill(-1), ...Array(second).fill(1), ...Array(equal).fill(0)];
      expect(signFlip(differences)).toBeCloseTo(mcNemar(first, second).p, 10);
    }),
    { numRuns: 60 },
  );
  expect(() => signFlip([0.5])).toThrow("must be whole numbers");
  expect(() => signFlip([1_500_000, -1_500_000])).toThrow("it is 3000000");
});

test.each(golden.pairedDifference)("paired difference: $counts", ({ counts, interval }) => {
  const { low, high } = pairedDifference(countsOf(counts));
  expect(low).toBeCloseTo(interval[0], 11);
  expect(high).toBeCloseTo(interval[1], 11);
});

test("paired difference: contains the difference, mirrors, and covers the truth in 95 % of simulated exams", () => {
  const cell = fc.nat(60);
  fc.assert(
    fc.property(cell, cell, cell, cell, (both, first, second, neither) => {
      const found = pairedDifference({ both, first, second, neither });
      const mirrored = pairedDifference({ both, first: second, second: first, neither });
      expect(found.low).toBeLessThanOrEqual(found.difference);
      expect(found.high).toBeGreaterThanOrEqual(found.difference);
      expect(mirrored.low).toBeCloseTo(-found.high, 10);
    }),
  );
  const random = createRandom(22);
  let covered = 0;
  for (let exam = 0; exam < 3000; exam++) {
    const counts = { both: 0, first: 0, second: 0, neither: 0 };
    for (let question = 0; question < 120; question++) {
      const draw = random.next();
      counts[draw < 0.5 ? "both" : draw < 0.62 ? "first" : draw < 0.8 ? "second" : "neither"]++;
    }
    const { low, high } = pairedDifference(counts);
    if (low <= 0.06 && 0.06 <= high) covered++;
  }
  expect(Math.abs(covered / 3000 - 0.95)).toBeLessThan(0.02);
  expect(pairedDifference({ both: 0, first: 0, second: 0, neither: 0 })).toEqual({ difference: 0, low: -1, high: 1 });
});

test("answers are counted in pairs", () => {
  const first = [true, true, false, false, true];
  expect(pairedCounts(first, [true, false, true, false, true])).toEqual({ both: 2, first: 1, second: 1, neither: 1 });
  expect(() => pairedCounts(first, [true])).toThrow("5 and 1 answers are no pairs");
});

test("Holm's correction: a known case, in the order of the input, never above 1", () => {
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test("mean and deviation", () => {
  expect(spread([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, deviation: Math.sqrt(32 / 7) });
  expect(spread([3])).toEqual({ mean: 3, deviation: null });
  expect(() => spread([])).toThrow("no value");
});

test.each(golden.bradleyTerry)("Bradley–Terry: $wins, anchor $anchor", ({ wins, anchor, log, error }) => {
  const found = bradleyTerry(wins, { anchor });
  for (const [index, rating] of found.entries()) {
    expect(rating?.log).toBeCloseTo(log[index] as number, 8);
    expect(rating?.error).toBeCloseTo(error[index] as number, 8);
    expect(rating?.high).toBeCloseTo((log[index] as number) + z95 * (error[index] as number), 7);
  }
});

test("Bradley–Terry: Stigler's citations as published, and the closed form of two players", () => {
  const citations = golden.bradleyTerry[0]?.wins ?? [];
  const [biometrika, communications, jasa, jrss] = bradleyTerry(citations, { anchor: 0 });
  const against = (other: typeof jasa) => (other?.log ?? Number.NaN) - (biometrika?.log ?? 0);
  expect([communications, jasa, jrss].map((other) => against(other).toFixed(5))).toEqual([
    "-2.94907",
    "-0.47957",
    "0.26895",
  ]);
  const [first, second] = bradleyTerry(
    [
      [0, 30],
      [12, 0],
    ],
    { anchor: 0 },
  );
  expect((first?.log ?? 0) - (second?.log ?? 0)).toBeCloseTo(Math.log(30 / 12), 10);
  // Half of the difference is the first one's distance to the mean.
  expect(first?.error).toBeCloseTo(Math.sqrt(1 / 30 + 1 / 12) / 2, 10);
  expect(eloOf(Math.log(10))).toBeCloseTo(1400, 10);
});

test("Bradley–Terry: no finite maximum without an anchor, players without votes, and tables that are none", () => {
  const swept = [
    [0, 5],
    [0, 0],
  ];
  expect(bradleyTerry(swept, { anchor: 0 })).toEqual([null, null]);
  const [winner, loser] = bradleyTerry(swept);
  expect(winner?.log).toBeGreaterThan(0);
  expect(winner?.log).toBeCloseTo(-(loser?.log ?? 0), 10);
  const idle = bradleyTerry([
    [0, 0, 2],
    [0, 0, 0],
    [2, 0, 0],
  ]);
  expect(idle[1]).toBeNull();
  expect(idle[0]?.log).toBeCloseTo(0, 10);
  expect(bradleyTerry([])).toEqual([]);
  expect(() => bradleyTerry([[0, 1]])).toThrow("must be 1 by 1");
  expect(() =>
    bradleyTerry([
      [0, -1],
      [1, 0],
    ]),
  ).toThrow("counts of at least 0");
});

test("Bradley–Terry: a maximum of the likelihood, for random tables", () => {
  const table = fc.array(fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }), { minLength: 4, maxLength: 4 });
  const likelihood = (wins: readonly (readonly number[])[], logs: readonly number[]) =>
    logs.reduce((sum, a, i) => {
      const own = logs.reduce(
        (part, b, j) => (i === j ? part : part - (wins[i]?.[j] ?? 0) * Math.log1p(Math.exp(b - a))),
        0,
      );
      return sum + own - 0.5 * Math.log1p(Math.exp(-a)) - 0.5 * Math.log1p(Math.exp(a));
    }, 0);
  fc.assert(
    fc.property(table, (wins) => {
      const found = bradleyTerry(wins);
      if (found.includes(null)) return;
      const centred = found.map((rating) => rating?.log ?? 0);
      // The anchor fixes the mean, which the ratings leave out: search it.
      const shifts = Array.from({ length: 2001 }, (_, i) => (i - 1000) / 500);
      const best = shifts.reduce((a, b) =>
        likelihood(
          wins,
          centred.map((log) => log + a),
        ) >
        likelihood(
          wins,
          centred.map((log) => log + b),
        )
          ? a
          : b,
      );
      const top = centred.map((log) => log + best);
      for (const index of top.keys()) {
        for (const change of [0.05, -0.05]) {
          const other = top.map((log, i) => (i === index ? log + change : log));
          expect(likelihood(wins, other)).toBeLessThan(likelihood(wins, top));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test.each(golden.kappa)("kappa: $table", ({ table, kappa, error }) => {
  const found = cohensKappa(table);
  expect(found.kappa).toBeCloseTo(kappa, 10);
  expect(found.low).toBeCloseTo(Math.max(-1, kappa - z95 * error), 9);
  expect(found.high).toBeCloseTo(Math.min(1, kappa + z95 * error), 9);
});

test("kappa: Fleiss's diagnoses as published, and tables where chance alone agrees", () => {
  expect(cohensKappa(golden.kappa[0]?.table ?? []).kappa?.toFixed(2)).toBe("0.68");
  expect(
    cohensKappa([
      [9, 0],
      [0, 0],
    ]),
  ).toMatchObject({ observed: 1, kappa: null });
  expect(
    cohensKappa([
      [0, 0],
      [0, 0],
    ]),
  ).toMatchObject({ total: 0, kappa: null, low: -1, high: 1 });
  expect(() => cohensKappa([[1, 2]])).toThrow("must be square");
});
