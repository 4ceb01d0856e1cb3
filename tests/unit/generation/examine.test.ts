/** Exams. Oracle: what a strict examiner with a pencil would mark, and a model whose answers are given. */

import { describe, expect, test } from "vitest";
import type { BatchOptions, BatchRequest, Generation } from "../../../src/generation/batch.ts";
import { examine } from "../../../src/generation/examine.ts";
import { countTokens, createPrompt } from "../../../src/generation/prompt.ts";
import { isRight } from "../../../src/run/grading/grade.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer();
const tokenizer = createTokenizer(json, config);
const template = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
const encode = (text: string) => [
  ...tokenizer.encode([
    { text, kind: "content", role: null, message: null, answer: false, supervised: false, weight: 0 },
  ]).ids,
];

test.each([
  ["Red.", "Red.", true],
  [" Red.\n", "Red.", true],
  ["Red  and\n blue.", "Red and blue.", true],
  ["Red and blue.", "Red\tand blue. ", true],
  ["", " ", true],
  ["red.", "Red.", false],
  ["Red", "Red.", false],
  ["Redand", "Red and", false],
  ["Red. It is.", "Red.", false],
  ["", "Red.", false],
])("%j against %j: %s", (text, expected, right) => {
  expect(isRight({ kind: "exact" }, text, { expected })).toBe(right);
});

describe("an exam", () => {
  const questions = [
    ["Colour?", "Red."],
    ["Number?", `One ${"two ".repeat(20)}`],
    ["Long?", "No."],
  ].map(([content = "", expected = ""]) => ({
    expected,
    prompt: createPrompt({ tokenizer, template, systemPrompt: null }, [{ role: "user", content }]),
    expectedTokens: countTokens(expected, tokenizer),
  }));
  /** Answers as a model of these words would; a third question does not fit its context. */
  const modelOf = (words: readonly string[], requests: BatchRequest[] = []) => ({
    generateBatch: async (given: readonly BatchRequest[], { signal, onAnswer }: BatchOptions = {}) => {
      requests.push(...given);
      return given.map((request, i): Generation => {
        if (signal?.aborted) return { ids: [], finish: "cancelled" };
        const ids = i === 2 ? [] : encode(words[i] ?? "");
        for (const id of ids) request.onToken?.(id);
        const generation = { ids, finish: i === 2 ? ("context" as const) : ("stop" as const) };
        onAnswer?.(i, generation);
        return generation;
      });
    },
    vocabulary: tokenizer,
  });

  test("marks each answer, greedily decoded, with room for twice the expected one; a question too long is wrong", async () => {
    const requests: BatchRequest[] = [];
    const progress: [number, number][] = [];
    const answers = await examine(modelOf([" Red.<|end|>", "Two"], requests), questions, {
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(answers).toEqual([
      { text: " Red.", finish: "stop", correct: true },
      { text: "Two", finish: "stop", correct: false },
      { text: "", finish: "context", correct: false },
    ]);
    expect(requests.map(({ sampling }) => sampling.temperature)).toEqual([0, 0, 0]);
    const room = 2 * encode(questions[1]?.expected ?? "").length;
    expect(requests.map(({ maxTokens }) => maxTokens)).toEqual([32, room, 32]);
    expect(progress).toEqual([0, 1, 2, 3].map((done) => [done, 3]));
  });

  test("ends with the signal's reason, before it begins or after an answer", async () => {
    const controller = new AbortController();
    const progress: number[] = [];
    const onProgress = (done: number) => {
      progress.push(done);
      if (done === 1) controller.abort();
    };
    const { signal } = controller;
    await expect(examine(modelOf(["Red.", "Two"]), questions, { signal, onProgress })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(progress).toEqual([0, 1]);
    await expect(examine(modelOf(["Red."]), questions, { signal: AbortSignal.abort() })).rejects.toThrow();
  });

  test("the exam's grader judges, unless a question has its own, with more room where an answer may say more", async () => {
    const [first, second, third] = questions.map((question) => ({ ...question, expected: "red", expectedTokens: 1 }));
    if (!first || !second || !third) throw new Error("There are three questions.");
    const requests: BatchRequest[] = [];
    const given = [first, { ...second, grader: { kind: "exact" as const } }, third];
    const answers = await examine(modelOf(["It is red.", "It is red."], requests), given, {
      grader: { kind: "contains" },
    });
    expect(answers.map(({ correct }) => correct)).toEqual([true, false, false]);
    expect(requests.map(({ maxTokens }) => maxTokens)).toEqual([256, 32, 256]);
  });

  test("a seed gives each question a seed of its own, and the same ones again", async () => {
    const seedsOf = async (seed: number) => {
      const requests: BatchRequest[] = [];
      const sampling = { temperature: 0.8, topK: null, topP: 0.9 };
      await examine(modelOf(["Red.", "Two"], requests), questions, { sampling, seed });
      expect(requests.map((request) => request.sampling)).toEqual([sampling, sampling, sampling]);
      return requests.map((request) => request.seed);
    };
    const once = await seedsOf(1);
    expect(new Set(once).size).toBe(3);
    expect(await seedsOf(1)).toEqual(once);
    expect(await seedsOf(2)).not.toEqual(once);
  });

  test("of choices the most likely one is the answer, by its whole text or by its characters", async () => {
    const [first, second] = questions;
    if (!first || !second) throw new Error("There are questions.");
    const choices = ["No", "Certainly"];
    const asChoice = (per: "total" | "character") => ({
      ...second,
      expected: "Certainly",
      choices,
      choiceTokens: choices.map((choice) => Int32Array.from(encode(choice))),
      grader: { kind: "choice" as const, per },
    });
    const requests: BatchRequest[] = [];
    const scored: number[][] = [];
    const parts = {
      ...modelOf(["Red."], requests),
      score: async (given: readonly { readonly prompt: Int32Array; readonly answer: Int32Array }[]) => {
        scored.push(given.map(({ prompt, answer }) => prompt.length + answer.length));
        return [-4, -9];
      },
    };
    const progress: number[] = [];
    const answers = await examine(parts, [asChoice("total"), first, asChoice("character")], {
      onProgress: (done) => progress.push(done),
    });
    expect(answers).toEqual([
      { text: "No", finish: "stop", correct: false },
      { text: "Red.", finish: "stop", correct: true },
      { text: "Certainly", finish: "stop", correct: true },
    ]);
    expect(requests).toHaveLength(1);
    expect(scored[0]).toEqual(choices.map((choice) => second.prompt.ids.length + encode(choice).length));
    expect(progress).toEqual([0, 1, 2, 3]);

    const tooLong = { ...parts, score: async () => [Number.NEGATIVE_INFINITY, -1] };
    expect(await examine(tooLong, [asChoice("total")])).toEqual([{ text: "", finish: "context", correct: false }]);
    await expect(examine(modelOf([]), [asChoice("total")])).rejects.toThrow('give it "choices"');
  });

  test("what goes wrong otherwise ends it", async () => {
    const generateBatch = () => Promise.reject(new Error("The device was lost."));
    await expect(examine({ ...modelOf([]), generateBatch }, questions)).rejects.toThrow("The device was lost.");
  });
});
