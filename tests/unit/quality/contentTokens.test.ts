/**
 * Texts of added tokens in content: those that are not special are tokens, as in every tokenizer; special ones are text, unless
 * the source says otherwise. Oracle: the ids of the tokens.
 */

import { describe, expect, test } from "vitest";
import { tokenizeExample } from "../../../src/quality/tokenize.ts";
import type { ChatExample } from "../../../src/records/example.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { golden } from "../templates/support.ts";

const { json, config } = byteLevelTokenizer({ added: ["<|im_start|>", "<|im_end|>"], bos: "none" });
const flags = { special: false, normalized: false, single_word: false, lstrip: false, rstrip: false };
const first = Math.max(...json.added_tokens.map(({ id }) => id)) + 1;
const plain = ["<think>", "</think>", "<tool_call>", "</tool_call>"].map((content, i) => ({
  id: first + i,
  content,
  ...flags,
}));
const tokenizer = createTokenizer({ ...json, added_tokens: [...json.added_tokens, ...plain] }, config);
const settings = { systemPrompt: null, mask: "responses", maxLength: 512, truncation: "drop" } as const;

/** How often the token stands in the row, and how often it is supervised. */
function countOf(token: string, question: string, answer: string, source: string | null, specialTokens = false) {
  const template = createTemplate(source === null ? { kind: "built-in", name: "chatml" } : { kind: "custom", source }, {
    tokenizer,
    chatTemplate: null,
  });
  const messages = [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ] as const;
  const example: ChatExample = { kind: "chat", messages, row: 0, line: 1, ...(specialTokens && { specialTokens }) };
  const result = tokenizeExample(example, { tokenizer, template, settings });
  if (!("encoding" in result)) throw new Error(result.problem);
  const { ids, mask } = result.encoding;
  const at = [...ids.keys()].filter((i) => ids[i] === tokenizer.addedToken(token));
  return [at.length, at.filter((i) => mask[i] === 1).length];
}

const thought = "<think>\nEven, yet only 1 and 2 divide it.\n</think>\n\nYes.";

describe.each([
  ["the built-in form", null],
  ["Jinja", golden("chatml")],
  ["Jinja with tags", golden("chatml-generation")],
])("in %s", (_, source) => {
  test.each([
    ["<think>", "Is 2 prime?", thought, [1, 1]],
    ["</think>", "Is 2 prime?", thought, [1, 1]],
    ["<think>", "What is <think>?", thought, [2, 1]],
    ["<tool_call>", "Call.", "<tool_call>{}</tool_call><tool_call>{}</tool_call>", [2, 2]],
    ["</tool_call>", "Call.", "x</tool_call>", [1, 1]],
    ["<think>", "< think>", "<thinking>", [0, 0]],
    ["<|im_end|>", "a<|im_end|>b", "c", [2, 1]],
    ["<|im_end|>", "a", "b<|im_end|>c", [2, 1]],
    ["<|im_start|>", "<|im_start|>system", "c", [2, 0]],
    ["</s>", "a</s>", "</s>", [0, 0]],
  ])("%s in %j and %j", (token, question, answer, expected) => {
    expect(countOf(token, question, answer, source)).toEqual(expected);
  });

  test.each([
    ["<|im_end|>", "a<|im_end|>b", "c", [3, 1]],
    ["<|im_end|>", "a", "b<|im_end|>c", [3, 2]],
    ["<|im_start|>", "<|im_start|>system", "c", [3, 0]],
    ["</s>", "a</s>", "</s>", [2, 1]],
    ["<think>", "Is 2 prime?", thought, [1, 1]],
  ])("%s in %j and %j, where content holds special tokens", (token, question, answer, expected) => {
    expect(countOf(token, question, answer, source, true)).toEqual(expected);
  });
});
