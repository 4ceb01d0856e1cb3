/** Small tokenizers in the form of published families; oracle: the `tokenizers` library 0.23.2, frozen by `npm run tokenizers -- --freeze`. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { controlText, plainText } from "./turns.ts";

interface Golden {
  readonly name: string;
  readonly json: { readonly added_tokens: readonly { readonly id: number; readonly content: string }[] };
  readonly config: Readonly<Record<string, unknown>>;
  /** The id that the post-processor writes before a text. */
  readonly begins: number | null;
  /** A text, its ids, and with normalised text and offsets where the library gives this text the same ids. */
  readonly cases: readonly [string, number[], [string, number[], number[]] | null][];
}

const forms = readFileSync(new URL("../../golden/tokenizers/golden.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): Golden => JSON.parse(line));

describe.each(forms)("$name", ({ json, config, begins, cases }) => {
  const tokenizer = createTokenizer(json, config);

  test("ids and offsets", () => {
    let placed = 0;
    for (const [text, ids, places] of cases) {
      const encoding = tokenizer.encode([controlText(text)]);
      expect([text, [...encoding.ids]]).toEqual([text, ids]);
      if (places === null) continue;
      placed++;
      expect([encoding.text, [...encoding.starts], [...encoding.ends]]).toEqual(places);
    }
    expect(placed).toBeGreaterThan(40);
  });

  test("BOS as the post-processor writes it", () => {
    expect(tokenizer.addBos ? tokenizer.bos?.id : null).toBe(begins);
  });

  test("content without special tokens has the same ids as control text", () => {
    const special = [...tokenizer.addedTokens].filter(([, id]) => tokenizer.isSpecial(id)).map(([text]) => text);
    const plain = cases.filter(([text]) => !special.some((token) => text.includes(token)));
    expect(plain.length).toBeGreaterThan(30);
    for (const [text, ids] of plain) expect([text, [...tokenizer.encode([plainText(text)]).ids]]).toEqual([text, ids]);
  });
});

const formOf = (name: string) => {
  const form = forms.find((one) => one.name === name);
  if (!form) throw new Error(`The golden file has no ${name}.`);
  return form;
};

describe("Gemma", () => {
  const { json, config } = formOf("Gemma");
  const encode = (text: string, modelVocabulary?: number, specialTokens = false) =>
    createTokenizer(json, config, modelVocabulary === undefined ? {} : { modelVocabulary }).encode([
      { ...plainText(text), specialTokens },
    ]);

  test("an added token of spaces is spelt as these spaces, and decodes to them", () => {
    const tokenizer = createTokenizer(json, config);
    for (const text of ["  ", "a  b", "   x    y     ", "▁▁"]) {
      const { ids, text: read } = tokenizer.encode([plainText(text)]);
      expect(read).toBe(text.replaceAll("▁", " "));
      expect(tokenizer.decode(ids)).toBe(read);
      expect([...ids].map((id) => tokenizer.show(id)).join("")).toBe(read);
    }
  });

  test("a token beyond the model's vocabulary is refused where a text has it, by name and id", () => {
    const extra = { ...json.added_tokens[0], id: 1000, content: "<image_soft_token>", special: true };
    const larger = { ...json, added_tokens: [...json.added_tokens, extra] };
    const tokenizer = createTokenizer(larger, config, { modelVocabulary: 1000 });
    expect(tokenizer.size).toBe(1001);
    expect(tokenizer.ownSize).toBeLessThan(1000);
    const text = "a <image_soft_token>";
    expect([...tokenizer.encode([plainText(text)]).ids]).not.toContain(1000);
    const message =
      /^The text has the token "<image_soft_token>" with the id 1000, but the model's vocabulary ends at 999\. Remove/;
    expect(() => tokenizer.encode([controlText(text)])).toThrow(message);
    expect(() => tokenizer.encode([{ ...plainText(text), specialTokens: true }])).toThrow(message);
    expect([...createTokenizer(larger, config).encode([controlText(text)]).ids]).toContain(1000);
  });

  test("ids of the model's own vocabulary beyond its embedding are refused too", () => {
    const { ids } = encode("a b");
    expect(() => encode("a b", Math.max(...ids))).toThrow(/^The text has the token "/);
    expect([...encode("a b", Math.max(...ids) + 1).ids]).toEqual([...ids]);
  });
});

describe("beside a post-processor the flags of tokenizer_config.json do not count, as in transformers 5.18", () => {
  test.each([true, false])("add_bos_token: %s", (add_bos_token) => {
    const flags = { add_bos_token, add_eos_token: add_bos_token };
    const bytes = { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true };
    for (const name of ["Llama 2", "Gemma"]) {
      const { json, config } = formOf(name);
      expect(createTokenizer(json, { ...config, ...flags }).addBos).toBe(true);
      expect(createTokenizer({ ...json, post_processor: bytes }, { ...config, ...flags }).addBos).toBe(false);
      // Without one it counts, as in transformers 4 and earlier versions of Hone.
      expect(createTokenizer({ ...json, post_processor: null }, { ...config, ...flags }).addBos).toBe(add_bos_token);
    }
  });
});

describe("the space before a text", () => {
  const open = (name: string) => {
    const { json, config } = formOf(name);
    return createTokenizer(json, config);
  };
  const shown = (tokenizer: ReturnType<typeof open>, ...segments: Parameters<typeof tokenizer.encode>[0]) =>
    [...tokenizer.encode(segments).ids].map((id) => tokenizer.show(id));
  const bos = controlText("<s>");

  test("Metaspace first: before a text after the tokenizer's own BOS, not after a template's", () => {
    const tokenizer = open("Metaspace first");
    expect(shown(tokenizer, { ...bos, added: true }, plainText("the"))).toEqual(["<s>", " the"]);
    expect(shown(tokenizer, bos, plainText("the"))).toEqual(["<s>", "the"]);
    expect(shown(tokenizer, plainText("the"), controlText("<|end|>"), plainText("the"))).toEqual([
      ...[" the", "<|end|>", "the"],
    ]);
  });

  test("Prepend: after every added token, and in an answer's first token", () => {
    const tokenizer = open("Phi-3");
    const answer = { ...plainText("the", 1), role: "assistant" as const, message: 1, answer: true };
    const { ids, weights } = tokenizer.encode([
      controlText("<|user|>\n"),
      plainText("hello"),
      controlText("<|end|>\n<|assistant|>\n"),
      answer,
    ]);
    expect([...ids].map((id) => tokenizer.show(id))).toEqual([
      "<|user|>",
      " hello",
      "<|end|>",
      "<|assistant|>",
      " the",
    ]);
    expect([...weights]).toEqual([0, 0, 0, 0, 1]);
  });

  test("an answer that begins with the space alone is supervised from there", () => {
    const tokenizer = open("Phi-3");
    const answer = { ...plainText("日", 1), role: "assistant" as const, message: 1, answer: true };
    const { ids, weights, starts, ends } = tokenizer.encode([controlText("<|assistant|>\n"), answer]);
    expect([...ids].map((id) => tokenizer.show(id))).toEqual(["<|assistant|>", " ", "日"]);
    expect([...weights]).toEqual([0, 1, 1]);
    expect([...starts].slice(1)).toEqual([13, 13]);
    expect([...ends].slice(1)).toEqual([14, 14]);
  });

  test("a stream after an added token returns the text without it", () => {
    const tokenizer = open("Phi-3");
    const { ids } = tokenizer.encode([controlText("<|assistant|>"), plainText("the in")]);
    const decoder = tokenizer.createStreamDecoder(ids[0]);
    expect([...ids.slice(1)].map((id) => decoder.push(id)).join("") + decoder.end()).toBe("the in");
    const within = tokenizer.createStreamDecoder(ids[1]);
    expect(within.push(ids[1] ?? -1) + within.end()).toBe(" the");
  });
});
