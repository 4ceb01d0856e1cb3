/** Detection of formats and its reasons. Oracle: the column names that datasets use. */

import { describe, expect, test } from "vitest";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import type { Mapping } from "../../../../src/records/formats/mapping.ts";

const alpaca = { instruction: "Add.", input: "1 2", output: "3" };
const messages = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Hello" },
];
const conversations = [
  { from: "human", value: "Hi" },
  { from: "gpt", value: "Hello" },
];

describe("columns by their usual names", () => {
  const tables: [string, Record<string, unknown>, Mapping][] = [
    [
      "question, answer",
      { question: "a", answer: "b" },
      { format: "columns", columns: { instruction: "question", response: "answer" } },
    ],
    [
      "input, output",
      { input: "a", output: "b" },
      { format: "columns", columns: { instruction: "input", response: "output" } },
    ],
    [
      "question, context, answer",
      { question: "a", context: "b", answer: "c" },
      { format: "columns", columns: { instruction: "question", input: "context", response: "answer" } },
    ],
    [
      "query, response",
      { query: "a", response: "b" },
      { format: "columns", columns: { instruction: "query", response: "response" } },
    ],
    [
      "user, assistant",
      { user: "a", assistant: "b" },
      { format: "columns", columns: { instruction: "user", response: "assistant" } },
    ],
    [
      "prompt, response, system",
      { prompt: "a", response: "b", system: "c" },
      { format: "columns", columns: { instruction: "prompt", response: "response", system: "system" } },
    ],
    [
      "source, target",
      { source: "a", target: "b" },
      { format: "columns", columns: { instruction: "source", response: "target" } },
    ],
    [
      "capitals and spaces",
      { "User Message": "a", "Assistant Message": "b" },
      { format: "columns", columns: { instruction: "User Message", response: "Assistant Message" } },
    ],
    [
      "Alpaca in capitals",
      { Instruction: "a", Output: "b" },
      { format: "alpaca", columns: { instruction: "Instruction", response: "Output" } },
    ],
    [
      "messages under conversations",
      { conversations: messages },
      { format: "openai", columns: { messages: "conversations" } },
    ],
    ["ShareGPT under messages", { messages: conversations }, { format: "sharegpt", columns: { messages: "messages" } }],
    [
      "a conversation in another column",
      { id: 1, dialog_turns: messages },
      { format: "openai", columns: { messages: "dialog_turns" } },
    ],
    [
      "a conversation as JSON",
      { id: 1, log: JSON.stringify(conversations) },
      { format: "sharegpt", columns: { messages: "log" } },
    ],
    ["text in another column", { url: "u", content: "a" }, { format: "text", columns: { text: "content" } }],
    ["web text", { text: "a", timestamp: "t", url: "u" }, { format: "text", columns: { text: "text" } }],
    [
      "a prompt of messages",
      { prompt: messages.slice(0, 1), response: "b" },
      { format: "columns", columns: { prompt: "prompt", response: "response" } },
    ],
    [
      "split and task",
      { instruction: "a", output: "b", split: "test", task: "sums" },
      {
        format: "alpaca",
        columns: { instruction: "instruction", response: "output", category: "task", split: "split" },
      },
    ],
    [
      "a split column with other words",
      { instruction: "a", output: "b", split: "left" },
      { format: "alpaca", columns: { instruction: "instruction", response: "output" } },
    ],
  ];
  test.each(tables)("%s", (_, row, mapping) => {
    expect(detectFormat([row, row]).mapping).toEqual(mapping);
  });

  test("a guess is explained", () => {
    const { reason } = detectFormat([
      { question: "a", answer: "b" },
      { question: "c", answer: "d" },
    ]);
    expect(reason).toBe(
      'All 2 rows have "question" and "answer"; guessed by name: "question" as instruction, "answer" as response.',
    );
  });
});

