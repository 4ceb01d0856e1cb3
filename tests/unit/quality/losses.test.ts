/** What a template does not write. Oracle: dropped texts by hand, on made-up rows and on a template that drops them. */

import { describe, expect, test } from "vitest";
import { type Loss, lossesOf } from "../../../src/quality/losses.ts";
import { type DataSettings, tokenizeExample } from "../../../src/quality/tokenize.ts";
import type { Message } from "../../../src/records/example.ts";
import type { Dropped, Template } from "../../../src/templates/template.ts";
import { byteLevel, inspectFile } from "./chain.ts";
import { chat, findingOf, inspect, rowsOf } from "./made.ts";

const user = (content = "Is 91 prime?"): Message => ({ role: "user", content });
const answer = (content: string, fields?: Message["fields"]): Message => ({
  role: "assistant",
  content,
  ...(fields && { fields }),
});
const at = (message: number, field: string): Dropped => ({ message, field });
const one = [user(), answer("No.", { reasoning_content: "91 = 7 × 13." })];
const two = [...one, user("And 8?"), answer("No.", { reasoning_content: "8 = 2 × 4." })];
const kinds = (losses: readonly Loss[]) => losses.map(({ kind, words }) => `${kind}: ${words}`);

describe("losses of one example", () => {
  test.each<[string, readonly Message[], readonly Dropped[], readonly string[]]>([
    ["nothing", one, [], []],
    ["reasoning_content", one, [at(1, "reasoning_content")], ["lost-reasoning: message 2 (reasoning_content)"]],
    ["reasoning", one, [at(1, "reasoning")], ["lost-reasoning: message 2 (reasoning)"]],
    ["thinking", one, [at(1, "thinking")], ["lost-reasoning: message 2 (thinking)"]],
    [
      "reasoning in tags within the content",
      [user(), answer("<think>\n7 × 13\n</think>\n\nNo.")],
      [at(1, "content")],
      ["lost-reasoning: message 2 (content)"],
    ],
    [
      "the end of reasoning alone, as a prompt begins it",
      [user(), answer("7 × 13</think>No.")],
      [at(1, "content")],
      ["lost-reasoning: message 2 (content)"],
    ],
    [
      "reasoning of the first of two answers",
      two,
      [at(1, "reasoning_content")],
      ["earlier-reasoning: message 2 (reasoning_content)"],
    ],
    [
      "reasoning of both answers",
      two,
      [at(1, "reasoning_content"), at(3, "reasoning_content")],
      ["lost-reasoning: messages 2, 4 (reasoning_content)"],
    ],
    [
      "reasoning before a tool's result",
      [user(), answer("", { reasoning_content: "a" }), { role: "tool", content: "1" }, answer("No.", {})],
      [at(1, "reasoning_content")],
      ["earlier-reasoning: message 2 (reasoning_content)"],
    ],
    ["tool calls", one, [at(1, "tool_calls")], ["lost-calls: message 2 (tool_calls)"]],
    ["tool descriptions", one, [at(-1, "tools")], ["lost-tools: tools"]],
    ["a text", one, [at(0, "content")], ["lost-text: message 1 (content)"]],
    ["a name and an id", one, [at(0, "name"), at(1, "tool_call_id")], ["unread-fields: message 1 (name)"]],
    ["weights", one, [at(1, "weight"), at(1, "train"), at(1, "loss_weight")], []],
    [
      "everything at once",
      one,
      [at(-1, "tools"), at(1, "reasoning"), at(1, "tool_calls"), at(1, "mood")],
      [
        "lost-tools: tools",
        "lost-reasoning: message 2 (reasoning)",
        "lost-calls: message 2 (tool_calls)",
        "unread-fields: message 2 (mood)",
      ],
    ],
    [
      "many fields",
      one,
      ["a", "b", "c", "d", "e", "f"].map((field) => at(1, field)),
      ["unread-fields: message 2 (a, b, c, d and 2 more)"],
    ],
  ])("%s", (_, messages, dropped, words) => {
    expect(kinds(lossesOf({ messages }, dropped, true))).toEqual(words);
  });

  test("where each answer is an example of its own, earlier reasoning is context", () => {
    expect(lossesOf({ messages: two }, [at(1, "reasoning_content")], false)).toEqual([]);
    expect(kinds(lossesOf({ messages: two }, [at(1, "reasoning"), at(3, "reasoning")], false))).toEqual([
      "lost-reasoning: message 4 (reasoning)",
    ]);
  });
});

