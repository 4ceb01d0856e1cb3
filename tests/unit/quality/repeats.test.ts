/** Duplicates, contradictions and leakage. Oracle: a comparison of all pairs. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstEqual, TextHash } from "../../../src/quality/columns.ts";
import { createRepeats, type Split } from "../../../src/quality/repeats.ts";
import type { ChatExample, Message, TextExample } from "../../../src/records/example.ts";
import { ExactNumber, type Value } from "../../../src/records/value.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { cases } from "../../support/long.ts";
import { chat, plain } from "./made.ts";

function find(examples: readonly (ChatExample | TextExample)[], split: Partial<Split> = {}) {
  const repeats = createRepeats();
  for (const example of examples) repeats.add(example);
  return repeats.find({
    isHeldOut: () => false,
    isSameRecord: (a, b) => examples[a]?.row === examples[b]?.row,
    ...split,
  });
}
const ends = (pairs: readonly { later: number; earlier: number }[]) =>
  pairs.map(({ later, earlier }) => [later, earlier]);

const random = createRandom(3);
/** Words that do not repeat by chance. */
const words = (count: number) => Array.from({ length: count }, () => `w${random.below(2 ** 31)}`);
const text = (list: readonly string[]) => list.join(" ");

describe("what a message carries beside its text", () => {
  const answer = (row: number, more: Partial<Message>) => chat(row, "a", { role: "assistant", content: "b", ...more });
  const called = (given: Value): Partial<Message> => ({ toolCalls: [{ name: "f", arguments: given }] });
  const variants: [string, Partial<Message>, Partial<Message>][] = [
    ["reasoning", { fields: { reasoning: "r" } }, { fields: { reasoning: "s" } }],
    ["the name of the reasoning", { fields: { reasoning: "r" } }, { fields: { thinking: "r" } }],
    ["reasoning or none", { fields: { reasoning_content: "r" } }, {}],
    [
      "exact numbers",
      called({ a: new ExactNumber("9007199254740993") }),
      called({ a: new ExactNumber("9007199254740992") }),
    ],
    ["the kind of a number", called({ a: 12 }), called({ a: new ExactNumber("12.0") })],
    [
      "the order of keys",
      called(
        new Map([
          ["2", 1],
          ["1", 2],
        ]),
      ),
      called(
        new Map([
          ["1", 2],
          ["2", 1],
        ]),
      ),
    ],
    ["a structured result", { structured: { a: 1 } }, { structured: [1] }],
    ["the call answered", { toolCallId: "x" }, { toolCallId: "y" }],
    ["the speaker", { name: "x" }, { name: "y" }],
    ["a field of a task", { fields: { level: 1 } }, { fields: { level: 2 } }],
  ];
  test.each(variants)("%s: rows that differ are not equal, and contradict each other", (_, one, other) => {
    const { exact, contradictions } = find([answer(0, one), answer(1, other), answer(2, one)]);
    expect(ends(exact)).toEqual([[2, 0]]);
    expect(ends(contradictions)).toEqual([[1, 0]]);
  });
  test("loss weights make no difference", () => {
    const weighed = answer(1, { weight: 0, fields: { weight: 0, train: false, loss_weight: 1 } });
    expect(ends(find([answer(0, {}), weighed]).exact)).toEqual([[1, 0]]);
  });
  test("equal answers after different reasoning are no near duplicates", () => {
    const long = text(words(60));
    const thought = (row: number, reasoning: string) =>
      chat(row, long, { role: "assistant", content: "b", fields: { reasoning } });
    const shared = text(words(200));
    expect(ends(find([thought(0, text(words(200))), thought(1, text(words(200)))]).near)).toEqual([]);
    expect(ends(find([thought(0, shared), thought(1, `${shared} x`)]).near)).toEqual([[1, 0]]);
  });
});

