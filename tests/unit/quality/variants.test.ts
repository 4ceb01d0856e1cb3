/**
 * The settings for conversations of several answers and for reasoning. Oracle: examples written by hand, and the prompt that
 * the template writes before each answer.
 */

import { describe, expect, test } from "vitest";
import { splitValidation } from "../../../src/batching/split.ts";
import { type TokenizeParts, tokenizeExample } from "../../../src/quality/tokenize.ts";
import { variantsOf } from "../../../src/quality/variants.ts";
import type { ChatExample, Message } from "../../../src/records/example.ts";
import type { ExampleBody } from "../../../src/records/formats/convert.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { families, lineOf, spoken } from "../templates/families.ts";
import { textOf } from "../templates/support.ts";
import { inspectFile } from "./chain.ts";

const user = (content: string): Message => ({ role: "user", content });
const answer = (content: string, rest: Partial<Message> = {}): Message => ({ role: "assistant", content, ...rest });
const chat = (...messages: Message[]): Omit<ChatExample, "row" | "line"> => ({ kind: "chat", messages });

const each = (example: ExampleBody) => variantsOf(example, { turns: "each", reasoning: "template" });
const tags = (example: ExampleBody) => variantsOf(example, { turns: "together", reasoning: "tags" });
const chatOf = (example: ExampleBody | undefined) => {
  if (example?.kind !== "chat") throw new Error("A chat is expected.");
  return example;
};

describe("each answer alone", () => {
  test("has the messages up to it, and earlier answers without a weight", () => {
    const [first, second, ...more] = each(
      chat(user("a"), answer("b"), user("c"), answer("d", { weight: 0.5 }), user("e")),
    );
    expect(more).toEqual([]);
    expect(first).toEqual({ ...chat(user("a"), answer("b")), turn: { nth: 1, of: 2 } });
    expect(second).toEqual({
      ...chat(user("a"), answer("b", { weight: 0 }), user("c"), answer("d", { weight: 0.5 })),
      turn: { nth: 2, of: 2 },
    });
  });

  test("there is none for an answer of weight 0, unless a part of it has a weight", () => {
    const parts = [{ text: "d", weight: 1 }, { text: "e" }];
    const made = each(
      chat(
        user("a"),
        answer("b", { weight: 0 }),
        user("c"),
        answer("de", { weight: 0, parts }),
        user("f"),
        answer("g"),
      ),
    ).map(chatOf);
    expect(made.map(({ turn, messages }) => [turn, messages.length])).toEqual([
      [{ nth: 1, of: 2 }, 4],
      [{ nth: 2, of: 2 }, 6],
    ]);
    expect(made[0]?.messages[3]).toEqual(answer("de", { weight: 0, parts }));
    // As context it has no parts that could be trained.
    expect(made[1]?.messages[3]).toEqual(answer("de", { weight: 0 }));
  });

  test("a conversation of one answer at its end stays as it is, and one that goes on ends with its answer", () => {
    const single = chat(user("a"), answer("b"));
    expect(each(single)).toEqual([single]);
    expect(each(chat(user("a"), answer("b"), user("c")))).toEqual([single]);
  });

  test("plain text, ready-made text, preferences and conversations without a weight stay as they are", () => {
    const turns = [user("a"), answer("b"), user("c"), answer("d")];
    const untouched: ExampleBody[] = [
      { kind: "text", text: "a" },
      { ...chat(...turns), ready: [{ text: "a", marker: false, message: 0, answer: false }] },
      { kind: "preference", prompt: turns, chosen: turns, rejected: turns },
      chat(...turns.map((message) => ({ ...message, weight: 0 }))),
    ];
    for (const example of untouched) {
      expect(each(example)).toEqual([example]);
      expect(each(example)[0]).toBe(example);
    }
    expect(tags(untouched[1] ?? chat())[0]).toBe(untouched[1]);
  });
});

