/** Examples to training sequences. Oracle: rows and renderings written by hand. */

import { describe, expect, test } from "vitest";
import { type Tokenized, type TokenizeParts, tokenizeExample } from "../../../src/quality/tokenize.ts";
import type { ChatExample, Message, TextExample } from "../../../src/records/example.ts";
import { createConverter } from "../../../src/records/formats/convert.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { test as sharedTest } from "../../support/shared.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer({ added: ["<|end|>"] });
const tokenizer = createTokenizer(json, config);

function partsFor(own: Tokenizer, change: Partial<TokenizeParts["settings"]> = {}): TokenizeParts {
  return {
    tokenizer: own,
    template: createTemplate({ kind: "built-in", name: "hone" }, { tokenizer: own, chatTemplate: null }),
    settings: { systemPrompt: null, mask: "responses", maxLength: 999, truncation: "drop", ...change },
  };
}

const chat = (...messages: Message[]): ChatExample => ({ kind: "chat", messages, row: 0, line: 1 });
const pair = (answer: string, weight?: number) =>
  chat(
    { role: "user", content: "hi" },
    { role: "assistant", content: answer, ...(weight !== undefined && { weight }) },
  );

/** Tokenizes an example that has no problem. */
function tokenized(example: ChatExample | TextExample, change: Partial<TokenizeParts["settings"]> = {}): Tokenized {
  const result = tokenizeExample(example, partsFor(tokenizer, change));
  if (!("encoding" in result)) throw new Error(result.problem);
  return result;
}

const idsOf = ({ sequences }: Tokenized) => [...(sequences[0]?.ids ?? [])];
const supervisedTextOf = ({ sequences: [first] }: Tokenized) =>
  [...(first?.ids ?? [])]
    .filter((_, i) => first?.mask[i] === 1)
    .map((id) => tokenizer.show(id))
    .join("");

describe("a chat", () => {
  test("is one sequence; answer and stop token are supervised with the message's weight", () => {
    const result = tokenized(pair("hello", 0.5));
    expect(result).toMatchObject({ problem: null, lost: 0, proof: "structure" });
    expect(tokenizer.decode(idsOf(result))).toBe("<|user|>hi\n<|assistant|>hello");
    expect(supervisedTextOf(result)).toBe("hello<|end|>");
    expect(Math.max(...(result.sequences[0]?.weights ?? []))).toBe(0.5);
  });

  test("of exactly the longest length is used; one token longer is left out, with both numbers", () => {
    const length = tokenized(pair("ab")).encoding.ids.length;
    expect(tokenized(pair("ab"), { maxLength: length }).sequences).toHaveLength(1);
    const long = tokenized(pair("ab"), { maxLength: length - 1 });
    expect(long.sequences).toEqual([]);
    expect(long.problem).toBe(
      `${length} tokens exceed the limit of ${length - 1}; raise the length or shorten the row`,
    );
  });

  test("without a supervised token is left out", () => {
    expect(tokenized(pair("hello", 0)).problem).toMatch(/no supervised token/);
  });

  test("gets the recipe's system prompt only if it has none", () => {
    const own = chat({ role: "system", content: "own" }, ...pair("b").messages);
    const beginning = (example: ChatExample) =>
      tokenizer.decode(idsOf(tokenized(example, { systemPrompt: "given" }))).slice(0, 15);
    expect([beginning(pair("a")), beginning(own)]).toEqual(["<|system|>given", "<|system|>own\n<"]);
  });

  test("of several turns is supervised as the mask defines", () => {
    const turns = chat(
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
      { role: "assistant", content: "d" },
    );
    expect(supervisedTextOf(tokenized(turns))).toBe("b<|end|>d<|end|>");
    expect(supervisedTextOf(tokenized(turns, { mask: "last" }))).toBe("d<|end|>");
    const everything = tokenized(turns, { mask: "everything" });
    expect(supervisedTextOf(everything)).toContain("<|user|>c<|end|>");
    expect(everything.sequences[0]?.mask[0]).toBe(0);
  });

  test("has a problem, not an exception, if the template throws", () => {
    const source = "{{ raise_exception('no system message, please') }}";
    const parts = partsFor(tokenizer);
    const template = {
      ...parts.template,
      render: () => {
        throw new Error(source);
      },
    };
    expect(tokenizeExample(pair("a"), { ...parts, template })).toEqual({
      problem: source,
      outOfTime: false,
    });
  });
});

test("plain text becomes consecutive windows: every token is supervised once", () => {
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(20);
  const result = tokenized({ kind: "text", text, row: 0, line: 1 }, { maxLength: 50 });
  expect(result.problem).toBeNull();
  expect(result.sequences.length).toBeGreaterThan(5);
  for (const { ids, mask } of result.sequences) {
    expect(ids.length).toBeLessThanOrEqual(50);
    expect(mask[0]).toBe(0);
  }
  const supervised = result.sequences.flatMap(({ ids, mask }) => [...ids].filter((_, i) => mask[i] === 1));
  expect(tokenizer.decode(supervised)).toBe(text);
});

sharedTest("all 999 Alpaca rows become the text of the template, token for token", async ({ shared }) => {
  const stories = createTokenizer(
    await shared.json("models/stories260K/tokenizer.json"),
    await shared.json("models/stories260K/tokenizer_config.json"),
  );
  const parts = partsFor(stories, { maxLength: 1e6 });
  const convert = createConverter({
    format: "alpaca",
    columns: { instruction: "instruction", input: "input", response: "output" },
  });
  const rows = (await shared.json("data/alpaca_en_demo.json")) as Record<string, string>[];
  expect(rows).toHaveLength(999);
  for (const [row, value] of rows.entries()) {
    const converted = convert(value);
    if (!("examples" in converted) || converted.examples[0]?.kind !== "chat") throw new Error(`row ${row + 1}`);
    const result = tokenizeExample({ ...converted.examples[0], row, line: 1 }, parts);
    if (!("encoding" in result)) throw new Error(result.problem);
    const prompt = value.input ? `${value.instruction}\n${value.input}` : value.instruction;
    expect(stories.decode(result.encoding.ids)).toBe(`<|user|>${prompt}<|end|>\n<|assistant|>${value.output}<|end|>`);
    expect(result.encoding.straddled).toBe(0);
  }
});
