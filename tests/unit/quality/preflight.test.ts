/** The hard checks: which rows pass or fail, and the messages. */

import { describe, expect, test } from "vitest";
import type { Truncated } from "../../../src/batching/truncate.ts";
import { assertReady } from "../../../src/quality/preflight.ts";
import type { CheckKind, DataReport } from "../../../src/quality/report.ts";
import type { Tokenized } from "../../../src/quality/tokenize.ts";
import type { Message } from "../../../src/records/example.ts";
import { chat, idOf, inspect, plain, type Setting, template, tokenizer } from "./made.ts";

const good = chat(0, "hi", "hello there");
const other = chat(4, "what?", "nothing at all");

const failed = ({ checks }: DataReport) => checks.filter(({ passed }) => !passed).map(({ kind }) => kind);
const titleOf = ({ checks }: DataReport, kind: CheckKind) => checks.find((check) => check.kind === kind)?.title;

/** Changes the tokens of row 5. */
const onRow5 =
  (change: (sequence: Truncated) => Partial<Truncated>): NonNullable<Setting["changeSequence"]> =>
  (sequence, { row }) =>
    row === 4 ? { ...sequence, ...change(sequence) } : sequence;
const without = ({ ids, mask, weights, indices }: Truncated, from: number, to: number) => ({
  ids: Int32Array.from([...ids.slice(0, from), ...ids.slice(to)]),
  mask: Uint8Array.from([...mask.slice(0, from), ...mask.slice(to)]),
  weights: Float32Array.from([...weights.slice(0, from), ...weights.slice(to)]),
  indices: Int32Array.from([...indices.slice(0, from), ...indices.slice(to)]),
});
const insert = ({ ids, mask, weights, indices }: Truncated, at: number, id: number) => ({
  ids: Int32Array.from([...ids.slice(0, at), id, ...ids.slice(at)]),
  mask: Uint8Array.from([...mask.slice(0, at), 0, ...mask.slice(at)]),
  weights: Float32Array.from([...weights.slice(0, at), 0, ...weights.slice(at)]),
  indices: Int32Array.from([...indices.slice(0, at), indices[at] ?? 0, ...indices.slice(at)]),
});

test("good rows pass every check, with their results in the titles", () => {
  const report = inspect([good, other]);
  expect(failed(report)).toEqual([]);
  expect(report.checks.map(({ kind, title }) => [kind, title])).toEqual([
    ["rows", "2 examples to train on"],
    ["stop", 'Every answer ends in a supervised "<|end|>"'],
    ["bos", "Every example begins with exactly one <s>"],
    ["supervised", "Every example has supervised tokens"],
    ["spans", "The supervised spans are known from the template's own structure"],
    ["mixture", "The source has examples to train on"],
  ]);
  expect(() => assertReady(report)).not.toThrow();
});

