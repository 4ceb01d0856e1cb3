/**
 * Tokenizers of GGUF files. Oracle: llama.cpp's own ids of nasty texts (seed 16), frozen by tests/golden/gguf/makeTokens.ts;
 * for scores, a plain search for the best pair.
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../src/tensor/random.ts";
import { type GgufTokenizer, tokenizerFromGguf, tokenTypes } from "../../../src/tokenizer/fromGguf.ts";
import { mergesFromScores } from "../../../src/tokenizer/ggufScores.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { ggufForms } from "../../support/ggufForms.ts";

interface Row {
  readonly name: string;
  readonly texts: readonly string[];
  /** Ids where only user-defined tokens are found in the text, and where all are. */
  readonly plain: readonly number[][];
  readonly control: readonly number[][];
}
const golden: readonly Row[] = JSON.parse(
  readFileSync(new URL("../../golden/gguf/tokens.json", import.meta.url), "utf8"),
);

const formOf = (name: string) => {
  const form = ggufForms.find((one) => one.name === name);
  if (!form) throw new Error(`There is no form ${name}.`);
  return form.tokens;
};

const open = (given: GgufTokenizer) => {
  const { json, config } = tokenizerFromGguf(given);
  return createTokenizer(JSON.parse(JSON.stringify(json)), JSON.parse(JSON.stringify(config)), { modelType: "llama" });
};

it("has llama.cpp's ids for every form", () => {
  expect(golden.map(({ name }) => name)).toEqual(ggufForms.map(({ name }) => name));
});

describe.each(golden)("$name", ({ name, texts, plain, control }) => {
  const tokenizer = open(formOf(name));
  const place = { role: null, message: null, answer: false, supervised: false, weight: 0 } as const;
  const idsOf = (text: string, kind: "control" | "content") => [...tokenizer.encode([{ text, kind, ...place }]).ids];

  it("gives control text llama.cpp's ids", () => {
    const differing = texts.flatMap((text, i) => {
      const own = idsOf(text, "control");
      return JSON.stringify(own) === JSON.stringify(control[i]) ? [] : [{ text, own, wanted: control[i] }];
    });
    expect(differing).toEqual([]);
  });

  it("gives content llama.cpp's ids", () => {
    const differing = texts.flatMap((text, i) => {
      const own = idsOf(text, "content");
      return JSON.stringify(own) === JSON.stringify(plain[i]) ? [] : [{ text, own, wanted: plain[i] }];
    });
    expect(differing).toEqual([]);
  });
});

describe("names what it cannot express", () => {
  const bytePair = formOf("qwen3");
  const spaced = formOf("tinyllama");
  it.each<[string, GgufTokenizer, Partial<GgufTokenizer>, string]>([
    ["no tokenizer", bytePair, { model: null }, "tokenizer.ggml.model is missing"],
    ["WordPiece", bytePair, { model: "bert" }, 'tokenizer.ggml.model is "bert"'],
    ["Unigram", bytePair, { model: "t5" }, 'tokenizer.ggml.model is "t5"'],
    ["no pre-tokenizer", bytePair, { pre: null }, "tokenizer.ggml.pre is missing"],
    ["an unknown pre-tokenizer", bytePair, { pre: "falcon" }, 'tokenizer.ggml.pre is "falcon"'],
    ["no tokens", bytePair, { tokens: [], types: [] }, "tokenizer.ggml.tokens is missing or empty"],
    ["too few types", bytePair, { types: [1] }, "tokenizer.ggml.token_type has 1 numbers"],
    ["a token twice", bytePair, { tokens: bytePair.tokens.with(5, "!") }, 'has "!" twice, as 5 and 33'],
    ["no merges", bytePair, { merges: null }, "tokenizer.ggml.merges is missing"],
    ["half a merge", bytePair, { merges: ["h e", "ll"] }, 'has "ll" at 1'],
    ["an id beyond", bytePair, { eos: 5000 }, "tokenizer.ggml.eos_token_id is 5000"],
    ["an id without a token", bytePair, { eos: 299 }, "tokenizer.ggml.eos_token_id is 299"],
    [
      "BOS without a token",
      bytePair,
      { addBos: true, bos: null },
      "add_bos_token is true, but bos_token_id is missing",
    ],
    ["no scores", spaced, { scores: null }, "tokenizer.ggml.scores is missing"],
    ["too few scores", spaced, { scores: [0] }, "tokenizer.ggml.scores has 1 numbers"],
    ["equal scores", spaced, { scores: spaced.tokens.map(() => -1000) }, 'gives "he" and "ll" the same -1000'],
    ["no byte tokens", spaced, { tokens: spaced.tokens.with(3, "x00") }, "has 255 of the 256 byte tokens"],
  ])("%s", (_name, given, change, message) => {
    const attempt = () => tokenizerFromGguf({ ...given, ...change });
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/Open the same model in its Hugging Face layout\.$/);
  });
});

