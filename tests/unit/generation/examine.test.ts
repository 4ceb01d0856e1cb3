/** Exams. Oracle: what a strict examiner with a pencil would mark, and a model whose answers are given. */

import { describe, expect, test } from "vitest";
import type { BatchOptions, BatchRequest, Generation } from "../../../src/generation/batch.ts";
import { examine, isExactMatch } from "../../../src/generation/examine.ts";
import { countTokens, createPrompt } from "../../../src/generation/prompt.ts";
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
  expect(isExactMatch(text, expected)).toBe(right);
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

  test("what goes wrong otherwise ends it", async () => {
    const generateBatch = () => Promise.reject(new Error("The device was lost."));
    await expect(examine({ ...modelOf([]), generateBatch }, questions)).rejects.toThrow("The device was lost.");
  });
});
