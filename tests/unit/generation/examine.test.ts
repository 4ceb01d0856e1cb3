/** Exams. Oracle: what a strict examiner with a pencil would mark, and a model whose answers are given. */

import { describe, expect, test } from "vitest";
import { examine, isExactMatch } from "../../../src/generation/examine.ts";
import type { GenerationRequest } from "../../../src/generation/generate.ts";
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
  const modelOf = (words: readonly string[], asked: GenerationRequest[] = []) => ({
    generate: async (request: GenerationRequest) => {
      asked.push(request);
      const ids = encode(words[asked.length - 1] ?? "");
      if (asked.length === 3) throw new RangeError("The prompt has 900 tokens and the model's context 128.");
      for (const id of ids) request.onToken?.(id);
      return { ids, finish: request.signal?.aborted ? ("cancelled" as const) : ("stop" as const) };
    },
    vocabulary: tokenizer,
  });

  test("marks each answer, greedily asked, with room for twice the expected one; a question too long is wrong", async () => {
    const asked: GenerationRequest[] = [];
    const told: [number, number][] = [];
    const answers = await examine(modelOf([" Red.<|end|>", "Two"], asked), questions, {
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(answers).toEqual([
      { text: " Red.", finish: "stop", correct: true },
      { text: "Two", finish: "stop", correct: false },
      { text: "", finish: "context", correct: false },
    ]);
    expect(asked.map(({ sampling }) => sampling.temperature)).toEqual([0, 0, 0]);
    expect(asked.map(({ maxTokens }) => maxTokens)).toEqual([32, 2 * encode(questions[1]?.expected ?? "").length, 32]);
    expect(told).toEqual([0, 1, 2, 3].map((done) => [done, 3]));
  });

  test("ends with the signal's reason, in an answer or between two", async () => {
    const controller = new AbortController();
    const asked: GenerationRequest[] = [];
    const onProgress = (done: number) => done === 1 && controller.abort();
    await expect(
      examine(modelOf(["Red.", "Two"], asked), questions, { signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ name: "AbortError" });
    expect(asked).toHaveLength(1);
  });

  test("what goes wrong otherwise ends it", async () => {
    const generate = () => Promise.reject(new Error("The device was lost."));
    await expect(examine({ ...modelOf([]), generate }, questions)).rejects.toThrow("The device was lost.");
  });
});
