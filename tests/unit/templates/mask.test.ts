/** Loss weights of segments. Oracle: DOMAIN.md: the message's weight, its parts' where they differ, 0 for context. */

import { describe, expect, test } from "vitest";
import type { ContentPart, Message } from "../../../src/records/example.ts";
import type { MaskMode } from "../../../src/templates/choice.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { renderText, weigh } from "../../../src/templates/mask.ts";
import { assistant, open, system, tokenizerWith, user } from "./support.ts";

const tokenizer = tokenizerWith(["<|end|>"], "post-processor");
const hone = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
const chat = [system("S"), user("a"), assistant("b", { weight: 0.5 }), user("c"), assistant("d")];
const segmentsOf = (messages: Message[], mode: MaskMode) => weigh(hone.render({ messages }).segments, messages, mode);
const weighed = (messages: Message[], mode: MaskMode) =>
  segmentsOf(messages, mode).map(({ text, weight }) => [text, weight]);
const supervisedIn = (messages: Message[], mode: MaskMode) =>
  segmentsOf(messages, mode)
    .filter(({ supervised }) => supervised)
    .map(({ text, weight }) => [text, weight]);

test("responses: each answer and its end have their message's weight", () => {
  expect(supervisedIn(chat, "responses")).toEqual([
    ["b", 0.5],
    ["<|end|>", 0.5],
    ["d", 1],
    ["<|end|>", 1],
  ]);
});

test("unsupervised segments have weight 0, and a small weight still supervises", () => {
  for (const mode of ["responses", "last", "everything"] as const) {
    const segments = segmentsOf([...chat, user("e"), assistant("f", { weight: 0 })], mode);
    expect(segments.filter(({ supervised, weight }) => supervised !== (weight !== 0))).toEqual([]);
  }
  const few = segmentsOf([user("a"), assistant("b", { weight: 0.001 })], "responses");
  expect(few.map(({ supervised }) => supervised)).toEqual([false, false, false, false, false, true, true]);
});

test("last: only the last answer", () => {
  expect(supervisedIn(chat, "last")).toEqual([
    ["d", 1],
    ["<|end|>", 1],
  ]);
  expect(supervisedIn([...chat, user("e")], "last")).toEqual([
    ["d", 1],
    ["<|end|>", 1],
  ]);
});

test("everything: every segment, and an answer's own weight", () => {
  expect(weighed(chat.slice(1, 3), "everything")).toEqual([
    ["<s>", 1],
    ["<|user|>", 1],
    ["a", 1],
    ["<|end|>", 1],
    ["\n<|assistant|>", 1],
    ["b", 0.5],
    ["<|end|>", 0.5],
  ]);
});

test("a weight of another role is ignored", () => {
  expect(supervisedIn([{ ...user("a"), weight: 1 }, assistant("b", { weight: 0 })], "responses")).toEqual([]);
});

describe("parts", () => {
  const parts: ContentPart[] = [{ text: " one ", weight: 0 }, { text: "two" }, { text: " three\n", weight: 3 }];
  const message = assistant(" one two three\n", { parts, weight: 2 });

  test("cut the content where their weights differ", () => {
    expect(supervisedIn([user("a"), message], "responses")).toEqual([
      ["two", 2],
      [" three\n", 3],
      ["<|end|>", 2],
    ]);
    expect(supervisedIn([user("a"), message], "everything").slice(-4)).toEqual([
      ["\n<|assistant|>", 1],
      ["two", 2],
      [" three\n", 3],
      ["<|end|>", 2],
    ]);
  });

  test("keep their places where a template trims the content", () => {
    const llama = open("llama3", tokenizerWith(["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]));
    const messages = [user("a"), message];
    const segments = weigh(llama.render({ messages }).segments, messages, "responses");
    expect(segments.filter(({ answer }) => answer).map(({ text, weight }) => [text, weight])).toEqual([
      ["one ", 0],
      ["two", 2],
      [" three", 3],
      ["<|eot_id|>", 2],
    ]);
  });

  test("are refused where the template changes the content", () => {
    const qwen = open("qwen", tokenizerWith(["<|im_start|>", "<|im_end|>"]));
    const text = "<think>\nx\n</think>\n\nyes";
    const thinking = (weight: number) => [
      user("a"),
      assistant(text, { parts: [{ text: text.slice(0, 9), weight }, { text: text.slice(9) }] }),
    ];
    const act = (messages: Message[]) => weigh(qwen.render({ messages }).segments, messages, "responses");
    expect(() => act(thinking(0))).toThrow(/parts of message 2 have different weights.*Give the message one weight/);
    expect(() => act(thinking(1))).not.toThrow();
  });
});

test("plain text is supervised whole, except its BOS", () => {
  expect(renderText("</s>a", tokenizer).map(({ text, kind, weight }) => [text, kind, weight])).toEqual([
    ["<s>", "control", 0],
    ["</s>a", "content", 1],
    ["</s>", "control", 1],
  ]);
  expect(renderText("a", tokenizerWith([])).map(({ text }) => text)).toEqual(["a", "</s>"]);
});