describe("the reason", () => {
  test("counts the rows", () => {
    const rows = [...Array.from({ length: 198 }, () => alpaca), { instruction: "a" }, {}];
    const { mapping, reason } = detectFormat(rows);
    expect(mapping.format).toBe("alpaca");
    expect(reason).toBe('198 of 200 rows have "instruction" and "output"; also used: "input".');
  });

  test("names a ready-made text, which is only an alternative", () => {
    const { mapping, reason, alternatives } = detectFormat([{ ...alpaca, text: "ready" }]);
    expect(mapping.format).toBe("alpaca");
    expect(reason).toMatch(/The ready-made "text" is not used/);
    expect(alternatives).toEqual([{ format: "text", columns: { text: "text" } }]);
  });

  test("an Alpaca row without output but with a text does not make the file mixed", () => {
    const rows = [
      { ...alpaca, text: "a" },
      { instruction: "a", text: "b" },
    ];
    expect(detectFormat(rows).mapping.format).toBe("alpaca");
  });

  test("lists mixed formats with their counts", () => {
    const { mapping, reason, alternatives } = detectFormat([
      alpaca,
      alpaca,
      { messages },
      { text: "a" },
      "b",
      { odd: 1 },
    ]);
    expect(mapping).toEqual({ format: "mixed", columns: {} });
    expect(reason).toBe(
      "6 rows of several formats: Alpaca rows (2), chat messages (1), plain text (1), rows that are only text (1).",
    );
    expect(alternatives.map(({ format }) => format)).toEqual(["alpaca", "openai", "text"]);
  });

  test("the mapping has optional columns of any row", () => {
    const { mapping } = detectFormat([alpaca, { ...alpaca, system: "Short." }, { ...alpaca, history: [["a", "b"]] }]);
    expect(mapping.columns).toEqual({
      instruction: "instruction",
      input: "input",
      response: "output",
      system: "system",
      history: "history",
    });
  });

  test("chosen answers can be mapped as ordinary answers", () => {
    const { mapping, alternatives } = detectFormat([{ prompt: "a", chosen: "b", rejected: "c" }]);
    expect(mapping.format).toBe("preference");
    expect(alternatives).toEqual([{ format: "columns", columns: { instruction: "prompt", response: "chosen" } }]);
  });

  test("names the column that rates the answers", () => {
    const { mapping, reason } = detectFormat([{ prompt: "a", completion: "b", label: false }]);
    expect(mapping).toEqual({ format: "trl", columns: { prompt: "prompt", response: "completion", label: "label" } });
    expect(reason).toMatch(/"label" says whether the answer is wanted: for KTO\.$/);
  });

  test("only the first part of the sample is inspected", () => {
    const { reason } = detectFormat(Array.from({ length: 5000 }, () => alpaca));
    expect(reason).toMatch(/^All 400 rows have/);
  });
});

describe("rows without information", () => {
  test.each<[string, unknown[], RegExp]>([
    ["none", [], /^The file has no row\.$/],
    ["lists", [[1], [2]], /^No row has fields; the first is a list\.$/],
    ["unknown fields", [{ left: "a", right: "b" }], /^No row has the fields of a known format: choose which column/],
  ])("%s", (_, rows, reason) => {
    const detection = detectFormat(rows);
    expect(detection.mapping).toEqual({ format: "columns", columns: {} });
    expect(detection.reason).toMatch(reason);
    expect(detection.alternatives).toEqual([]);
  });

  test("guessed roles are filled in", () => {
    expect(detectFormat([{ question: "a", gold: 3 }]).mapping).toEqual({
      format: "columns",
      columns: { instruction: "question" },
    });
  });
});

test("columns have the beginning of a non-empty value", () => {
  const rows = [
    { a: "", b: null, c: { d: [1, "two"] } },
    { a: "first\nline", b: 5, e: "x".repeat(1e6) },
  ];
  expect(detectFormat(rows).columns).toEqual([
    { name: "a", sample: "first\nline" },
    { name: "b", sample: "5" },
    { name: "c", sample: '{"d":[1,"two"]}' },
    { name: "e", sample: `${"x".repeat(79)}…` },
  ]);
});