describe("repeats", () => {
  test("exact: equal words and roles; each is paired with the first", () => {
    const examples = [
      chat(0, "a", "b"),
      chat(1, "a ", "b"),
      chat(2, "a", "b"),
      chat(3, "ab", ""),
      chat(4, { role: "system", content: "a" }, { role: "assistant", content: "b" }),
      plain(5, "ab"),
      chat(6, "a", "b"),
      plain(7, "ab"),
    ];
    expect(ends(find(examples).exact)).toEqual([
      [2, 0],
      [6, 0],
      [7, 5],
    ]);
  });

  test("exact duplicates, as in a comparison of all pairs", () => {
    const few = fc.constantFrom("", "a", "b", "ab", "a b");
    fc.assert(
      fc.property(fc.array(fc.array(few, { minLength: 1, maxLength: 3 }), { maxLength: 30 }), (rows) => {
        const examples = rows.map((messages, row) => chat(row, ...messages));
        const keys = examples.map(({ messages }) => JSON.stringify(messages));
        const expected = keys.flatMap((key, i) => (keys.indexOf(key) < i ? [[i, keys.indexOf(key)]] : []));
        expect(ends(find(examples).exact)).toEqual(expected);
      }),
      { seed: 21, numRuns: cases(2000) },
    );
  });

  test("near: another word, case or punctuation in a long row; system messages do not count", () => {
    const long = words(60);
    const system = { role: "system", content: text(words(200)) } as const;
    const examples = [
      chat(0, text(long), "The answer."),
      chat(1, text(long.with(20, "other")), "The answer."),
      chat(2, text(long).toUpperCase(), "the answer!"),
      chat(3, text(words(60)), "The answer."),
      chat(4, system, { role: "user", content: text(words(60)) }, { role: "assistant", content: "yes" }),
      chat(5, system, { role: "user", content: text(words(60)) }, { role: "assistant", content: "yes" }),
    ];
    const { near, exact } = find(examples);
    expect(ends(near)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(near[1]?.likeness).toBe(1);
    expect(near[0]?.likeness).toBeGreaterThan(0.8);
    expect(exact).toEqual([]);
  });

  test("near duplicates are compared with rows that remain: a chain of small changes does not exclude itself", () => {
    const long = words(100);
    const chain = Array.from({ length: 12 }, (_, step) => long.map((word, i) => (i < 5 * step ? `${word}x` : word)));
    const near = ends(find(chain.map((list, row) => chat(row, text(list), "ok"))).near);
    const out = new Set(near.map(([later]) => later));
    expect(near.length).toBeGreaterThan(0);
    expect(near.every(([, earlier]) => earlier !== undefined && !out.has(earlier))).toBe(true);
    expect(out.size).toBeLessThan(11);
  });

  test("threads of one record are not paired", () => {
    const long = text(words(50));
    const thread = (row: number, answer: string) => chat(row, long, long, "and then?", answer);
    const found = find([thread(0, "one"), thread(0, "two"), thread(0, "one"), thread(1, "three")]);
    expect(found.exact).toEqual([]);
    expect(found.near.map(({ later }) => later)).toEqual([3]);
    expect(ends(found.contradictions)).toEqual([[3, 0]]);
  });
});

describe("contradictions", () => {
  test("the same prompt with another answer; case and white space do not count", () => {
    const examples = [
      chat(0, "How far?", "Two miles."),
      chat(1, " how  FAR?", "three miles."),
      chat(2, "How far?", "two miles. "),
      chat(3, "How far", "Four."),
      chat(4, "How far?", "Two miles.", "Sure?", "Yes."),
      chat(5, "How far?", "Three miles.", "Sure?", "No."),
      chat(
        6,
        { role: "system", content: "Be brief." },
        { role: "user", content: "How far?" },
        { role: "assistant", content: "3" },
      ),
    ];
    expect(ends(find(examples).contradictions)).toEqual([[1, 0]]);
  });

  test("an example without a prompt has no contradiction", () => {
    const alone = (row: number, content: string) => chat(row, { role: "assistant", content });
    const system = { role: "system", content: "Write a line." } as const;
    const instructed = (row: number, content: string) => chat(row, system, { role: "assistant", content });
    const found = find([
      alone(0, "a"),
      alone(1, "b"),
      instructed(2, "c"),
      instructed(3, "d"),
      plain(4, "e"),
      plain(5, "f"),
    ]);
    expect(found.contradictions).toEqual([]);
  });

  test("tool calls are part of prompt and answer", () => {
    const call = (row: number, city: string) =>
      chat(
        row,
        { role: "user", content: "Weather?" },
        { role: "assistant", content: "", toolCalls: [{ name: "w", arguments: { city } }] },
      );
    expect(ends(find([call(0, "Oslo"), call(1, "Rome"), call(2, "Oslo")]).contradictions)).toEqual([[1, 0]]);
    expect(ends(find([call(0, "Oslo"), call(1, "Rome"), call(2, "Oslo")]).exact)).toEqual([[2, 0]]);
  });
});

describe("leakage", () => {
  test("the later of a pair across the split, exact or near, on either side", () => {
    const long = words(60);
    const examples = [
      chat(0, "a question", "an answer"),
      chat(1, text(long), "same"),
      chat(2, "a question", "an answer"),
      chat(3, text(long.with(30, "other")), "same"),
      chat(4, text(words(60)), "alone"),
      chat(5, "a question", "an answer"),
    ];
    const leaks = (heldOut: number[]) => ends(find(examples, { isHeldOut: (i) => heldOut.includes(i) }).leakage);
    expect(leaks([])).toEqual([]);
    expect(leaks([0, 1])).toEqual([
      [2, 0],
      [3, 1],
    ]);
    expect(leaks([2, 3])).toEqual([
      [2, 0],
      [3, 1],
    ]);
    expect(leaks([0, 2, 5])).toEqual([]);
    expect(leaks([4])).toEqual([]);
  });

  test("exact leakage, as in a comparison of all pairs", () => {
    const rows = fc.array(fc.record({ answer: fc.constantFrom("a", "b", "c", "d", "e"), isHeldOut: fc.boolean() }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(rows, (list) => {
        const examples = list.map(({ answer }, row) => chat(row, "say", answer));
        const { leakage } = find(examples, { isHeldOut: (i) => list[i]?.isHeldOut ?? false });
        const isLeaked = ({ answer, isHeldOut }: (typeof list)[number]) =>
          isHeldOut && list.some((other) => !other.isHeldOut && other.answer === answer);
        expect(leakage).toHaveLength(list.filter(isLeaked).length);
        for (const { later, earlier } of leakage) {
          expect(list[later]?.answer).toBe(list[earlier]?.answer);
          expect(list[later]?.isHeldOut).not.toBe(list[earlier]?.isHeldOut);
        }
      }),
      { seed: 22, numRuns: cases(2000) },
    );
  });
});

test("20,000 texts have equal hashes only if they are equal", () => {
  const seen = new Map<string, string>();
  const texts = Array.from({ length: 20_000 }, (_, i) =>
    i % 2 === 0 ? `row ${i >> 1}` : `${"x".repeat(i % 97)}${i >> 1}`,
  );
  for (const value of texts) {
    const { low, high } = new TextHash().add(value);
    expect(seen.get(`${low},${high}`) ?? value).toBe(value);
    seen.set(`${low},${high}`, value);
  }
  const parts = (...list: string[]) => {
    const hash = new TextHash();
    for (const part of list) hash.add(part);
    return `${hash.low},${hash.high}`;
  };
  expect(new Set([parts("ab", "c"), parts("a", "bc"), parts("abc"), parts("abc", ""), parts("", "abc")]).size).toBe(5);
  expect(parts("a", "bc")).toBe(parts("a", "bc"));
});

test("the first equal pair. Oracle: a plain search", () => {
  const numbers = fc.array(fc.tuple(fc.integer({ min: -2, max: 2 }), fc.integer({ min: 0, max: 3 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(numbers, (pairs) => {
      const found = firstEqual(
        Int32Array.from(pairs, ([a]) => a),
        Int32Array.from(pairs, ([, b]) => b),
      );
      expect([...found]).toEqual(pairs.map(([a, b]) => pairs.findIndex(([x, y]) => x === a && y === b)));
    }),
    { seed: 23, numRuns: cases(2000) },
  );
});
