/**
 * The trained tokenizer; oracles: merges worked out by hand, a trainer that counts all pairs anew at every step, the text
 * itself, and the library's own reading of the files.
 */

import { Tokenizer as Library } from "@huggingface/tokenizers";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type TokenizerOptions, trainTokenizer } from "../../../scripts/seedling/bpe.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { cases } from "../../support/long.ts";
import { controlText, plainText } from "../tokenizer/turns.ts";

const special = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|reserved0|>"];

const Files = v.object({
  added_tokens: v.array(v.looseObject({ id: v.number(), content: v.string() })),
  model: v.object({ vocab: v.record(v.string(), v.number()), merges: v.array(v.string()) }),
});

/** Trained with so many merges. */
function train(texts: Iterable<string>, merges: number, options: Partial<TokenizerOptions> = {}) {
  const tokens = options.special ?? special;
  return trainTokenizer(texts, { special: tokens, vocabularySize: 256 + merges + tokens.length, ...options });
}

const open = (files: ReturnType<typeof trainTokenizer>) => createTokenizer(files.tokenizerJson, files.tokenizerConfig);
const read = (files: ReturnType<typeof trainTokenizer>) => v.parse(Files, files.tokenizerJson);
const mergesOf = (texts: Iterable<string>, merges: number) => read(train(texts, merges)).model.merges;
const idsOf = (tokenizer: Tokenizer, text: string) => [...tokenizer.encode([plainText(text)]).ids];
const shown = (tokenizer: Tokenizer, text: string) => idsOf(tokenizer, text).map((id) => tokenizer.show(id));

/** English with accents, signs and numbers, and a few other scripts. */
const texts = [
  "The small seed grows into a small tree. The tree's leaves don't fall before the winter, do they?\n\nThey don't.",
  "In 1998 the café sold 12,345 cups – “naïve” estimates said 20.5 % more. The tree grew; the café grew too.",
  "日本語の文章です。日本語の木。 Дерево растёт, и дерево цветёт. 🌱🌱🌳 e\u0301 the the the\r\n\r\n\tthe end",
];
const merges = 150;
const files = train(texts, merges);
const tokenizer = open(files);

describe("merges", () => {
  test("worked out by hand: the greatest count first, of equal counts the first by code unit", () => {
    // The words are "low" once, " low" twice and " lower" once. At first "lo" and "ow" occur 4 times each, then "low" 4
    // times, then " low" 3 times. Of "er" and " lowe", once each, "er" comes first, for the space is written Ġ, U+0120.
    expect(mergesOf(["low low", " low lower"], 5)).toEqual(["l o", "lo w", "Ġ low", "e r", "Ġlow er"]);
    // Counts go before letters: "zz" occurs twice, "ab" and "yy" once.
    expect(mergesOf(["zz", "\n", "ab", "zz", "yy"], 3)).toEqual(["z z", "a b", "y y"]);
  });

  test("overlapping pairs count each and are merged from the left", () => {
    // "aaaaa" holds "aa" four times, more than the three of "bc"; then aa aa a, where "aaa" comes before "aaaa".
    expect(mergesOf(["aaaaa", "bc", "bc", "bc"], 4)).toEqual(["a a", "b c", "aa a", "aa aaa"]);
  });

  test("characters beyond ASCII are merged from their bytes", () => {
    // U+00E9 is C3 A9, and these bytes stand for themselves in the alphabet.
    const [merge] = mergesOf(["é"], 1);
    expect(merge).toBe("Ã ©");
    expect(idsOf(open(train(["é"], 1)), "é")).toEqual([256]);
  });

  test("counting step by step is counting anew at every step", () => {
    let ties = 0;
    let overlaps = 0;
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
        const expected = countingAnew(words);
        expect(mergesOf(words, expected.merges.length)).toEqual(expected.merges);
        expect(() => mergesOf(words, expected.merges.length + 1)).toThrow(/pieces/);
        ties += expected.ties;
        overlaps += expected.merges.some((line) => /^(.+) \1$/.test(line)) ? 1 : 0;
      }),
      { seed: 5, numRuns: 200 },
    );
    expect(ties).toBeGreaterThan(200);
    expect(overlaps).toBeGreaterThan(50);
  });

  test("no merge gives the text of a special token, in either spelling", () => {
    const words = Array.from({ length: 20 }, () => "end tree né tree end");
    const piecesOf = (own: readonly string[]) =>
      Object.keys(read(train(words, 8, { special: ["<|endoftext|>", ...own] })).model.vocab);
    expect(piecesOf([])).toEqual(expect.arrayContaining(["end", "Ġtree", "nÃ©"]));
    // "end" and "né" as bytes spell them, " tree" as a text that is an entry's name.
    const rest = piecesOf(["end", "Ġtree", "né"]);
    for (const piece of ["end", "Ġtree", "nÃ©", "né"]) expect(rest).not.toContain(piece);
    expect(rest).toHaveLength(264);
  });
});

