/** What the preview shows of a message. Oracle: examples written by hand; a template that says what it drops. */

import { describe, expect, test } from "vitest";
import { withOptions } from "../../../src/datasets/edits.ts";
import { previewMessages, previewTool } from "../../../src/datasets/messages.ts";
import { previewExamples } from "../../../src/datasets/preview.ts";
import type { ChatExample, Message } from "../../../src/records/example.ts";
import { createConverter } from "../../../src/records/formats/convert.ts";
import { ExactNumber, objectOf } from "../../../src/records/value.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const chat = (...messages: Message[]): ChatExample => ({ kind: "chat", messages, row: 0, line: 1 });
const shown = (...messages: Message[]) => previewMessages(chat(...messages), { dropped: [], isContext: false });
const user: Message = { role: "user", content: "Q" };
const call = (name: string, id?: string) => ({ name, arguments: {}, ...(id !== undefined && { id }) });

describe("reasoning", () => {
  test.each([
    [{ reasoning_content: "a" }, { key: "reasoning_content", text: "a" }, []],
    [{ reasoning: "a", name: "x" }, { key: "reasoning", text: "a" }, [["name", '"x"']]],
    [{ thinking: "a" }, { key: "thinking", text: "a" }, []],
    [{ thinking: "b", reasoning_content: "a" }, { key: "reasoning_content", text: "a" }, [["thinking", '"b"']]],
    [{ reasoning_content: "", reasoning: "a" }, { key: "reasoning", text: "a" }, [["reasoning_content", '""']]],
    [{ reasoning: ["a", 1] }, { key: "reasoning", text: '[\n  "a",\n  1\n]' }, []],
    [{ thought: "a" }, null, [["thought", '"a"']]],
    [{}, null, []],
  ])("of %j", (fields, reasoning, others) => {
    const [message] = shown({ role: "assistant", content: "A", fields });
    expect([message?.reasoning, message?.fields]).toEqual([reasoning, others]);
  });
});

test("values are shown as the file writes them, in its order", () => {
  const value = objectOf([
    ["2", new ExactNumber("12.0")],
    ["1", null],
  ]);
  const [message] = shown({
    role: "assistant",
    content: "",
    structured: [new ExactNumber("1e-7")],
    fields: { task: value },
    toolCalls: [{ name: "f", id: "a", arguments: value }],
  });
  const text = '{\n  "2": 12.0,\n  "1": null\n}';
  expect(message).toMatchObject({
    structured: "[\n  1e-7\n]",
    fields: [["task", text]],
    toolCalls: [{ name: "f", id: "a", arguments: text }],
  });
});

describe("a tool's result has the tool's name", () => {
  const named = (...messages: Message[]) => shown(...messages).map(({ tool }) => tool);
  test.each<[string, readonly Message[], readonly (string | null)[]]>([
    ["by its own name", [{ role: "tool", content: "", name: "f" }], ["f"]],
    [
      "by the id of the call, whatever the order",
      [
        { role: "assistant", content: "", toolCalls: [call("f", "1"), call("g", "2")] },
        { role: "tool", content: "", toolCallId: "2" },
        { role: "tool", content: "", toolCallId: "1" },
      ],
      [null, "g", "f"],
    ],
    [
      "by its place after the calls",
      [
        { role: "assistant", content: "", toolCalls: [call("f"), call("g")] },
        { role: "tool", content: "" },
        { role: "tool", content: "" },
        { role: "tool", content: "" },
      ],
      [null, "f", "g", null],
    ],
    ["or none", [user, { role: "tool", content: "" }], [null, null]],
    ["or none at the beginning", [{ role: "tool", content: "" }], [null]],
  ])("%s", (_, messages, tools) => {
    expect(named(...messages)).toEqual(tools);
  });
});

test.each([
  [{ type: "function", function: { name: "f" } }, "f"],
  [{ name: "f" }, "f"],
  [{ function: {} }, null],
  [{ function: { name: 5 }, name: "g" }, "g"],
  ["f", null],
  [null, null],
  [[], null],
])("the name of the tool %j", (tool, name) => {
  expect(previewTool(tool).name).toBe(name);
});

test("a field that the template drops is marked in its message, in a row and in its prompt", () => {
  const { json, config } = byteLevelTokenizer();
  const tokenizer = createTokenizer(json, config);
  const real = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
  const dropped = [
    { message: 1, field: "reasoning_content" },
    { message: 0, field: "name" },
  ];
  const template: typeof real = { ...real, render: (...args) => ({ ...real.render(...args), dropped }) };
  const settings = { systemPrompt: null, mask: "responses", maxLength: 99, truncation: "drop" } as const;
  const example = chat(user, { role: "assistant", content: "A", fields: { reasoning_content: "R" } }, user, {
    role: "assistant",
    content: "B",
  });
  const marks = (view: "training" | "prompt") =>
    previewExamples(example, { tokenizer, template, settings }, { view })[0]?.messages.map(
      (message) => message.dropped,
    );
  expect(marks("training")).toEqual([["name"], ["reasoning_content"], [], []]);
  expect(marks("prompt")).toEqual([["name"], ["reasoning_content"], []]);
});

test("special tokens in content are an option of the source, and part of each of its examples", () => {
  const convert = createConverter({ format: "mixed", columns: {} });
  const rows = [{ text: "a" }, { instruction: "Q", output: "A" }, { prompt: "Q", chosen: "a", rejected: "b" }];
  const marks = (options: Parameters<typeof withOptions>[1]) =>
    rows.map((row) => {
      const converted = withOptions(convert, options, "a.jsonl")(row);
      return "examples" in converted ? converted.examples.map(({ specialTokens }) => specialTokens) : converted;
    });
  expect(marks({ specialTokens: true })).toEqual([[true], [true], [true]]);
  expect(marks({})).toEqual([[undefined], [undefined], [undefined]]);
  expect(marks({ tools: " " })).toEqual(marks({}));
});
