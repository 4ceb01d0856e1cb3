/** Conversion of edge cases. Oracle: expectations written by hand. */

import { describe, expect, test } from "vitest";
import { createConverter } from "../../../../src/records/formats/convert.ts";
import { formatLabel, formats } from "../../../../src/records/formats/describe.ts";
import type { FormatName, Mapping } from "../../../../src/records/formats/mapping.ts";
import { flatLimits, groupFlatTrees } from "../../../../src/records/formats/oasst.ts";
import type { DataRecord } from "../../../../src/records/read/record.ts";

const alpaca: Mapping = {
  format: "alpaca",
  columns: { instruction: "instruction", input: "input", response: "output", system: "system", history: "history" },
};
const openai: Mapping = { format: "openai", columns: { messages: "messages", tools: "tools", system: "system" } };
const mixed: Mapping = { format: "mixed", columns: {} };
const row = { instruction: "Add.", input: "1 2", output: "3" };
const hi = { role: "user", content: "Hi" };
const hello = { role: "assistant", content: "Hello" };

describe("unusable values have a reason", () => {
  const bad: [string, unknown, RegExp][] = [
    ["no response", { instruction: "a" }, /^no response: output is missing; its fields are "instruction"$/],
    ["an empty response", { instruction: "a", output: " \n" }, /^no response: output is empty$/],
    ["a null response", { instruction: "a", output: null }, /^output is null, not text$/],
    ["a list", { instruction: "a", output: ["3"] }, /^output is a list, not text$/],
    ["NaN", { instruction: "a", output: Number.NaN }, /^output is NaN, not text$/],
    ["no prompt", { instruction: "", input: "", output: "b" }, /^instruction and input are both empty$/],
    ["no prompt, no input", { instruction: " ", output: "b" }, /^instruction is empty$/],
    ["a history without pairs", { ...row, history: [["a"]] }, /^history\.0 is not a pair \[user, assistant\]$/],
    ["an empty turn in a history", { ...row, history: [["a", ""]] }, /^history\.0\.1 is empty$/],
    ["null content", { messages: [{ role: "assistant", content: null }] }, /^messages\.0\.content is null, not text$/],
    ["empty content", { messages: [{ role: "assistant", content: "" }] }, /^messages\.0\.content is empty$/],
    ["no parts", { messages: [{ role: "assistant", content: [] }] }, /^messages\.0\.content is empty$/],
    [
      "an unknown role",
      { messages: [{ role: "narrator", content: "a" }] },
      /^messages\.0\.role is "narrator", but must be one of system, user, assistant, tool$/,
    ],
    ["no role", { messages: [{ content: "a" }] }, /^messages\.0\.role is missing$/],
    ["a negative weight", { messages: [{ ...hello, weight: -1 }] }, /^messages\.0\.weight is negative$/],
    [
      "an infinite weight",
      { messages: [{ ...hello, weight: Number.POSITIVE_INFINITY }] },
      /weight is not a finite number$/,
    ],
    ["no answer", { messages: [hi] }, /^messages has no response at its end$/],
    ["no messages", { messages: [] }, /^messages has no response at its end$/],
    ["no list", { messages: "a" }, /^messages is a string, not a list$/],
    ["Python's notation", { messages: "[{'role': 'user'}]" }, /not a list: it starts like JSON, but is not JSON/],
    [
      "a late system message",
      { messages: [hi, { role: "system", content: "a" }, hello] },
      /system message after the first/,
    ],
    ["a ready-made text instead of the output", { instruction: "a", text: "b" }, /^no response: output is missing/],
    ["other fields", { left: "a", right: "b" }, /its fields are "left", "right"$/],
    ["no fields", {}, /it has no fields$/],
    ["a list", [1], /^a row must be an object, but this is a list$/],
    ["a number", 5, /^a row must be an object, but this is a number$/],
  ];
  test.each(bad)("%s", (_, value, problem) => {
    expect(createConverter(mixed)(value)).toEqual({ problem: expect.stringMatching(problem) });
  });

  test("arrays nested too deeply for recursive code", () => {
    let deep: unknown = "leaf";
    for (let i = 0; i < 50_000; i++) deep = [deep];
    const chosen = [hi, { role: "assistant", content: "", tool_calls: [{ name: "f", arguments: deep }] }];
    const converted = createConverter({ format: "preference", columns: { chosen: "a", rejected: "b" } })({
      a: chosen,
      b: [hi, hello],
    });
    expect(converted).toEqual({
      problem: "a.1.tool_calls.0.arguments cannot be read: lists and objects are nested more than 256 levels deep",
    });
  });
});