describe("a run is stopped", () => {
  const rows: [string, CheckKind, Setting, RegExp][] = [
    [
      "without a stop token",
      "stop",
      { change: shorterEncoding },
      /^Row 5: a response ends in token \d+ \(" all"\), not in a stop token \(6 or 1\)/,
    ],
    [
      "whose stop token is masked, for example because it is the padding token",
      "stop",
      { changeSequence: onRow5(({ mask }) => ({ mask: mask.with(-1, 0) })) },
      /^Row 5: a response ends in token \d+ \(" all"\), not in a stop token/,
    ],
    [
      "with every token masked",
      "supervised",
      { changeSequence: onRow5(({ mask }) => ({ mask: mask.fill(0) })) },
      /^Row 5: no token is supervised/,
    ],
    [
      "with two BOS",
      "bos",
      { changeSequence: onRow5((s) => insert(s, 0, tokenizer.bos.id)) },
      /^Row 5: it begins with 2 tokens "<s>", but the model expects 1/,
    ],
    [
      "without BOS",
      "bos",
      { changeSequence: onRow5((s) => without(s, 0, 1)) },
      /begins with 0 tokens "<s>", but the model expects 1/,
    ],
    [
      "with a BOS that the model does not expect",
      "bos",
      { template: { ...template, opensWithBos: false } },
      /^Row 1: it begins with 1 tokens "<s>", but the model expects 0/,
    ],
    [
      "with a BOS within the row",
      "bos",
      { changeSequence: onRow5((s) => insert(s, 3, tokenizer.bos.id)) },
      /^Row 5: token 4 is "<s>"/,
    ],
    [
      "with a supervised first token",
      "spans",
      { changeSequence: onRow5(({ mask }) => ({ mask: mask.with(0, 1) })) },
      /^Row 5: its first token is supervised, but nothing predicts it/,
    ],
    [
      "with a token that the vocabulary lacks",
      "spans",
      { changeSequence: onRow5(({ ids }) => ({ ids: ids.with(2, 2_000_000) })) },
      /^Row 5: it has token 2000000, but the vocabulary ends at 999999/,
    ],
    [
      "with a weight of zero for the source",
      "mixture",
      { sources: [{ name: "pairs.jsonl", records: 2, lambda: 0 }] },
      /^The weight λ of pairs.jsonl is 0, .*above 0/,
    ],
    [
      "with a source without examples",
      "mixture",
      {
        sources: [
          { name: "a.jsonl", records: 2, lambda: 1 },
          { name: "b.jsonl", records: 9, lambda: 1 },
        ],
      },
      /^b.jsonl has no usable example, /,
    ],
    [
      "with a source that is held out completely",
      "mixture",
      {
        sources: [
          { name: "a.jsonl", records: 1, lambda: 1 },
          { name: "b.jsonl", records: 1, lambda: 1 },
        ],
        sourceOf: (index) => index,
        isHeldOut: (sequence) => sequence === 1,
      },
      /^All 1 example of b.jsonl are held out for validation/,
    ],
  ];
  test.each(rows)("%s", (_, kind, setting, message) => {
    const report = inspect([good, other], setting);
    expect(failed(report)).toEqual([kind]);
    expect(() => assertReady(report)).toThrow(message);
    expect(() => assertReady(report)).toThrow(/so the run was not started\. .{20}/);
    const check = report.checks.find((found) => found.kind === kind);
    if (check?.title.startsWith("Row 5")) expect(check.rows).toEqual({ sources: [0], rows: [4] });
  });

  test("without rows", () => {
    const report = inspect([]);
    expect(failed(report)).toContain("rows");
    expect(() => assertReady(report)).toThrow(/^No row is left to train on, .*rows left out/);
  });
});

/** Row 5 has no stop token before truncation. */
function shorterEncoding(tokenized: Tokenized, { row }: { row: number }): Tokenized {
  const { encoding } = tokenized;
  const mask = encoding.mask.slice(0, -1);
  return row === 4 ? { ...tokenized, encoding: { ...encoding, ids: encoding.ids.slice(0, -1), mask } } : tokenized;
}

test("faulty rows are listed once, at most 20, the first one in words", () => {
  const many = Array.from({ length: 50 }, (_, row) => chat(row, "hi", `hello ${row}`));
  const changeSequence = (sequence: Truncated) => ({ ...sequence, mask: sequence.mask.with(-1, 0) });
  const check = inspect(many, { changeSequence }).checks.find(({ kind }) => kind === "stop");
  expect(check?.title).toMatch(/^Row 1: /);
  expect(check?.rows.rows).toEqual(Array.from({ length: 20 }, (_, row) => row));
  const sources = [
    { name: "a.jsonl", records: 1, lambda: 1 },
    { name: "b.jsonl", records: 49, lambda: 1 },
  ];
  const named = inspect(many, { changeSequence, sources, sourceOf: (index) => Math.min(index, 1) });
  expect(titleOf(named, "stop")).toMatch(/^a.jsonl, row 1: /);
});

