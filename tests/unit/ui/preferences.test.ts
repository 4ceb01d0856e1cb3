/** The figures and warnings of a run's preferences. Oracle: counted by hand. */

import { describe, expect, test } from "vitest";
import { columnsOf } from "../../../src/run/curves.ts";
import type { EvaluationMetrics, PreferenceFigures, StepMetrics } from "../../../src/run/metrics.ts";
import { answerLengths, chosenCourse, latestFigures, preferenceWarnings } from "../../../src/ui/train/preferences.ts";
import { preferenceWords } from "../../../src/ui/words/preferences.ts";

const figures = (chosen: number): PreferenceFigures => ({ margin: 0.5, accuracy: 0.75, chosen, rejected: chosen - 5 });
const step = (number: number, chosen: number | null): StepMetrics => ({
  step: number,
  loss: 0.6,
  gradientNorm: 1,
  learningRate: 1e-5,
  tokens: 40,
  supervisedTokens: 20,
  seconds: 1,
  ...(chosen !== null && { preference: figures(chosen) }),
});
const evaluation = (number: number, chosen: number | null): EvaluationMetrics => ({
  step: number,
  loss: 0.6,
  sets: {},
  ...(chosen !== null && { preference: figures(chosen) }),
});
const stage = { examples: 20, supervisedTokens: 400 };
const stages = [
  { ...stage, objective: "chat", steps: 2 },
  { ...stage, objective: "preference", steps: 20 },
] as const;
/** Two steps of chats, and then a step for each figure. */
const curves = (chosen: readonly number[], heldOut: readonly EvaluationMetrics[] = []) => ({
  steps: columnsOf([step(1, null), step(2, null), ...chosen.map((value, i) => step(3 + i, value))]),
  evaluations: heldOut,
});
const sample = (before: string | null, after: string | null) => ({ prompt: "", reference: "", before, after });

test("the newest figures are those of held-out pairs, else of the last step with pairs", () => {
  expect(latestFigures(curves([]))).toBeNull();
  expect(latestFigures(curves([-20, -19]))).toEqual({ figures: figures(-19), step: 4, heldOut: false });
  const heldOut = [evaluation(0, null), evaluation(2, -21), evaluation(22, null)];
  expect(latestFigures(curves([-20], heldOut))).toEqual({ figures: figures(-21), step: 2, heldOut: true });
});

test("lengths are means over samples with both answers, in characters", () => {
  expect(answerLengths([sample(null, "abc"), sample("ab", null)])).toBeNull();
  expect(answerLengths([sample("abcd", "ab"), sample("ab", "😀"), sample(null, "x")])).toEqual({
    before: 3,
    after: 1.5,
    answers: 2,
  });
  expect(preferenceWords.lengthsOf(1203.4, 12, 3)).toBe("1,203 before, 12 after, in characters (3 samples)");
});

describe("the course of the chosen answers", () => {
  test("is that of held-out pairs in the last stage of preferences", () => {
    const heldOut = [evaluation(0, -1), evaluation(2, -20), evaluation(12, -22), evaluation(22, -26)];
    expect(chosenCourse(curves([], heldOut), stages)).toEqual({ from: -20, to: -26 });
    expect(chosenCourse(curves([], heldOut), [{ ...stage, objective: "chat", steps: 22 }])).toBeNull();
  });

  test("is that of the first and the last fifth of its steps without held-out pairs", () => {
    const falling = Array.from({ length: 10 }, (_, i) => -20 - i);
    expect(chosenCourse(curves(falling), stages)).toEqual({ from: -20.5, to: -28.5 });
    expect(chosenCourse(curves(falling.slice(1)), stages)).toBeNull();
  });
});

describe("warnings", () => {
  const kinds = (chosen: readonly [number, number], samples: readonly ReturnType<typeof sample>[] = []) =>
    preferenceWarnings({ stages, samples }, curves([], [evaluation(2, chosen[0]), evaluation(22, chosen[1])])).map(
      ({ kind }) => kind,
    );

  test.each<[number, number, string[]]>([
    [-20, -22.5, ["chosen-falls"]],
    [-20, -21.9, []],
    [-20, -15, []],
    // A tenth of a short answer is less than one nat.
    [-4, -4.9, []],
    [-4, -5.1, ["chosen-falls"]],
  ])("chosen from %f to %f: %j", (from, to, expected) => {
    expect(kinds([from, to])).toEqual(expected);
  });

  test.each<[string, string, string[]]>([
    ["abcdef", "abcd", ["shorter"]],
    ["abcdef", "abcde", []],
    ["ab", "abc", ["longer"]],
    ["", "abc", []],
  ])("answers from %j to %j: %j", (before, after, expected) => {
    expect(kinds([-20, -20], [sample(before, after)])).toEqual(expected);
  });

  test("a run without preferences has none, and each names its figures", () => {
    const chats = [{ ...stage, objective: "chat" as const, steps: 22 }];
    const heldOut = [evaluation(2, -20), evaluation(22, -40)];
    expect(preferenceWarnings({ stages: chats, samples: [sample("a", "abc")] }, curves([], heldOut))).toEqual([]);
    expect(preferenceWords.warning({ kind: "chosen-falls", from: -20, to: -40 })).toMatch(/from -20\S* to -40/);
    expect(preferenceWords.warning({ kind: "longer", before: 10, after: 31.7 })).toMatch(/longer .* 10 .* 32 /);
  });
});