/** Every merge that single words of ASCII letters give, each found by counting all pairs; and how many steps had ties. */
function countingAnew(words: readonly string[]): { merges: string[]; ties: number } {
  let spelt = words.map((word) => [...word]);
  const merges: string[] = [];
  for (let ties = 0; ; ) {
    const counts = new Map<string, number>();
    for (const tokens of spelt) {
      tokens.slice(1).forEach((right, i) => {
        const line = `${tokens[i]} ${right}`;
        counts.set(line, (counts.get(line) ?? 0) + 1);
      });
    }
    const most = Math.max(...counts.values());
    const joined = (line: string) => line.replace(" ", "");
    const best = [...counts].filter(([, count]) => count === most).map(([line]) => line);
    const [line] = best.sort((a, b) => (joined(a) < joined(b) ? -1 : 1));
    if (line === undefined) return { merges, ties };
    if (best.length > 1) ties++;
    merges.push(line);
    spelt = spelt.map((tokens) => {
      const next: string[] = [];
      for (const token of tokens) {
        // A token that was just joined is not joined again in this step.
        if (`${next.at(-1)} ${token}` === line) next.splice(-1, 1, `${joined(line)}!`);
        else next.push(token);
      }
      return next.map((token) => token.replace("!", ""));
    });
  }
}