it("leaves ids without a token free, and names BOS, EOS and padding", () => {
  const given = formOf("qwen3");
  const { json, config } = tokenizerFromGguf({ ...given, padding: given.eos });
  const tokenizer = createTokenizer(json, config);
  expect(tokenizer.show(299)).toBe("<unused 299>");
  expect(config).toMatchObject({ eos_token: "<|im_end|>", pad_token: "<|im_end|>", add_bos_token: false });
  expect(tokenizer.addedToken("<think>")).toBeDefined();
  expect(tokenizer.isSpecial(tokenizer.addedToken("<think>") ?? -1)).toBe(false);
  expect(tokenizer.isSpecial(tokenizer.addedToken("<|im_start|>") ?? -1)).toBe(true);
});

it("takes llama.cpp's defaults where the file names none", () => {
  const given = formOf("tinyllama");
  const { json, config } = tokenizerFromGguf({ ...given, bos: null, eos: null, addBos: null, addSpacePrefix: null });
  const tokenizer = createTokenizer(json, config);
  expect([tokenizer.bos?.id, tokenizer.eos?.id, tokenizer.addBos]).toEqual([1, 2, true]);
  const llama3 = tokenizerFromGguf({ ...formOf("llama3.2 base"), addBos: null });
  expect(createTokenizer(llama3.json, llama3.config).addBos).toBe(true);
});

it("takes any name of a token", () => {
  const given = formOf("qwen3");
  const names = ["__proto__", "constructor", "toString", "7777"];
  const tokens = given.tokens.map((text, id) => names[id - 290] ?? text);
  const types = (given.types ?? []).map((type, id) => (names[id - 290] === undefined ? type : tokenTypes.normal));
  const { json, config } = tokenizerFromGguf({ ...given, tokens, types });
  const tokenizer = createTokenizer(JSON.parse(JSON.stringify(json)), config);
  expect(names.map((_, i) => tokenizer.show(290 + i))).toEqual(names);
});

/** SentencePiece by its definition: joins the pair of the highest score, the leftmost of equal ones. */
function bestPairs(text: string, scores: ReadonlyMap<string, number>): string[] {
  const symbols = Array.from(text);
  for (;;) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scores.get(`${symbols[i]}${symbols[i + 1]}`);
      if (score !== undefined && score > most) [best, most] = [i, score];
    }
    if (best < 0) return symbols;
    symbols.splice(best, 2, `${symbols[best]}${symbols[best + 1]}`);
  }
}

it("orders merges as scores do, or refuses: random vocabularies", () => {
  const random = createRandom(18);
  const outcomes = { equal: 0, refused: 0 };
  for (let round = 0; round < 400; round++) {
    const letters = [..."abc"].slice(0, 1 + random.below(3));
    const texts = new Set(letters);
    const some = () => [...texts][random.below(texts.size)] as string;
    for (let i = 0; i < 12; i++) texts.add((some() + some()).slice(0, 6));
    const names = [...texts];
    const order = names.map((_, i) => i).sort(() => random.next() - 0.5);
    const scores = new Map(names.map((name, i) => [name, -(order[i] as number)]));
    const pieces = new Map(names.map((name, id) => [name, { id, score: scores.get(name) ?? 0 }]));
    const merges = mergesFromScores(pieces);
    if (typeof merges === "string") {
      outcomes.refused += 1;
      continue;
    }
    outcomes.equal += 1;
    const vocab = Object.fromEntries([...names.map((name, id) => [name, id] as const), ...bytes(names.length)]);
    const tokenizer = createTokenizer(
      { model: { type: "BPE", vocab, merges, byte_fallback: true, unk_token: null }, added_tokens: [] },
      {},
    );
    for (let i = 0; i < 30; i++) {
      const text = Array.from({ length: 1 + random.below(14) }, () => letters[random.below(letters.length)]).join("");
      const place = { role: null, message: null, answer: false, supervised: false, weight: 0 } as const;
      const ids = tokenizer.encode([{ text, kind: "control", ...place }]).ids;
      expect(
        Array.from(ids, (id) => names[id]),
        text,
      ).toEqual(bestPairs(text, scores));
    }
  }
  expect(outcomes.equal).toBeGreaterThan(50);
});

const bytes = (from: number) =>
  Array.from(
    { length: 256 },
    (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, from + byte] as const,
  );