describe("answers that the length limit cuts", () => {
  const long = chat(4, "hi", "one two three four five six");
  test("need no stop token if other answers have one", () => {
    const report = inspect([good, long], { maxLength: 8, truncation: "right" });
    expect(failed(report)).toEqual([]);
    expect(titleOf(report, "stop")).toBe(
      'Every answer ends in a supervised "<|end|>", except 1 answer that the length limit cuts',
    );
  });
  test("retain it when they are cut from the left", () => {
    const report = inspect([long], { maxLength: 8, truncation: "left" });
    expect(failed(report)).toEqual([]);
    expect(titleOf(report, "stop")).toBe('Every answer ends in a supervised "<|end|>"');
  });
  test("stop the run if all lose their stop token", () => {
    const report = inspect([long], { maxLength: 8, truncation: "right" });
    expect(failed(report)).toEqual(["stop"]);
    expect(() => assertReady(report)).toThrow(/cuts the stop token of all 1 example, .*cut from the left/);
  });
});

describe("the stop check ignores spans that do not end an answer", () => {
  const answer = (parts: Message["parts"]): Message => ({
    role: "assistant",
    content: parts?.map(({ text }) => text).join("") ?? "",
    ...(parts && { parts }),
  });
  test("parts of an answer with weight 0, within it and at its end", () => {
    const parts = [{ text: "one" }, { text: " two", weight: 0 }, { text: " three" }, { text: " four", weight: 0 }];
    expect(failed(inspect([chat(0, { role: "user", content: "hi" }, answer(parts))]))).toEqual([]);
  });
  test("several turns, some with weight 0", () => {
    const masked: Message = { role: "assistant", content: "old answer", weight: 0 };
    const messages = [
      { role: "user", content: "a" },
      masked,
      { role: "user", content: "b" },
      answer([{ text: "new" }]),
    ] as const;
    expect(failed(inspect([chat(0, ...messages)]))).toEqual([]);
  });
  test("but it finds an answer in the middle without a stop token", () => {
    const changeSequence = (sequence: Truncated): Truncated => {
      const first = sequence.ids.findIndex((id, i) => id === idOf("<|end|>") && sequence.mask[i] === 1);
      return { ...sequence, ...without(sequence, first, first + 1) };
    };
    const turns = chat(0, "a", "first answer", "b", "second");
    expect(failed(inspect([turns], { changeSequence }))).toEqual(["stop"]);
    // It also finds one if the question after it has no end token either.
    const noEnds = (sequence: Truncated): Truncated => {
      const changed = changeSequence(sequence);
      const second = changed.ids.lastIndexOf(idOf("<|assistant|>")) - 1;
      return { ...changed, ...without(changed, second, second + 1) };
    };
    expect(failed(inspect([turns], { changeSequence: noEnds }))).toEqual(["stop"]);
  });
  test("a supervised line break of the template after the stop token", () => {
    const change = (tokenized: Tokenized): Tokenized => {
      const { encoding } = tokenized;
      const end = encoding.text.length;
      return {
        ...tokenized,
        encoding: {
          ...encoding,
          ids: Int32Array.from([...encoding.ids, idOf("\n")]),
          mask: Uint8Array.from([...encoding.mask, 1]),
          weights: Float32Array.from([...encoding.weights, 1]),
          text: `${encoding.text}\n`,
          starts: Int32Array.from([...encoding.starts, end]),
          ends: Int32Array.from([...encoding.ends, end + 1]),
        },
      };
    };
    expect(failed(inspect([good], { change }))).toEqual([]);
  });
  test("BOS before each question, which Llama 2's template writes after the stop token", () => {
    const turns = chat(0, "a", "b", "c", "d");
    const changeSequence = (sequence: Truncated): Truncated => {
      const second = sequence.ids.lastIndexOf(idOf("<|user|>"));
      return { ...sequence, ...insert(sequence, second, tokenizer.bos.id) };
    };
    expect(failed(inspect([turns], { changeSequence }))).toEqual([]);
  });
});

test("plain text needs no stop token; its windows begin like the text", () => {
  const report = inspect([plain(0, "some words of a longer text that is cut into windows")], { maxLength: 5 });
  expect(failed(report)).toEqual([]);
  expect(report.examples).toBe(3);
  expect(titleOf(report, "stop")).toMatch(/^Plain text only/);
});
