/** Preference rows to the entries of the token table. Oracle: the template's text by hand, and each answer tokenized as a chat. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { truncations } from "../../../src/batching/truncate.ts";
import type { DataSettings } from "../../../src/quality/tokenize.ts";
import { tokenizeExample } from "../../../src/quality/tokenize.ts";
import { tokenizeAnswers } from "../../../src/quality/tokenizeAnswers.ts";
import type { Message, PreferenceExample } from "../../../src/records/example.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { cases } from "../../support/long.ts";
import { byteLevel, inspectFile } from "./chain.ts";
import { findingOf, rowsOf } from "./made.ts";

const tokenizer = byteLevel();
const template = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
const partsFor = (change: Partial<Pick<DataSettings, "systemPrompt" | "mask" | "maxLength" | "truncation">> = {}) => ({
  tokenizer,
  template,
  settings: { systemPrompt: null, mask: "responses", maxLength: 999, truncation: "drop", ...change } as const,
});

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string, more: Partial<Message> = {}): Message => ({ role: "assistant", content, ...more });
const preference = (
  prompt: readonly Message[],
  chosen: readonly Message[],
  rejected: readonly Message[],
): PreferenceExample => ({ kind: "preference", prompt, chosen, rejected, row: 0, line: 1 });
const pair = preference([user("hi")], [assistant("good")], [assistant("quite bad")]);

function answersOf(example: PreferenceExample, change: Parameters<typeof partsFor>[0] = {}) {
  const result = tokenizeAnswers(example, partsFor(change));
  if (!("answers" in result)) throw new Error(result.problem);
  return result;
}
const supervisedText = ({ ids, mask }: { readonly ids: Int32Array; readonly mask: Uint8Array }) =>
  [...ids]
    .filter((_, i) => mask[i] === 1)
    .map((id) => tokenizer.show(id))
    .join("");

describe("the answers of a pair", () => {
  test("are supervised with their stop token, and share the prompt's tokens", () => {
    const { answers, problem } = answersOf(pair);
    expect(problem).toBeNull();
    expect(answers.map(({ side, sequence }) => [side, supervisedText(sequence)])).toEqual([
      ["chosen", "good<|end|>"],
      ["rejected", "quite bad<|end|>"],
    ]);
    const [a, b] = answers.map(({ sequence }) => sequence);
    const begin = a?.mask.indexOf(1) ?? 0;
    expect(begin).toBeGreaterThan(0);
    expect(b?.mask.indexOf(1)).toBe(begin);
    expect([...(a?.ids.subarray(0, begin) ?? [])]).toEqual([...(b?.ids.subarray(0, begin) ?? [])]);
    expect(tokenizer.decode(a?.ids.subarray(0, begin) ?? [])).toBe("<|user|>hi\n<|assistant|>");
  });

  test("have the ids of the same chats, and no mask of the recipe applies", () => {
    const prompt = [user("a"), assistant("earlier"), user("b")];
    const example = preference(prompt, [assistant("c")], [assistant("d e")]);
    for (const mask of ["responses", "last", "everything"] as const) {
      const { answers } = answersOf(example, { mask });
      for (const { side, sequence } of answers) {
        const chat = tokenizeExample(
          { kind: "chat", messages: [...prompt, ...example[side]], row: 0, line: 1 },
          partsFor({ mask: "last" }),
        );
        if (!("encoding" in chat)) throw new Error(chat.problem);
        expect([...sequence.ids]).toEqual([...chat.encoding.ids]);
        expect([...sequence.mask]).toEqual([...chat.encoding.mask]);
      }
    }
  });

  test("of several messages: the answers are supervised, the results of tools are not", () => {
    const chosen = [assistant("calls"), { role: "tool", content: "result" } as const, assistant("so it is")];
    const { answers } = answersOf(preference([user("hi")], chosen, [assistant("no")]));
    expect(answers.map(({ sequence }) => supervisedText(sequence))).toEqual([
      "calls<|end|>so it is<|end|>",
      "no<|end|>",
    ]);
  });

  test("have weight 1, except messages and parts with weight 0, which are masked", () => {
    const parts = [
      { text: "seen ", weight: 0 },
      { text: "learned", weight: 0.5 },
    ];
    const chosen = [assistant("seen learned", { parts }), user("and?"), assistant("no", { weight: 0 })];
    const { answers } = answersOf(preference([user("hi")], chosen, [assistant("x", { weight: 3 })]));
    expect(answers.map(({ sequence }) => supervisedText(sequence))).toEqual(["learned<|end|>", "x<|end|>"]);
    for (const { sequence } of answers) {
      expect(new Set([...sequence.weights].filter((_, i) => sequence.mask[i] === 1))).toEqual(new Set([1]));
    }
  });

  test("one answer alone is one entry", () => {
    expect(answersOf(preference([user("q")], [], [assistant("bad")])).answers.map(({ side }) => side)).toEqual([
      "rejected",
    ]);
    expect(answersOf(preference([user("q")], [assistant("ok")], [])).answers.map(({ side }) => side)).toEqual([
      "chosen",
    ]);
  });

  test("a row whose answer cannot be used is left out whole, with the answer named", () => {
    const masked = preference([user("q")], [assistant("ok")], [assistant("bad", { weight: 0 })]);
    expect(answersOf(masked).problem).toBe("rejected answer: no token of the answer is supervised");
    const failing = {
      ...template,
      render: ({ messages }: Parameters<typeof template.render>[0]) => {
        if (messages.at(-1)?.content === "bad") throw new Error("the template refuses it");
        return template.render({ messages });
      },
    };
    expect(
      tokenizeAnswers(preference([user("q")], [assistant("ok")], [assistant("bad")]), {
        ...partsFor(),
        template: failing,
      }),
    ).toEqual({ problem: "rejected answer: the template refuses it", outOfTime: false });
  });
});

describe("truncation", () => {
  const long = preference([user("0123456789 abcdefghij")], [assistant("yes")], [assistant("no, and that is why")]);
  const whole = answersOf(long).answers.map(({ sequence }) => sequence.ids.length);
  const most = Math.max(...whole);

  test("drop: one answer too long leaves the row out", () => {
    expect(answersOf(long, { maxLength: most }).problem).toBeNull();
    expect(answersOf(long, { maxLength: most - 1 }).problem).toBe(
      `rejected answer: ${most} tokens exceed the limit of ${most - 1}; raise the length or shorten the row`,
    );
  });

  test("left: both prompts lose as many tokens as the longer answer needs, and both answers stay whole", () => {
    const { answers, problem } = answersOf(long, { maxLength: most - 5, truncation: "left" });
    expect(problem).toBeNull();
    expect(answers.map(({ sequence }) => supervisedText(sequence))).toEqual([
      "yes<|end|>",
      "no, and that is why<|end|>",
    ]);
    const prompts = answers.map(({ sequence: { ids, mask } }) => tokenizer.decode(ids.subarray(0, mask.indexOf(1))));
    expect(prompts[0]).toBe(prompts[1]);
  });

  test("left: an answer above the limit leaves the row out", () => {
    expect(answersOf(long, { maxLength: 10, truncation: "left" }).problem).toMatch(
      /^chosen answer: its answers have up to \d+ tokens, and the limit is 10; raise the length$/,
    );
  });

  test("right: the prompt stays whole, and a prompt that fills the limit leaves the row out", () => {
    const { answers } = answersOf(long, { maxLength: most - 5, truncation: "right" });
    expect(answers.map(({ tokenized }) => tokenized.lost)).toEqual([0, 5]);
    expect(answersOf(long, { maxLength: 12, truncation: "right" }).problem).toMatch(
      /^chosen answer: the limit of 12 tokens cuts the whole answer/,
    );
  });

  test("any row and limit: equal prompts, no longer than the limit, and at most the end of an answer is lost", () => {
    // Oracle: the whole rows. Seed 19.
    const word = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."ab ,é") });
    const prompt = fc.array(word, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        prompt,
        word,
        word,
        fc.integer({ min: 2, max: 90 }),
        fc.constantFrom(...truncations),
        (texts, good, bad, maxLength, truncation) => {
          const messages = texts.flatMap((text, i) => (i === 0 ? [user(text)] : [assistant("so"), user(text)]));
          const example = preference(messages, [assistant(good)], [assistant(bad)]);
          const full = answersOf(example).answers;
          const { answers, problem } = answersOf(example, { maxLength, truncation });
          if (problem !== null) {
            expect(answers.every(({ tokenized }) => tokenized.sequences.length === 0)).toBe(true);
            expect(full.some(({ sequence }) => sequence.ids.length > maxLength)).toBe(true);
            return;
          }
          const prompts = answers.map(({ sequence: { ids, mask } }) => [...ids.subarray(0, mask.indexOf(1))]);
          expect(prompts[0]).toEqual(prompts[1]);
          for (const [i, { sequence }] of answers.entries()) {
            expect(sequence.ids.length).toBeLessThanOrEqual(maxLength);
            expect(sequence.mask[0]).toBe(0);
            const text = supervisedText(full[i]?.sequence ?? sequence);
            if (truncation === "right") expect(text.startsWith(supervisedText(sequence))).toBe(true);
            else expect(supervisedText(sequence)).toBe(text);
          }
        },
      ),
      { seed: 19, numRuns: cases(300) },
    );
  });
});

describe("the table and the report", () => {
  const rows = (lines: readonly unknown[]) => lines.map((line) => JSON.stringify(line)).join("\n");
  const pairs = [
    { prompt: "one", chosen: "a", rejected: "b b" },
    { prompt: "two", chosen: "c", rejected: "d", split: "validation" },
    { prompt: "three", chosen: "e", rejected: "f" },
  ];

  test("two entries a row, partners of each other, beside the chats of another file's form", async () => {
    const text = rows([pairs[0], { instruction: "x", output: "y" }, pairs[1], pairs[2]]);
    const { table, report } = await inspectFile("mixed.jsonl", text, { preferences: true, excluded: [3] });
    expect([...table.kinds]).toEqual([2, 3, 1, 2, 3]);
    expect([...table.partners]).toEqual([1, 0, -1, 4, 3]);
    expect([...table.rows]).toEqual([0, 0, 1, 2, 2]);
    expect([...table.splits]).toEqual([0, 0, 0, 2, 2]);
    expect(report.examples).toBe(3);
    const [source] = report.sources;
    expect(source).toMatchObject({ examples: 3, excluded: 1 });
    expect(source?.byKind.preference.training).toBe(1);
    expect(source?.byKind.chat.training).toBe(1);
    expect(source?.tokens).toBe(table.ids.length);
    expect(findingOf(report, "preference")).toBeUndefined();
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
  });

  test("without stages of preferences the rows are left out, as before", async () => {
    const { table, report } = await inspectFile("pairs.jsonl", rows(pairs));
    expect(table.kinds).toHaveLength(0);
    expect(rowsOf(report, "preference")).toEqual([0, 1, 2]);
  });

  test("one bad answer leaves out the row, and says which answer", async () => {
    const { table, report } = await inspectFile(
      "pairs.jsonl",
      rows([{ prompt: "p", chosen: "ok", rejected: "far too long ".repeat(20) }, pairs[0]]),
      { preferences: true, maxLength: 60 },
    );
    expect([...table.rows]).toEqual([1, 1]);
    expect(report.leftOut).toHaveLength(1);
    expect(report.leftOut[0]?.message).toMatch(/^rejected answer: \d+ tokens exceed the limit of 60/);
    expect(rowsOf(report, "too-long")).toEqual([0]);
  });

  test("equal answers after the template, empty answers, opposite preferences and a bias of length are found", async () => {
    const many = Array.from({ length: 8 }, (_, i) => ({
      prompt: `q ${i}`,
      chosen: `short ${i}`,
      rejected: `a longer answer ${i}`,
    }));
    const { report } = await inspectFile(
      "pairs.jsonl",
      rows([
        ...many,
        { prompt: "q 3", chosen: "A longer  answer 3", rejected: "short 3 " },
        {
          prompt: [{ role: "user", content: "p" }],
          chosen: [{ role: "assistant", content: "x", reasoning_content: "a" }],
          rejected: [{ role: "assistant", content: "x", reasoning_content: "b" }],
        },
        {
          prompt: [{ role: "user", content: "p" }],
          chosen: [{ role: "assistant", content: "\u200b" }],
          rejected: [{ role: "assistant", content: "yes" }],
        },
      ]),
      { preferences: true },
    );
    expect(rowsOf(report, "opposite-preference")).toEqual([8]);
    expect(findingOf(report, "opposite-preference")?.examples).toEqual(["row 9 and row 4"]);
    // Hone's template writes no reasoning.
    expect(rowsOf(report, "equal-answers")).toEqual([9]);
    expect(rowsOf(report, "empty-answer")).toEqual([10]);
    expect(findingOf(report, "length-bias")?.title).toMatch(
      /^In 7\d % of 11 pairs the chosen answer is shorter: on average 0\.\d\d times the tokens of the rejected one$/,
    );
    expect(findingOf(report, "contradiction")).toBeUndefined();
  });
});