describe("a mapping changed by the user", () => {
  const other = { question: "Why?", context: "Rain.", answer: "Because.", note: "x" };
  test.each<[string, Mapping]>([
    ["Alpaca", { format: "alpaca", columns: { instruction: "question", input: "context", response: "answer" } }],
    ["a table", { format: "columns", columns: { instruction: "question", input: "context", response: "answer" } }],
  ])("%s with other columns", (_, mapping) => {
    expect(createConverter(mapping)(other)).toEqual({
      examples: [
        {
          kind: "chat",
          messages: [
            { role: "user", content: "Why?\nRain." },
            { role: "assistant", content: "Because." },
          ],
        },
      ],
    });
  });

  test("the problem names a missing column and the existing ones", () => {
    const mapping: Mapping = { format: "alpaca", columns: { instruction: "query", response: "answer" } };
    const problem = 'query is missing; its fields are "question", "context", "answer", "note"';
    expect(createConverter(mapping)(other)).toEqual({ problem });
  });

  test("the problem names a role without a column", () => {
    const mapping: Mapping = { format: "columns", columns: { instruction: "question" } };
    expect(createConverter(mapping)(other)).toEqual({
      problem: expect.stringMatching(/^no response: no column is chosen as response; its fields are "question"/),
    });
  });

  test("the roles of a table's columns determine the examples", () => {
    const cells = {
      a: JSON.stringify([hi, hello]),
      b: "Text.",
      c: "Question",
      d: "Good",
      e: "Bad",
      f: JSON.stringify([["x", "y"]]),
    };
    const kinds: [Mapping["columns"], unknown][] = [
      [{ messages: "a" }, { kind: "chat", messages: [hi, hello] }],
      [{ text: "b" }, { kind: "text", text: "Text." }],
      [
        { prompt: "c", chosen: "d", rejected: "e" },
        {
          kind: "preference",
          prompt: [{ role: "user", content: "Question" }],
          chosen: [{ role: "assistant", content: "Good" }],
          rejected: [{ role: "assistant", content: "Bad" }],
        },
      ],
      [
        { instruction: "c", response: "d", history: "f" },
        {
          kind: "chat",
          messages: [
            { role: "user", content: "x" },
            { role: "assistant", content: "y" },
            { role: "user", content: "Question" },
            { role: "assistant", content: "Good" },
          ],
        },
      ],
    ];
    for (const [columns, body] of kinds) {
      expect(createConverter({ format: "columns", columns })(cells)).toEqual({ examples: [body] });
    }
  });

  test("a column is missing even if every object inherits its name", () => {
    const mapping: Mapping = { format: "text", columns: { text: "constructor" } };
    expect(createConverter(mapping)({ a: 1 })).toEqual({ problem: 'constructor is missing; its fields are "a"' });
  });
});

