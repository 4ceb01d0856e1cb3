/** Words of pre-tokenizers. Oracle: the pieces from Hugging Face's own tokenizers (the Rust library, 0.23). */

import { describe, expect, test } from "vitest";
import { spellBytes } from "../../../src/tokenizer/bytes.ts";
import { isByteLevel, readTokenizerFiles } from "../../../src/tokenizer/files.ts";
import { createWords } from "../../../src/tokenizer/words.ts";
import {
  byteLevelTokenizer,
  gemmaParts,
  gpt2Words,
  llama3Words,
  metaspaceWords,
  sentencePieceTokenizer,
  t5Words,
} from "../../support/tokenizers.ts";

function wordsOf({ json, config }: { json: object; config: object }) {
  const files = readTokenizerFiles(json, config);
  return createWords(files.json, files.vocabulary, isByteLevel(files.json));
}

const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const chain = (...parts: object[]) => ({ pre_tokenizer: { type: "Sequence", pretokenizers: [...parts, bytes] } });
const split = (behavior: string, invert = false) =>
  chain({ type: "Split", pattern: { String: "-" }, behavior, invert });
const punctuation = (behavior: string) => chain({ type: "Punctuation", behavior });

describe("byte level", () => {
  const rows: [string, object, string, string[]][] = [
    ["GPT-2", gpt2Words, "It's  'S 12²x…\n\n b", ["It", "'s", " ", " '", "S", " 12²", "x", "…", "\n\n", " b"]],
    ["GPT-2: U+FEFF is no white space", gpt2Words, "a  \uFEFF", ["a", " ", " \uFEFF"]],
    ["GPT-2: U+0085 is white space", gpt2Words, "a  \u0085b", ["a", "  ", "\u0085", "b"]],
    [
      "Llama 3",
      llama3Words,
      "It'S 12345  (x)\n\n  b",
      ["It", "'S", " ", "123", "45", " ", " (", "x", ")\n\n", " ", " b"],
    ],
    ["digits alone", chain({ type: "Digits", individual_digits: true }), "a1२3b", ["a", "1", "२", "3", "b"]],
    ["digits together", chain({ type: "Digits", individual_digits: false }), "a1२3b²½", ["a", "1२3", "b", "²½"]],
    ["punctuation, if nothing is said", chain({ type: "Punctuation" }), "a!!b", ["a", "!", "!", "b"]],
    ["punctuation isolated", punctuation("Isolated"), "a!!b$c--", ["a", "!", "!", "b", "$", "c", "-", "-"]],
    ["punctuation contiguous", punctuation("Contiguous"), "a!!b$c--", ["a", "!!", "b", "$", "c", "--"]],
    ["punctuation with what precedes", punctuation("MergedWithPrevious"), "a!!b$c--", ["a!", "!", "b$", "c-", "-"]],
    ["punctuation with what follows", punctuation("MergedWithNext"), "a!!b$c--", ["a", "!", "!b", "$c", "-", "-"]],
    ["split isolated", split("Isolated"), "a--b-c-", ["a", "-", "-", "b", "-", "c", "-"]],
    ["split isolated, inverted", split("Isolated", true), "a--b-c-", ["a", "-", "-", "b", "-", "c", "-"]],
    ["split contiguous", split("Contiguous"), "a--b-c-", ["a", "--", "b", "-", "c", "-"]],
    ["split with what precedes", split("MergedWithPrevious"), "a--b-c-", ["a-", "-", "b-", "c-"]],
    ["split with what precedes, inverted", split("MergedWithPrevious", true), "a--b-c-", ["a", "-", "-b", "-c", "-"]],
    ["split with what follows", split("MergedWithNext"), "a--b-c-", ["a", "-", "-b", "-c", "-"]],
    ["split with what follows, inverted", split("MergedWithNext", true), "a--b-c-", ["a-", "-", "b-", "c-"]],
    ["a fixed length in characters", chain({ type: "FixedLength", length: 2 }), "ab😀cde", ["ab", "😀c", "de"]],
  ];
  test.each(rows)("%s", (_, rest, text, expected) => {
    expect(wordsOf(byteLevelTokenizer({}, rest)).split(text)).toEqual(expected);
  });

  test("pre-tokenizers after ByteLevel split the byte alphabet, as in Falcon", () => {
    const words = wordsOf(
      byteLevelTokenizer(
        {},
        {
          pre_tokenizer: {
            type: "Sequence",
            pretokenizers: [
              { type: "Punctuation", behavior: "Contiguous" },
              gpt2Words.pre_tokenizer,
              { type: "Digits", individual_digits: false },
              { type: "Split", pattern: { Regex: "[0-9][0-9][0-9]" }, behavior: "Isolated", invert: false },
            ],
          },
        },
      ),
    );
    const pieces = words.split("12345 a²b..").flatMap((word) => words.splitBytes(spellBytes(word)));
    expect(pieces).toEqual(["123", "45", "Ġa", "Â", "²", "b", ".."]);
  });
});

describe("SentencePiece", () => {
  const split = (rest: object, crossing = false) => wordsOf(sentencePieceTokenizer({ crossing }, rest)).split;

  test("Metaspace splits before every space, unless split is false", () => {
    expect(split(metaspaceWords)("a  b")).toEqual(["a", "▁", "▁b"]);
    const apart = { pre_tokenizer: { ...metaspaceWords.pre_tokenizer, split: false } };
    // "> ▁" is a merge, so a token may cross the second space; none crosses the first.
    expect(split(apart, true)("b a> b")).toEqual(["b", "▁a>▁b"]);
  });

  test("words split only at white space", () => {
    expect(split(t5Words)("a ▁b c")).toEqual(["a", "▁", "▁b", "▁c"]);
  });

  test("Gemma's split finds no space where all were replaced", () => {
    expect(split({ ...gemmaParts }, true)("a>▁b")).toEqual(["a>▁b"]);
    const spaces = { ...gemmaParts, normalizer: null };
    expect(split(spaces, true)("a> b c")).toEqual(["a> ", "b ", "c"]);
  });

  test("runs of spaces stay whole where they are a token", () => {
    expect(split({})("a▁▁▁b▁c")).toEqual(["a", "▁▁▁b", "▁c"]);
  });
});

describe("an unsupported pre-tokenizer is named", () => {
  const space = { pre_tokenizer: { type: "WhitespaceSplit" } };
  const metaspace = metaspaceWords.pre_tokenizer;
  const rows: [string, object, RegExp][] = [
    ["dropped spaces", space, /WhitespaceSplit without a Metaspace .* drops text/],
    [
      "spaces put before pieces",
      { pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: false }, metaspace] } },
      /Metaspace after Digits inserts a space before every piece/,
    ],
    [
      "another replacement",
      { pre_tokenizer: { ...metaspace, replacement: "_" } },
      /the replacement "_" is not supported/,
    ],
    ["another kind", { pre_tokenizer: { type: "BertPreTokenizer" } }, /"BertPreTokenizer" is not supported/],
    ["no pattern", { pre_tokenizer: { type: "Split", behavior: "Isolated" } }, /pre_tokenizer\.pattern is missing/],
    [
      "an unknown behavior",
      { pre_tokenizer: { type: "Punctuation", behavior: "Shuffled" } },
      /pre_tokenizer\.behavior must be Removed, .* or Contiguous, not "Shuffled"/,
    ],
  ];
  test.each(rows)("%s", (_, rest, message) => {
    expect(() => wordsOf(sentencePieceTokenizer({}, rest))).toThrow(message);
  });
});