describe("reasoning in tags", () => {
  test("also of both answers of a preference row, and of its prompt's answers", () => {
    const thought = (content: string, text: string) => answer(content, { fields: { reasoning_content: text } });
    const written = (content: string, text: string) => answer(`<think>\n${text}\n</think>\n\n${content}`);
    const row: ExampleBody = {
      kind: "preference",
      prompt: [user("a"), thought("b", "1"), user("c")],
      chosen: [thought("d", "2")],
      rejected: [thought("e", "3")],
    };
    expect(tags(row)).toEqual([
      {
        ...row,
        prompt: [user("a"), written("b", "1"), user("c")],
        chosen: [written("d", "2")],
        rejected: [written("e", "3")],
      },
    ]);
  });

  test.each(["reasoning_content", "reasoning", "thinking"])(
    "moves %s into the text, with its other fields left",
    (name) => {
      const [made] = tags(chat(user("a"), answer("b", { fields: { [name]: " why\n", task: "t" }, weight: 2 })));
      expect(made).toEqual(
        chat(user("a"), answer("<think>\nwhy\n</think>\n\nb", { fields: { task: "t" }, weight: 2 })),
      );
    },
  );

  test("parts stay at the end of the text, with their weights", () => {
    const parts = [{ text: "b", weight: 0 }, { text: "c" }];
    const [made] = tags(chat(user("a"), answer("bc", { fields: { thinking: "why" }, parts })));
    expect(chatOf(made).messages[1]).toEqual(
      answer("<think>\nwhy\n</think>\n\nbc", { parts: [{ text: "<think>\nwhy\n</think>\n\n" }, ...parts] }),
    );
  });

  test("an answer without a text before its calls has one then", () => {
    const toolCalls = [{ name: "look", arguments: {} }];
    const [made] = tags(chat(user("a"), answer("", { structured: null, toolCalls, fields: { reasoning: "why" } })));
    expect(chatOf(made).messages[1]).toEqual(answer("<think>\nwhy\n</think>\n\n", { toolCalls }));
  });

  test("a user's field and an empty one are no reasoning", () => {
    const messages = [{ ...user("a"), fields: { reasoning: "mine" } }, answer("b", { fields: { reasoning: "" } })];
    expect(chatOf(tags(chat(...messages))[0]).messages).toEqual(messages);
  });
});

/** All conversations of several answers that the family's template writes. */
const trained = families.flatMap((family) =>
  family.expected.filter(({ proof }) => proof !== "refused").map(({ conversation }) => ({ ...family, conversation })),
);

test.each(trained)("$name, $conversation: each answer is trained after the prompt that it is generated from", (one) => {
  const { name, source, tokenizer, conversation } = one;
  const template = createChatTemplate({ name, source, tokenizer, own: true });
  const parts: TokenizeParts = {
    tokenizer,
    template,
    settings: { systemPrompt: null, mask: "responses", maxLength: 9999, truncation: "drop" },
  };
  const { messages = [], tools } = spoken[conversation] ?? {};
  const withTools = { ...(tools && { tools }) };
  const made = each({ ...chat(...messages), ...withTools }).map(chatOf);
  expect(made).toHaveLength(messages.filter(({ role }) => role === "assistant").length);
  for (const body of made) {
    const result = tokenizeExample({ ...body, row: 0, line: 1 }, parts);
    if (!("encoding" in result)) throw new Error(result.problem);
    const before = { messages: body.messages.slice(0, -1), ...withTools };
    const prompt = textOf(template.render(before, { generationPrompt: true }).segments);
    const { text, starts, mask, ids } = result.encoding;
    const from = starts[mask.indexOf(1)] ?? 0;
    expect(template.stopIds).toContain(ids[mask.lastIndexOf(1)]);
    // R1's prompt also opens the reasoning, which its template cuts from every text.
    const begins = name === "r1" ? prompt.replace(/<think>\n$/, "") : prompt;
    // gpt-oss hides the thoughts before calls as soon as the final answer stands in the conversation.
    const hidden = name === "gptoss" && conversation === "two steps" && body === made.at(-1);
    const shown = hidden ? begins.replace(/<\|channel\|>analysis.*?<\|start\|>assistant(?= to=)/g, "") : begins;
    expect(text.slice(0, from)).toBe(shown);
  }
});

test("Qwen 3 writes the reasoning of every answer then, and the report misses none", async () => {
  const family = families.find(({ name }) => name === "qwen3");
  const row = lineOf(spoken.reasoning ?? { messages: [] });
  if (!family) throw new Error("The family is missing.");
  const chain = { template: { kind: "model" }, chatTemplate: family.source, tokenizer: family.tokenizer } as const;
  const kinds = async (turns: "each" | "together") => {
    const { report } = await inspectFile("rows.jsonl", row, { ...chain, turns });
    return report.findings.map(({ kind }) => kind).filter((kind) => kind.endsWith("reasoning"));
  };
  expect(await kinds("together")).toEqual(["earlier-reasoning"]);
  expect(await kinds("each")).toEqual([]);
});

test("the examples of a row stay on one side of the split", async () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({
    messages: [0, 1, 2].flatMap((turn) => [
      { role: "user", content: `Question ${turn} of ${i}` },
      { role: "assistant", content: `Answer ${turn} of ${i}` },
    ]),
  }));
  const file = rows.map((row) => JSON.stringify(row)).join("\n");
  const { table, report } = await inspectFile("rows.jsonl", file, { turns: "each", validationShare: 0.25 });
  expect([...table.rows]).toEqual(rows.flatMap((_, i) => [i, i, i]));
  const { training, validation } = splitValidation(table, 0.25, 1);
  expect([training.length, validation.length]).toEqual([27, 9]);
  const heldOut = new Set(validation.map((index) => table.rows[index]));
  expect(heldOut.size).toBe(3);
  expect(training.filter((index) => heldOut.has(table.rows[index]))).toEqual([]);
  expect(report.examples).toBe(36);
});
