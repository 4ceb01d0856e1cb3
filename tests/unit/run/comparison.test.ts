/** Figures and paired tests of exam results. Oracles: the tested statistics, and simulated runs whose quality is known. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { figureOf, pairedTests } from "../../../src/run/comparison.ts";
import { comparisonKey, examKey } from "../../../src/run/results.ts";
import { mcNemar } from "../../../src/run/statistics/paired.ts";
import { wilson } from "../../../src/run/statistics/proportion.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const result = (correct: number, questions: number) => ({
  correct,
  exam: { name: "e", hash: "e", questions, texts: 0 },
});

const answered = (right: readonly boolean[]) => ({
  questions: right.map((correct, i) => ({
    ...{ prompt: `${i}`, expected: "x", group: null, task: null },
    ...{ answer: "y", finish: "stop" as const, correct },
  })),
});

test("a figure of one seed is its share with Wilson's interval; several add their spread", () => {
  expect(figureOf([result(30, 40)])).toEqual({
    ...wilson(30, 40),
    questions: 40,
    seeds: 1,
    share: 0.75,
    deviation: null,
  });
  const several = figureOf([result(30, 40), result(34, 40), result(32, 40)]);
  expect(several).toMatchObject({ seeds: 3, share: expect.closeTo(0.8, 12) });
  expect(several.deviation).toBeCloseTo(0.05, 10);
  expect(several.low).toBeCloseTo(wilson(32, 40).low, 10);
  expect(figureOf([result(0, 0)])).toMatchObject({ low: 0, high: 1, questions: 0 });
  expect(() => figureOf([])).toThrow(RangeError);
});

test("two greedy results are compared by McNemar's test; all pairs are corrected together", () => {
  const base = Array.from({ length: 60 }, (_, i) => i < 20);
  const better = base.map((right, i) => right || i < 45);
  const alike = better.map((right, i) => (i === 0 ? false : i === 59 ? true : right));
  const tests = pairedTests([
    { name: "base", results: [answered(base)] },
    { name: "better", results: [answered(better)] },
    { name: "alike", results: [answered(alike)] },
  ]);
  expect(tests.map(({ first, second, verdict }) => [first, second, verdict])).toEqual([
    [0, 1, "second"],
    [0, 2, "second"],
    [1, 2, "unclear"],
  ]);
  expect(tests[0]).toMatchObject({ onlyFirst: 0, onlySecond: 25, difference: 25 / 60, ...mcNemar(0, 25) });
  expect(tests[0]?.adjusted).toBeCloseTo(3 * mcNemar(0, 25).p, 12);
  expect(tests[2]).toMatchObject({ onlyFirst: 1, onlySecond: 1, p: 1, adjusted: 1, difference: 0 });
});

test("exchanging two contestants exchanges the verdict", () => {
  const list = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(list, (pairs) => {
      const [one, other] = [0, 1].map((side) => ({
        name: `${side}`,
        results: [answered(pairs.map((pair) => pair[side] ?? false))],
      }));
      if (!one || !other) return;
      const [there] = pairedTests([one, other]);
      const [back] = pairedTests([other, one]);
      expect(back?.p).toBe(there?.p);
      expect(back?.difference).toBeCloseTo(-(there?.difference ?? 0), 12);
      const mirrored = { first: "second", second: "first", unclear: "unclear" } as const;
      expect(back?.verdict).toBe(mirrored[there?.verdict ?? "unclear"]);
    }),
  );
});

test("several seeds are compared question by question: equal models are called different in at most 5 %", () => {
  const random = createRandom(23);
  const draw = (difficulty: readonly number[]) => answered(difficulty.map((p) => random.next() < p));
  let false_ = 0;
  let found = 0;
  let covered = 0;
  const trials = 200;
  for (let trial = 0; trial < trials; trial++) {
    const hard = Array.from({ length: 80 }, () => random.next());
    const easier = hard.map((p) => Math.min(1, p + 0.25));
    const [one, other, better] = [hard, hard, easier].map((p) => [draw(p), draw(p), draw(p)]);
    const equal = pairedTests([
      { name: "a", results: one ?? [] },
      { name: "b", results: other ?? [] },
    ])[0];
    const different = pairedTests([
      { name: "a", results: one ?? [] },
      { name: "c", results: (better ?? []).slice(0, 2) },
    ])[0];
    if (equal?.verdict !== "unclear") false_++;
    if (different?.verdict === "second") found++;
    if ((equal?.low ?? 1) <= 0 && (equal?.high ?? -1) >= 0) covered++;
    expect(equal).toMatchObject({ onlyFirst: null, midP: null });
  }
  expect(false_ / trials).toBeLessThan(0.06);
  expect(found / trials).toBeGreaterThan(0.8);
  expect(Math.abs(covered / trials - 0.95)).toBeLessThan(0.03);
});

test("contestants without a result, or of another exam, are refused", () => {
  const one = { name: "one", results: [answered([true])] };
  expect(() => pairedTests([one, { name: "none", results: [] }])).toThrow("none has no result to compare");
  expect(() => pairedTests([one, { name: "two", results: [answered([true, false])] }])).toThrow("are no pairs");
  expect(() => pairedTests([one, { name: "two", results: [answered([true, false]), answered([true, true])] }])).toThrow(
    "are no pairs",
  );
  expect(pairedTests([one])).toEqual([]);
});

test("results of before there were graders compare with exact, greedy ones, whatever the seed", () => {
  const old = {
    modelHash: "m",
    exam: { hash: "e" },
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
  } as const;
  const sampling = { temperature: 0, topK: null, topP: null, seed: 1 };
  expect(comparisonKey({ ...old, grader: { kind: "exact" }, sampling })).toBe(comparisonKey(old));
  const warm = { ...old, sampling: { ...sampling, temperature: 0.7 } };
  expect(examKey(warm)).not.toBe(examKey(old));
  expect(examKey({ ...warm, sampling: { ...warm.sampling, seed: 9 } })).toBe(examKey(warm));
  expect(examKey({ ...old, grader: { kind: "contains" } })).not.toBe(examKey(old));
});
