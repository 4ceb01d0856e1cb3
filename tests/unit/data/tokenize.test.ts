/** Rows to tokenised examples, and the checks before a run; the oracle is DOMAIN.md's list of what goes wrong. */

import { describe, expect, test } from "vitest";
import type { TokenizedExample } from "../../../src/data/batch.ts";
import type { Example, Message } from "../../../src/data/example.ts";
import { readExamples } from "../../../src/data/read.ts";
import { createTemplate } from "../../../src/data/template.ts";
import { preflight, tokenizeExamples } from "../../../src/data/tokenize.ts";
import { createTokenizer } from "../../../src/data/tokenizer.ts";
import { test as sharedTest } from "../../support/shared.ts";
import { byteLevelTokenizer } from "./tokenizers.ts";

const { json, config } = byteLevelTokenizer({ added: ["<|end|>"] });
const tokenizer = createTokenizer(json, config);
const template = createTemplate("hone", tokenizer);

const example = (row: number, answer: string, weight?: number): Example => {
  const assistant: Message = { role: "assistant", content: answer, ...(weight !== undefined && { weight }) };
  return { row, line: row + 10, messages: [{ role: "user", content: "hi" }, assistant] };
};

test("rows that are too long or teach nothing are left out and listed, the others kept whole", () => {
  const rows = [example(0, "hello"), example(1, "long ".repeat(50)), example(2, "hello", 0), example(3, "z", 0.5)];
  const { examples, problems, straddled } = tokenizeExamples(rows, tokenizer, template, {
    maxLength: 80,
    system: null,
  });
  expect(examples.map(({ row }) => row)).toEqual([0, 3]);
  expect(problems).toEqual([
    {
      line: 11,
      message: expect.stringMatching(/^2\d\d tokens exceed the limit of 80; raise the length or shorten the row$/),
    },
    { line: 12, message: expect.stringMatching(/no token to learn/) },
  ]);
  expect(straddled).toBe(0);
  expect(tokenizer.decode(examples[0]?.ids ?? [])).toBe("<|user|>hi\n<|assistant|>hello");
  const end = tokenizer.addedToken("<|end|>");
  const taught = [...(examples[1]?.ids ?? [])].filter((_, i) => (examples[1]?.weights[i] ?? 0) > 0);
  expect(taught.map((id) => (id === end ? "<|end|>" : tokenizer.decode([id])))).toEqual(["z", "<|end|>"]);
  expect(Math.max(...(examples[1]?.weights ?? []))).toBe(0.5);
  expect(() => preflight(examples, tokenizer, template)).not.toThrow();
});

test("a row of exactly the longest length is kept", () => {
  const [kept] = tokenizeExamples([example(0, "ab")], tokenizer, template, { maxLength: 999, system: null }).examples;
  const maxLength = kept?.ids.length ?? 0;
  const count = (limit: number) =>
    tokenizeExamples([example(0, "ab")], tokenizer, template, { maxLength: limit, system: null }).examples.length;
  expect([count(maxLength), count(maxLength - 1)]).toEqual([1, 0]);
});

test("the recipe's system prompt goes before rows that bring none", () => {
  const own: Example = { row: 1, line: 2, messages: [{ role: "system", content: "own" }, ...example(1, "b").messages] };
  const { examples } = tokenizeExamples([example(0, "a"), own], tokenizer, template, {
    maxLength: 999,
    system: "given",
  });
  expect(examples.map(({ ids }) => tokenizer.decode(ids).slice(0, 15))).toEqual([
    "<|system|>given",
    "<|system|>own\n<",
  ]);
});

describe("preflight stops a run", () => {
  const good = tokenizeExamples([example(0, "hello")], tokenizer, template, { maxLength: 999, system: null })
    .examples[0];
  if (!good) throw new Error("the example is not tokenised");
  const { ids, weights } = good;
  const bos = tokenizer.bos?.id ?? -1;
  const change = (parts: Partial<TokenizedExample>): TokenizedExample => ({ ...good, row: 4, ...parts });
  const rows: [string, TokenizedExample[], RegExp][] = [
    ["without rows", [], /No row is left/],
    [
      "whose stop token is cut away",
      [change({ ids: ids.slice(0, -1), weights: weights.slice(0, -1) })],
      /not in a stop token/,
    ],
    [
      "whose stop token is masked",
      [change({ weights: weights.map((w, i) => (i < ids.length - 1 ? w : 0)) })],
      /^Row 5: a response ends/,
    ],
    ["with every token masked", [good, change({ weights: new Float32Array(ids.length) })], /no token is supervised/],
    [
      "with two BOS",
      [change({ ids: Int32Array.of(bos, ...ids), weights: Float32Array.of(0, ...weights) })],
      /begins with 2 tokens/,
    ],
    [
      "without BOS",
      [change({ ids: ids.slice(1), weights: weights.slice(1) })],
      /begins with 0 tokens "<s>", and the model wants 1/,
    ],
    [
      "with a supervised first token",
      [change({ weights: weights.map((w, i) => (i === 0 ? 1 : w)) })],
      /stop token|first token/,
    ],
  ];
  test.each(rows)("%s", (_, examples, message) => {
    expect(() => preflight([good], tokenizer, template)).not.toThrow();
    expect(() => preflight(examples, tokenizer, template)).toThrow(message);
  });

  test("with a BOS that the model does not want", () => {
    const plain = byteLevelTokenizer({ added: ["<|end|>"], bos: "none" });
    const other = createTokenizer(plain.json, plain.config);
    const otherTemplate = createTemplate("hone", other);
    expect(() =>
      preflight([change({ ids: ids.slice(1), weights: weights.slice(1) })], other, otherTemplate),
    ).not.toThrow();
    expect(() => preflight([good], other, otherTemplate)).toThrow(/begins with 1 tokens "<s>", and the model wants 0/);
  });
});

sharedTest("all 999 Alpaca rows are tokenised for stories260K and pass the checks", async ({ shared }) => {
  const stories = createTokenizer(
    await shared.json("models/stories260K/tokenizer.json"),
    await shared.json("models/stories260K/tokenizer_config.json"),
  );
  const hone = createTemplate("hone", stories);
  const rows = readExamples("alpaca_en_demo.json", await shared.text("data/alpaca_en_demo.json")).examples;
  const { examples, problems, straddled } = tokenizeExamples(rows, stories, hone, { maxLength: 1e6, system: null });
  expect(problems).toEqual([]);
  expect(examples).toHaveLength(999);
  expect(straddled).toBe(0);
  preflight(examples, stories, hone);
  examples.forEach(({ ids }, i) => {
    const [question, answer] = rows[i]?.messages ?? [];
    expect(stories.decode(ids)).toBe(`<|user|>${question?.content}<|end|>\n<|assistant|>${answer?.content}<|end|>`);
  });
});