describe("files", () => {
  test("the vocabulary has its exact size, and the ids run from 0 without a gap", () => {
    const { added_tokens, model } = read(files);
    const ids = [...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)];
    expect(ids.sort((a, b) => a - b)).toEqual([...Array(256 + merges + special.length).keys()]);
    expect(model.merges).toHaveLength(merges);
    expect(tokenizer.size).toBe(256 + merges + special.length);
    // Each merge is of pieces that are there already, and gives the next.
    model.merges.forEach((line, i) => {
      const [left = "", right = ""] = line.split(" ");
      expect(model.vocab[left]).toBeLessThan(256 + i);
      expect(model.vocab[right]).toBeLessThan(256 + i);
      expect(model.vocab[left + right]).toBe(256 + i);
    });
    for (const text of special) expect(model.vocab).not.toHaveProperty([text]);
  });

  test("special tokens come last in the order given, and are not normalised", () => {
    expect(read(files).added_tokens).toEqual(
      special.map((content, i) => ({
        id: 256 + merges + i,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    );
  });

  test("a text ends with <|endoftext|>, and nothing stands before it", () => {
    expect(tokenizer.eos).toEqual({ text: "<|endoftext|>", id: 256 + merges });
    expect(tokenizer.bos).toBeNull();
    expect(tokenizer.addBos).toBe(false);
    expect(train(texts, 1, { contextLength: 512 }).tokenizerConfig).toEqual({
      tokenizer_class: "PreTrainedTokenizerFast",
      add_bos_token: false,
      eos_token: "<|endoftext|>",
      pad_token: "<|endoftext|>",
      clean_up_tokenization_spaces: false,
      model_max_length: 512,
    });
    expect(files.tokenizerConfig).not.toHaveProperty("model_max_length");
  });

  test("the same texts give the same bytes, in any order", () => {
    const json = JSON.stringify(files);
    expect(JSON.stringify(train(texts, merges))).toBe(json);
    expect(JSON.stringify(train(new Set(texts.toReversed()), merges))).toBe(json);
    expect(JSON.stringify(train([...texts, "zebra zebra zebra"], merges))).not.toBe(json);
  });

  test("the library spells and reads as Hone does", () => {
    const library = new Library(files.tokenizerJson, files.tokenizerConfig);
    fc.assert(
      fc.property(anyText, (any) => {
        // The library finds special tokens in every text, and decodes no empty list.
        const text = `.${any.replaceAll("<|", "<")}`;
        const { ids } = library.encode(text);
        expect(idsOf(tokenizer, text)).toEqual(ids);
        expect(library.decode(ids)).toBe(text);
      }),
      { seed: 6, numRuns: cases(1000) },
    );
  });
});

/** Well-formed text of any code points, likely and unlikely. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.string({ unit: "grapheme", maxLength: 8 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
      fc.constantFrom(
        ...texts,
        ...special,
        " ",
        "  ",
        "\n\n",
        "\r\n",
        "\t",
        "\0",
        "\u0001",
        "\u0085",
        "\ufeff",
        "\u200b",
      ),
      fc.constantFrom(
        "\u0301",
        "e\u0301",
        "👩‍👩‍👧",
        "🇩🇪",
        "❤️",
        "漢字",
        "한글",
        "नमस्ते",
        "שלום",
        "1234",
        "٣½²",
        "Ġ",
        "▁",
        "__proto__",
      ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

describe("use", () => {
  test("every text comes back", () => {
    const lone: string[] = [];
    fc.assert(
      fc.property(anyText, (text) => {
        if (/^\p{M}/u.test(text)) lone.push(text);
        const encoding = tokenizer.encode([plainText(text)]);
        expect(encoding.text).toBe(text);
        expect(tokenizer.decode(encoding.ids)).toBe(text);
        expect(encoding.unknown).toBe(0);
      }),
      {
        seed: 7,
        numRuns: cases(3000),
        examples: [["\0"], ["\u0301"], ["a\u0301\u0327"], ["\ufeff"], ["\u{10ffff}\u0000"], [""]],
      },
    );
    expect(lone.length).toBeGreaterThan(5);
  });

  test("half a surrogate pair becomes U+FFFD, for UTF-8 has no such character", () => {
    expect(tokenizer.decode(idsOf(tokenizer, "a\ud83c b"))).toBe("a\ufffd b");
    expect(() => train(["\ud83c\ud83c\udf31 \udf31"], 3)).not.toThrow();
  });

  test("an untrained byte is its own id", () => {
    const plain = open(train([], 0));
    fc.assert(
      fc.property(anyText, (text) => {
        expect(idsOf(plain, text)).toEqual([...new TextEncoder().encode(text)]);
      }),
      { seed: 8 },
    );
  });

  test("frequent words are one token, with the space before them", () => {
    expect(shown(tokenizer, "The tree the tree")).toEqual(["The", " tree", " the", " tree"]);
    expect(shown(tokenizer, "don't").at(-1)).toBe("'t");
    // Nine bytes are one piece after eight merges.
    expect(shown(open(train(["日本語、日本語"], 8)), "日本語")).toEqual(["日本語"]);
  });

  test("digits are single tokens, however often a number occurs", () => {
    const numbers = open(train(Array(50).fill("in 1998 the 1998 2024th, 1998.50"), 4));
    expect(shown(numbers, "1998 2024th")).toEqual(["1", "9", "9", "8", " ", "2", "0", "2", "4", "th"]);
    for (let digit = 0; digit < 10; digit++)
      expect(numbers.encode([plainText(`${digit}`.repeat(30))]).ids).toHaveLength(30);
  });

  test("an ending is cut off only at the end of a word; line breaks stay together", () => {
    const trained = open(train(Array(9).fill("it's 'so they'll\n\nsay \n \nso"), 12));
    expect(shown(trained, "it's they'll")).toEqual(expect.arrayContaining(["'s", "'ll"]));
    expect(shown(trained, "'so'")).toEqual(["'", "so", "'"]);
    expect(shown(trained, "so\n\nso")).toEqual(["so", "\n\n", "so"]);
  });

  test("what reads like a special token in content stays text; in control text it is the token", () => {
    for (const [i, text] of special.entries()) {
      const content = idsOf(tokenizer, text);
      expect(content.length).toBeGreaterThan(1);
      expect(content.filter((id) => tokenizer.isSpecial(id))).toEqual([]);
      expect(tokenizer.decode(content)).toBe(text);
      expect([...tokenizer.encode([controlText(text)]).ids]).toEqual([256 + merges + i]);
    }
  });
});

describe("what cannot be done", () => {
  test("too few pairs: both numbers and the way out are named, and it leads out", () => {
    expect(() => train(["low low lower"], 100)).toThrow(
      "The texts give 261 pieces, but a vocabularySize of 362 with 6 special tokens needs 356. Give more and more varied texts, or a vocabularySize of at most 267.",
    );
    expect(open(train(["low low lower"], 0, { vocabularySize: 267 })).size).toBe(267);
  });

  test.each([
    [{ vocabularySize: 261, special }, "vocabularySize is 261, but 256 bytes and 6 special tokens need 262"],
    [{ vocabularySize: 300.5, special }, "vocabularySize is 300.5"],
    [{ vocabularySize: Number.NaN, special }, "vocabularySize is NaN"],
    [{ vocabularySize: 300, special: ["<|end|>"] }, 'not "<|endoftext|>", which ends a text'],
    [{ vocabularySize: 300, special: ["<|endoftext|>", ""] }, 'special has ""'],
    [{ vocabularySize: 300, special: ["<|endoftext|>", "<|end|>", "<|end|>"] }, 'special has "<|end|>"'],
    [{ vocabularySize: 300, special: ["<|endoftext|>", "Ġ"] }, 'special has "Ġ"'],
  ])("%j", (options, message) => {
    expect(() => trainTokenizer(texts, options)).toThrow(message);
  });
});