test("a conversation of 100,000 messages ends in linear time", () => {
  const messages = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? user() : answer("No.")));
  const dropped = messages.map((_, i) => at(i, i % 2 === 0 ? "name" : "reasoning"));
  const began = performance.now();
  expect(kinds(lossesOf({ messages }, dropped, true))).toEqual([
    "unread-fields: messages 1, 3, 5, 7 and 49996 more (name)",
    "lost-reasoning: messages 2, 4, 6, 8 and 49996 more (reasoning)",
  ]);
  expect(performance.now() - began).toBeLessThan(10_000);
});

describe("in the report", () => {
  type Rows = readonly { readonly messages: readonly Message[]; readonly dropped: readonly Dropped[] }[];
  function reportOf(rows: Rows, settings: Partial<DataSettings> = {}, chatTemplate: string | null = null) {
    const examples = rows.map(({ messages }, row) => chat(row, ...messages));
    return inspect(examples, {
      settings,
      chatTemplate,
      change: (tokenized, example) => ({ ...tokenized, dropped: rows[example.row]?.dropped ?? [] }),
    });
  }
  const lost = { messages: one, dropped: [at(1, "reasoning_content")] };
  const earlier = { messages: two, dropped: [at(1, "reasoning_content")] };
  const none = { messages: [user("2?"), answer("Yes.")], dropped: [] };

  test("reasoning that the template never writes: rows, places and a setting", () => {
    const report = reportOf([none, lost, lost]);
    expect(findingOf(report, "lost-reasoning")).toMatchObject({
      severity: "warning",
      title: "2 rows have reasoning that the template does not write",
      examples: ["row 2: message 2 (reasoning_content)", "row 3: message 2 (reasoning_content)"],
      remedy: "reasoning-tags",
      excludable: true,
    });
    expect(rowsOf(report, "lost-reasoning")).toEqual([1, 2]);
    expect(findingOf(report, "lost-reasoning")?.detail).toContain("<think>");
    const tags = findingOf(reportOf([lost], { reasoning: "tags" }), "lost-reasoning");
    expect(tags).toMatchObject({ remedy: null, title: "1 row has reasoning that the template does not write" });
    expect(tags?.detail).toContain("another template");
  });

  test("reasoning of earlier answers alone: train each answer on its own", () => {
    expect(findingOf(reportOf([none, earlier]), "earlier-reasoning")).toMatchObject({
      severity: "warning",
      title: "1 row has reasoning in earlier answers that the template does not write",
      remedy: "each-answer",
    });
    expect(findingOf(reportOf([none, earlier], { turns: "each" }), "earlier-reasoning")).toBeUndefined();
  });

  test.each([
    ["tool_calls", 1, "lost-calls", "1 row has tool calls that the template does not write"],
    ["tools", -1, "lost-tools", "1 row has tool descriptions that the template does not write"],
    ["content", 0, "lost-text", "1 row has a message whose text the template does not write"],
  ] as const)("%s that are lost: the model's own template, where it is not chosen", (field, message, kind, title) => {
    const row = { messages: one, dropped: [at(message, field)] };
    expect(findingOf(reportOf([row]), kind)).toMatchObject({ severity: "warning", title, remedy: null });
    const own = (template: DataSettings["template"]) =>
      findingOf(reportOf([row], { template }, "{{ x }}"), kind)?.remedy;
    expect(own({ kind: "built-in", name: "chatml" })).toBe("own-template");
    expect(own({ kind: "model" })).toBeNull();
  });

  test("other fields are one hint with their names", () => {
    const row = (field: string) => ({ messages: one, dropped: [at(1, field)] });
    expect(findingOf(reportOf([row("name"), row("mood"), none]), "unread-fields")).toMatchObject({
      severity: "hint",
      title: "2 rows have message fields that the template does not write: name, mood",
      excludable: false,
    });
  });
});