describe("split, category and weight of a row", () => {
  const mapping: Mapping = { ...alpaca, columns: { ...alpaca.columns, split: "split", category: "kind", weight: "w" } };
  const convert = createConverter(mapping);
  test.each([
    ["train", "train"],
    ["training", "train"],
    ["train_sft", "train"],
    ["Validation", "validation"],
    ["valid", "validation"],
    ["dev", "validation"],
    ["eval", "validation"],
    ["test", "validation"],
    ["test_sft", "validation"],
    ["holdout", "validation"],
  ])("%s is %s", (name, split) => {
    expect(convert({ ...row, split: name })).toEqual({ examples: [expect.objectContaining({ split })] });
  });

  test("an unknown split is a problem, an empty one is no split", () => {
    expect(convert({ ...row, split: "first" })).toEqual({
      problem: expect.stringMatching(/^split is "first", but must be train/),
    });
    for (const split of ["", null, undefined]) {
      expect(convert({ ...row, split })).toEqual({
        examples: [expect.not.objectContaining({ split: expect.anything() })],
      });
    }
  });

  test("categories are texts or numbers", () => {
    expect(convert({ ...row, kind: 7 })).toEqual({ examples: [expect.objectContaining({ category: "7" })] });
    expect(convert({ ...row, kind: ["a"] })).toEqual({ problem: "kind is a list, not text" });
  });

  test("the row's weight scales the weights of its answers", () => {
    const chat = createConverter({ ...openai, columns: { messages: "messages", weight: "w" } });
    const parts = [
      { type: "text", text: "a", weight: 2 },
      { type: "text", text: "b" },
    ];
    const messages = [hi, { ...hello, weight: 3 }, hello, { role: "assistant", content: parts }];
    expect(chat({ messages, w: "0.5" })).toEqual({
      examples: [
        {
          kind: "chat",
          messages: [
            hi,
            { ...hello, weight: 1.5, fields: { weight: 3 } },
            { ...hello, weight: 0.5 },
            { role: "assistant", content: "ab", weight: 0.5, parts: [{ text: "a", weight: 1 }, { text: "b" }] },
          ],
        },
      ],
    });
    expect(chat({ messages, w: -1 })).toEqual({ problem: "w is negative" });
    expect(chat({ messages, w: "much" })).toEqual({ problem: "w is a string, not a number" });
  });
});

test("a system prompt beside messages with one: an equal one comes once, another is a problem", () => {
  const convert = createConverter(openai);
  const messages = [{ role: "system", content: "Short." }, hi, hello];
  expect(convert({ messages, system: "Short." })).toEqual({ examples: [{ kind: "chat", messages }] });
  expect(convert({ messages: [hi, hello], system: "Short." })).toEqual({ examples: [{ kind: "chat", messages }] });
  expect(convert({ messages, system: "Long." })).toEqual({
    problem: "the system prompt differs from the one in messages",
  });
});

test("tools as a list, as one object, as JSON of either; other text is a problem", () => {
  const convert = createConverter(openai);
  const clock = { name: "clock" };
  for (const tools of [[clock], clock, JSON.stringify([clock]), JSON.stringify(clock)]) {
    const example = { kind: "chat", messages: [hi, hello], tools: [clock] };
    expect(convert({ messages: [hi, hello], tools })).toEqual({ examples: [example] });
  }
  for (const tools of ["", " ", "[]", [], null]) {
    expect(convert({ messages: [hi, hello], tools })).toEqual({ examples: [{ kind: "chat", messages: [hi, hello] }] });
  }
  expect(convert({ messages: [hi, hello], tools: "none" })).toEqual({
    problem: "tools is not JSON of a list of tools",
  });
  expect(convert({ messages: [hi, hello], tools: 5 })).toEqual({ problem: "tools is a number, not a list" });
});

test("null columns, as in Parquet and merged files, count as absent", () => {
  const pad = { weight: null, name: null, tool_calls: null, tool_call_id: null, function_call: null };
  const converted = createConverter(mixed)({
    instruction: null,
    output: null,
    text: null,
    messages: [
      { ...hi, ...pad },
      { ...hello, ...pad },
    ],
  });
  expect(converted).toEqual({ examples: [{ kind: "chat", messages: [hi, hello] }] });
});

