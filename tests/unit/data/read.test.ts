/** Rows of files, good and broken; the oracle is what stands in the row. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readExamples } from "../../../src/data/read.ts";
import { test as sharedTest } from "../../support/shared.ts";

const alpaca = { instruction: "Add.", input: "1 2", output: "3" };
const chat = {
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
  ],
};

describe("what is read", () => {
  const rows: [string, string, number][] = [
    ["an array", JSON.stringify([alpaca, chat]), 2],
    ["a pretty-printed array", JSON.stringify([alpaca, chat], null, 2), 2],
    ["an array with a trailing comma", `[${JSON.stringify(alpaca)},\n]`, 1],
    ["JSON Lines", `${JSON.stringify(alpaca)}\n${JSON.stringify(chat)}`, 2],
    [
      "JSON Lines with BOM, CRLF, blank lines",
      `\uFEFF${JSON.stringify(alpaca)}\r\n\r\n${JSON.stringify(chat)}\r\n\r\n`,
      2,
    ],
    ["a single object", JSON.stringify(chat), 1],
    ["a single object over several lines", JSON.stringify(chat, null, 2), 1],
  ];
  test.each(rows)("%s", (_, text, count) => {
    const { examples, problems } = readExamples("rows.json", text);
    expect(problems).toEqual([]);
    expect(examples).toHaveLength(count);
    for (const { messages } of examples) expect(messages.map((m) => m.role)).toEqual(["user", "assistant"]);
  });

  test("Alpaca: system, history, and the prompt of instruction, line break, input", () => {
    const row = { ...alpaca, system: "Be brief.", history: [["Hi", "Hello"]] };
    const { format, examples } = readExamples("a.json", JSON.stringify([row, { instruction: "Go", output: "Gone" }]));
    expect(format).toBe("Alpaca rows");
    expect(examples[0]?.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "Add.\n1 2" },
      { role: "assistant", content: "3" },
    ]);
    expect(examples[1]?.messages[0]).toEqual({ role: "user", content: "Go" });
  });

  test("messages: weights, several turns; formats are found row by row", () => {
    const messages = [
      ...chat.messages,
      { role: "user", content: "Bye" },
      { role: "assistant", content: "!", weight: 0 },
    ];
    const { format, examples } = readExamples("a.jsonl", `${JSON.stringify({ messages })}\n${JSON.stringify(alpaca)}`);
    expect(format).toBe("Alpaca rows and chat messages");
    expect(examples[0]?.messages).toEqual(messages);
  });

  test("a lone surrogate becomes U+FFFD, pairs stay", () => {
    const { examples } = readExamples("a.json", '[{"instruction":"a\\ud83d","output":"\\udc00b \\ud83d\\ude00"}]');
    expect(examples[0]?.messages.map((m) => m.content)).toEqual(["a\uFFFD", "\uFFFDb 😀"]);
  });

  test("parse(write(rows)) gives the rows, as an array and as lines", () => {
    const written = fc.string({ unit: "binary" }).filter((s) => s.trim() !== "");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(written, written), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (pairs, pretty) => {
          const rows = pairs.map(([instruction, output]) => ({ instruction, output }));
          const texts = [JSON.stringify(rows, null, pretty ? 2 : 0), rows.map((row) => JSON.stringify(row)).join("\n")];
          for (const text of texts) {
            const { examples, problems } = readExamples("x", text);
            expect(problems).toEqual([]);
            expect(examples.map(({ messages }) => messages.map((m) => m.content))).toEqual(pairs);
          }
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe("what cannot be used is listed", () => {
  const good = JSON.stringify(alpaca);
  const bad: [string, unknown, RegExp][] = [
    ["no response", { instruction: "a" }, /no response: output is missing/],
    ["an empty response", { instruction: "a", output: " \n" }, /no response: output is empty/],
    ["a null response", { instruction: "a", output: null }, /output is null, not text/],
    ["a number", { instruction: "a", output: 3 }, /output is a number, not text/],
    ["no prompt", { instruction: "", input: "", output: "b" }, /instruction and input are both empty/],
    ["a history that is no pair", { ...alpaca, history: [["a"]] }, /history/],
    ["null content", { messages: [{ role: "assistant", content: null }] }, /messages\.0\.content is null, not text/],
    ["empty content", { messages: [{ role: "assistant", content: "" }] }, /messages\.0\.content is empty/],
    [
      "content in parts",
      { messages: [{ role: "assistant", content: [] }] },
      /messages\.0\.content is a list, not text/,
    ],
    [
      "an unknown role",
      { messages: [{ role: "tool", content: "a" }] },
      /messages\.0\.role is "tool".*system, user, assistant/,
    ],
    ["no role", { messages: [{ content: "a" }] }, /messages\.0\.role is missing/],
    ["a negative weight", { messages: [{ role: "assistant", content: "a", weight: -1 }] }, /weight is negative/],
    ["no answer at the end", { messages: [{ role: "user", content: "a" }] }, /messages has no response at its end/],
    ["no messages", { messages: [] }, /no response/],
    ["messages that are no list", { messages: "a" }, /messages is a string, not a list/],
    ["other fields", { question: "a", answer: "b" }, /its fields are "question", "answer"/],
    ["a list", [1], /this is a list/],
    ["a number", 5, /this is a number/],
  ];
  test.each(bad)("%s", (_, row, message) => {
    const lines = readExamples("x.jsonl", `${good}\n${JSON.stringify(row)}\n${good}`);
    expect(lines.examples.map(({ row, line }) => [row, line])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(lines.problems).toEqual([{ line: 2, message: expect.stringMatching(message) }]);
    const array = readExamples("x.json", `[\n${good},\n${JSON.stringify(row)},\n${good}\n]`);
    expect(array.problems).toEqual([{ line: 3, message: expect.stringMatching(message) }]);
    expect(array.examples.map(({ row, line }) => [row, line])).toEqual([
      [0, 2],
      [2, 4],
    ]);
  });

  test("a system message in the middle", () => {
    const messages = [chat.messages[0], { role: "system", content: "a" }, chat.messages[1]];
    const { problems } = readExamples("x.jsonl", `${good}\n${JSON.stringify({ messages })}`);
    expect(problems[0]?.message).toMatch(/system message after the first/);
  });

  test("broken JSON on line 17 names line 17 and what the parser saw", () => {
    const lines = Array.from({ length: 20 }, (_, i) => (i === 16 ? '{"instruction": "a", "output": "b"' : good));
    const { examples, problems } = readExamples("x.jsonl", lines.join("\n"));
    expect(examples).toHaveLength(19);
    expect(problems).toEqual([
      { line: 17, message: expect.stringMatching(/^broken JSON: .+row begins "\{\\"instruction/) },
    ]);
  });

  test("a broken first line does not hide the rest", () => {
    const { examples, problems } = readExamples("x.jsonl", `{oops}\n${good}`);
    expect(examples.map(({ row }) => row)).toEqual([1]);
    expect(problems.map(({ line }) => line)).toEqual([1]);
  });

  test.each([
    ["a missing quote", '"output": "b\n'],
    ["a bare word", '"output": b\n'],
  ])("%s in a pretty-printed array costs one row", (_, broken) => {
    const rows = [alpaca, { instruction: "a", output: "b" }, alpaca];
    const text = JSON.stringify(rows, null, 2).replace('"output": "b"\n', broken);
    const { examples, problems } = readExamples("x.json", text);
    expect(examples.map(({ row }) => row)).toEqual([0, 2]);
    expect(problems).toEqual([{ line: 7, message: expect.stringMatching(/^broken JSON/) }]);
  });

  test("an array that is cut off, and text behind its end", () => {
    const cut = readExamples("x.json", `[${good},\n${good.slice(0, 20)}`);
    expect(cut.examples).toHaveLength(1);
    expect(cut.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^broken JSON/),
      expect.stringMatching(/cut off/),
    ]);
    const more = readExamples("x.json", `[${good}]\n{}`);
    expect(more.problems).toEqual([{ line: 2, message: '"{}" follows the end of the array' }]);
  });
});

describe("files of which nothing can be used", () => {
  const decode = (bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
  const ascii = (text: string) => [...text].map((c) => c.charCodeAt(0));
  const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const files: [string, string, RegExp][] = [
    ["empty", "", /^f is empty\. Choose a JSON/],
    ["white space", "\uFEFF \r\n", /^f is empty/],
    ["PNG", decode([0x89, ...ascii("PNG\r\n\x1a\n"), 0, 0, 0, 13]), /a PNG image/],
    ["safetensors", decode([header.length, 0, 0, 0, 0, 0, 0, 0, ...ascii(header), 0, 0]), /a safetensors model/],
    ["gzip", decode([0x1f, 0x8b, 8, 0, 0]), /a gzip archive/],
    ["Parquet", decode([...ascii("PAR1"), 0x15, 0]), /a Parquet table/],
    ["HTML", "<!DOCTYPE html>\n<html></html>", /a web page/],
    ["UTF-16", decode([0xff, 0xfe, ...ascii("[{}]").flatMap((c) => [c, 0])]), /save it as UTF-8/],
    ["CSV", "instruction,output\na,b", /^f, line 1: a JSON file begins with/],
    ["an empty array", "[ ]", /^f holds no row/],
    ["only bad rows", '[{"a":1},\n{"b":2},{},{}]', /line 1: .*; line 2: .*\(and 1 more\)/],
  ];
  test.each(files)("%s", (_, text, message) => {
    expect(() => readExamples("f", text)).toThrow(message);
    expect(() => readExamples("f", text)).toThrow(/instruction.*messages/);
  });

  test("any text gives a result or one message", () => {
    const pieces = fc.array(
      fc.constantFrom("[", "]", "{", "}", '"', "\\", ",", ":", "\n", "a", "1", "null", " ", "\uFEFF"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          pieces.map((list) => list.join("")),
        ),
        (text) => {
          try {
            readExamples("f", text);
          } catch (error) {
            expect(String(error)).toMatch(/^Error: f[ ,:]/);
          }
        },
      ),
      { seed: 2, numRuns: 2000 },
    );
  });
});

sharedTest("all 999 rows of alpaca_en_demo.json are read, none with a problem", async ({ shared }) => {
  const text = await shared.text("data/alpaca_en_demo.json");
  const { format, examples, problems } = readExamples("alpaca_en_demo.json", text);
  expect(format).toBe("Alpaca rows");
  expect(problems).toEqual([]);
  expect(examples).toHaveLength(999);
  const lines = text.split("\n");
  for (const { line } of examples) expect(lines[line - 1]?.trim()).toBe("{");
});
