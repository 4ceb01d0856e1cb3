/** The rule for short answers, case by case. */

import { describe, expect, test } from "vitest";
import { createAnswers } from "../../../src/quality/answers.ts";

const sentence = "This is an answer of more than eight words.";

/** The short answers of `answers`, among many long answers or many answers of one word. */
function short(answers: readonly string[], usual: readonly string[] = Array(20).fill(sentence)): string[] {
  const all = createAnswers();
  for (const [i, answer] of [...answers, ...usual].entries()) all.add(i, answer);
  return all.short().answers.map(({ text }) => text);
}

describe("among answers of sentences", () => {
  test.each(["Ok", "sure.", "Übung", "N/A", "null", "TODO", "...", "-", "no output", "字"])("%j is short", (answer) => {
    expect(short([answer])).toEqual([answer]);
  });
  test.each([
    ["two words", "Not sure"],
    ["a number", "42"],
    ["a number with its unit", "12km"],
    ["yes and no", "No."],
    ["true and false", "TRUE"],
    ["several characters without spaces between", "我喜欢茶"],
    ["an address", "https://example.com/a/very/long/path/to/somewhere"],
    ["a sign", "👍"],
  ])("%s is not", (_, answer) => {
    expect(short([answer])).toEqual([]);
  });
  test("a word that answers three rows is a label; one that answers two rows is not", () => {
    expect(short(["positive", "Positive.", "positive"])).toEqual([]);
    expect(short(["positive", "meh", "positive"])).toEqual(["positive", "meh", "positive"]);
  });
});

test("among answers of few words only placeholders are short", () => {
  expect(short(["Ok", "n/a", "?"], Array(20).fill("Two words"))).toEqual(["n/a", "?"]);
});

test("the median counts words; examples have their index and order", () => {
  const answers = createAnswers();
  for (const [i, answer] of [sentence, "Ok", sentence, "tbd", sentence].entries()) answers.add(10 * i, answer);
  expect(answers.short()).toEqual({
    medianWords: 9,
    answers: [
      { example: 10, text: "Ok" },
      { example: 30, text: "tbd" },
    ],
  });
  expect(createAnswers().short()).toEqual({ medianWords: 0, answers: [] });
});