describe("flat OASST messages", () => {
  const reply = (id: string, parent: string | null, role = "assistant") => ({
    message_id: id,
    parent_id: parent,
    role,
    text: `text of ${id}`,
  });
  async function* batchesOf(values: readonly unknown[]): AsyncGenerator<readonly DataRecord[]> {
    for (const [index, value] of values.entries()) yield [{ line: index + 1, value }];
  }
  const grouped = async (values: readonly unknown[]) => {
    const found: DataRecord[] = [];
    const group = groupFlatTrees(values);
    if (group) for await (const batch of group(batchesOf(values))) found.push(...batch);
    return found;
  };

  test("rows of other formats are not grouped", () => {
    expect(groupFlatTrees([])).toBeNull();
    expect(groupFlatTrees([row, row, reply("a", null)])).toBeNull();
    expect(groupFlatTrees([reply("a", null), reply("b", "a"), row])).not.toBeNull();
  });

  test("a thread is cut at a depth of 500, and every reply below is a problem", async () => {
    const values = Array.from({ length: 503 }, (_, i) =>
      reply(`m${i}`, i === 0 ? null : `m${i - 1}`, i % 2 ? "assistant" : "prompter"),
    );
    const found = await grouped(values);
    expect(found.map((record) => [record.line, "problem" in record])).toEqual([
      [1, false],
      [501, true],
      [502, true],
      [503, true],
    ]);
    expect(found[1]).toEqual({ line: 501, problem: "its thread is more than 500 replies deep" });
    const [tree] = found;
    const converted = createConverter({ format: "oasst", columns: { prompt: "prompt" } })(
      tree && "value" in tree ? tree.value : null,
    );
    expect(converted).toEqual({
      examples: [expect.objectContaining({ messages: expect.objectContaining({ length: 500 }) })],
    });
  });

  test("a deeper tree is a problem", () => {
    let prompt: unknown = { text: "leaf", role: "assistant", replies: [] };
    for (let i = 0; i < 100_000; i++) prompt = { text: "x", role: "assistant", replies: [prompt] };
    const converted = createConverter({ format: "oasst", columns: { prompt: "prompt" } })({ prompt });
    expect(converted).toEqual({ problem: "the tree is more than 500 replies deep" });
  });

  test("text above the memory limit is refused, with the remedy", async () => {
    const text = "x".repeat(flatLimits.characters / 4);
    const values = Array.from({ length: 5 }, (_, i) => ({ ...reply(`m${i}`, null), text }));
    await expect(grouped(values)).rejects.toThrow(
      /^Line 5: the replies have more than .*\. Split the file by message_tree_id\.$/,
    );
  });
});

describe("the table of formats", () => {
  test("every format has a title, a label, and required or optional roles", () => {
    const all: FormatName[] = [
      "alpaca",
      "dolly",
      "sharegpt",
      "openai",
      "trl",
      "flan",
      "oasst",
      "preference",
      "text",
      "rendered",
      "marked",
      "columns",
      "mixed",
    ];
    expect(formats.map(({ name }) => name).sort()).toEqual([...all].sort());
    for (const { name, title, roles } of formats) {
      expect(title).not.toBe("");
      expect(formatLabel({ format: name, columns: {} })).not.toBe("");
      expect(new Set(roles.map(({ role }) => role)).size).toBe(roles.length);
    }
    expect(formatLabel(alpaca)).toBe("Alpaca rows");
    expect(formatLabel(openai)).toBe("chat messages");
  });

  test("a row without a required role is a problem that names the role", () => {
    for (const { name, roles } of formats) {
      for (const { role } of roles.filter(({ required }) => required)) {
        const columns = Object.fromEntries(
          roles.filter((other) => other.role !== role).map((other) => [other.role, other.role]),
        );
        const full = Object.fromEntries(roles.map((other) => [other.role, "[]"]));
        const converted = createConverter({ format: name, columns })({
          ...full,
          messages: [hi, hello],
          history: [],
          tools: [],
          split: "",
          weight: 1,
        });
        expect(converted).toEqual({ problem: expect.stringMatching(new RegExp(`no column is chosen as ${role};`)) });
      }
    }
  });
});