describe("columns that no role uses", () => {
  const pair = { instruction: "Name a bird.", output: "A wren is a bird of gardens." };
  const titleOf = async (rows: readonly object[], name = "a.jsonl") => {
    const { report } = await inspectFile(name, rows.map((row) => JSON.stringify(row)).join("\n"));
    return findingOf(report, "unused-columns")?.title;
  };
  test.each<[string, readonly object[], string | undefined]>([
    ["none", [pair], undefined],
    ["one", [{ ...pair, source: "web" }], "A column has no role: source"],
    ["several", [{ ...pair, id: 1, source: "web" }], "2 columns have no role: id, source"],
    ["an empty one, as Parquet fills it in", [{ ...pair, source: null, note: "" }], undefined],
    ["in some rows", [pair, { ...pair, rating: 5 }], "A column has no role: rating"],
    [
      "many",
      [{ ...pair, ...Object.fromEntries([..."abcdefgh"].map((name) => [`c${name}`, 1])) }],
      "8 columns have no role: ca, cb, cc, cd, ce, cf and 2 more",
    ],
    ["a long name", [{ ...pair, ["x".repeat(90)]: 1 }], `A column has no role: ${"x".repeat(30)}…`],
    ["a text beside messages", [{ messages: [user(), answer("No.")], text: "a" }], "A column has no role: text"],
    ["with a category and a split", [{ ...pair, category: "birds", split: "train" }], undefined],
    ["mixed formats", [pair, { messages: [user(), answer("No.")], id: 1 }], undefined],
    [
      "ready-made text",
      [{ text: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n", meta: 1 }],
      "A column has no role: meta",
    ],
  ])("%s", async (_, rows, title) => {
    expect(await titleOf(rows)).toBe(title);
  });
});

test("what the template dropped reaches the report of an example", () => {
  const tokenizer = byteLevel();
  const template: Template = {
    name: "a template that drops reasoning",
    opensWithBos: true,
    repeatsBos: false,
    stopIds: [tokenizer.addedToken("<|end|>") ?? -1],
    endMarker: "",
    answerBegins: "",
    render: ({ messages }) => ({
      segments: messages.flatMap(({ role, content }, message) => {
        const own = { role, message, answer: role === "assistant" };
        return [
          { ...own, text: content, kind: "content" as const },
          { ...own, text: "<|end|>", kind: "control" as const },
        ];
      }),
      proof: "structure",
      dropped: messages.flatMap(({ fields = {} }, message) => Object.keys(fields).map((field) => ({ message, field }))),
    }),
  };
  const settings = { systemPrompt: null, mask: "responses", maxLength: 99, truncation: "drop" } as const;
  const result = tokenizeExample({ kind: "chat", row: 0, line: 1, messages: one }, { tokenizer, template, settings });
  expect(result).toMatchObject({ problem: null, dropped: [at(1, "reasoning_content")] });
});

describe("with a built-in template", () => {
  const row = (fields: object) => JSON.stringify({ messages: [user(), { ...answer("No."), ...fields }] });
  const reported = async (fields: object) => {
    const { report } = await inspectFile("a.jsonl", row(fields));
    return report.findings.map(({ kind, examples }) => `${kind} ${examples[0] ?? ""}`);
  };
  test.each([
    ["reasoning_content", { reasoning_content: "7 × 13" }, ["lost-reasoning row 1: message 2 (reasoning_content)"]],
    ["thinking", { thinking: "7 × 13" }, ["lost-reasoning row 1: message 2 (thinking)"]],
    ["a field of a task", { mood: "calm" }, ["unread-fields row 1: message 2 (mood)"]],
    ["a weight", { weight: 0.5 }, []],
    ["reasoning that Parquet fills in", { reasoning_content: null, mood: null }, []],
    ["reasoning in tags", { content: "<think>7 × 13</think>No." }, []],
  ])("%s", async (_, fields, findings) => {
    expect(await reported(fields)).toEqual(findings);
  });
});
