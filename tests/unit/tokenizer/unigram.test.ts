/** Unigram models; oracles: all segmentations of short texts, tried one by one, and expectations worked out by hand. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { cases } from "../../support/long.ts";
import { albertWords, metaspaceWords, replacedSpaces, t5Words, unigramTokenizer } from "../../support/tokenizers.ts";
import { controlText, plainText } from "./turns.ts";

type Pieces = readonly (readonly [string, number])[];

const open = (options: Parameters<typeof unigramTokenizer>[0], rest?: object) => {
  const { json, config } = unigramTokenizer(options, rest);
  return createTokenizer(json, config);
};

/** Each token's span of the text, with the id's name. */
function shown(tokenizer: Tokenizer, text: string): [string, string][] {
  const encoding = tokenizer.encode([plainText(text)]);
  return [...encoding.ids].map((id, i) => [
    tokenizer.show(id),
    encoding.text.slice(encoding.starts[i] ?? 0, encoding.ends[i] ?? 0),
  ]);
}

/** Score of an unknown character: 10 below the lowest of the vocabulary, the unknown piece's 0 included. */
const unknownScore = (pieces: Pieces) => Math.min(0, ...pieces.map(([, score]) => score)) - 10;

/** Every way to write the text as pieces and unknown characters. */
function* segmentations(text: string, scores: ReadonlyMap<string, number>): Generator<string[]> {
  if (text === "") yield [];
  for (let length = 1; length <= text.length; length++) {
    const piece = text.slice(0, length);
    if (length > 1 && !scores.has(piece)) continue;
    for (const rest of segmentations(text.slice(length), scores)) yield [piece, ...rest];
  }
}

/** Of equal sums, the one with the longest last piece, then the longest last but one, and so on. */
function best(text: string, pieces: Pieces): string[] {
  const scores = new Map(pieces);
  const unknown = unknownScore(pieces);
  let winner: { score: number; parts: string[] } | null = null;
  const later = (a: readonly string[], b: readonly string[]) => {
    for (let i = 1; i <= Math.min(a.length, b.length); i++) {
      const longer = (a.at(-i)?.length ?? 0) - (b.at(-i)?.length ?? 0);
      if (longer !== 0) return longer > 0;
    }
    return false;
  };
  for (const parts of segmentations(text, scores)) {
    const score = parts.reduce((sum, part) => sum + (scores.get(part) ?? unknown), 0);
    if (!winner || score > winner.score || (score === winner.score && later(parts, winner.parts)))
      winner = { score, parts };
  }
  return winner?.parts ?? [];
}

/** Neighbouring unknown characters are one token. */
function fused(parts: readonly string[], pieces: Pieces): [string, string][] {
  const known = new Set(pieces.map(([piece]) => piece));
  const tokens: [string, string][] = [];
  for (const part of parts) {
    const last = tokens.at(-1);
    if (known.has(part)) tokens.push([part, part]);
    else if (last?.[0] === "<unk>") last[1] += part;
    else tokens.push(["<unk>", part]);
  }
  return tokens;
}

/** Few whole scores: their sums are exact and often equal. */
const vocabulary = fc.uniqueArray(
  fc.tuple(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 3 }), fc.integer({ min: -4, max: 0 })),
  { minLength: 5, maxLength: 14, selector: ([piece]) => piece },
);
const text = fc.string({ unit: fc.constantFrom("a", "b", "a", "b", "c"), minLength: 4, maxLength: 9 });
const whole = { normalizer: null, pre_tokenizer: null };

test("the best of all segmentations, ties and unknown characters included", () => {
  let ties = 0;
  fc.assert(
    fc.property(vocabulary, text, (pieces, word) => {
      const parts = best(word, pieces);
      expect(shown(open({ pieces }, whole), word)).toEqual(fused(parts, pieces));
      const score = (list: readonly string[]) =>
        list.reduce((sum, part) => sum + (new Map(pieces).get(part) ?? unknownScore(pieces)), 0);
      const equals = [...segmentations(word, new Map(pieces))].filter((list) => score(list) === score(parts));
      if (equals.length > 1) ties++;
    }),
    { seed: 21, numRuns: cases(2000) },
  );
  expect(ties).toBeGreaterThan(cases(100));
});

test("spelling span by span equals spelling the whole, for any tokens across a space", () => {
  const spaced = fc.string({ unit: fc.constantFrom("a", "b", "▁"), minLength: 1, maxLength: 3 });
  const reaching = fc.uniqueArray(
    fc.tuple(
      spaced,
      fc.integer({ min: -24, max: 0 }).map((quarter) => quarter / 4),
    ),
    { minLength: 1, maxLength: 10, selector: ([piece]) => piece },
  );
  const words = fc.string({ unit: fc.constantFrom("a", "b", "d", " "), minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(reaching, words, (some, line) => {
      const pieces: Pieces = some.some(([piece]) => piece === "▁") ? some : [...some, ["▁", -3]];
      const parts = fused(best(line.replaceAll(" ", "▁"), pieces), pieces);
      const expected = parts.map((pair) => pair.map((part) => part.replaceAll("▁", " ")));
      expect(shown(open({ pieces }, replacedSpaces), line)).toEqual(expected);
    }),
    { seed: 22, numRuns: cases(2000) },
  );
});

describe("by hand", () => {
  const pieces: Pieces = [
    ["a", -1],
    ["b", -1],
    ["ab", -2],
    ["ba", -1.5],
    ["aba", -3],
  ];

  test("of equal sums the longest last piece wins", () => {
    // ab: a + b = -2 = ab. aba: a + ba = -2.5, the rest -3.
    expect(shown(open({ pieces }, whole), "ab")).toEqual([["ab", "ab"]]);
    expect(shown(open({ pieces }, whole), "aba")).toEqual([
      ["a", "a"],
      ["ba", "ba"],
    ]);
  });

  test("an unknown character costs 10 more than the worst piece, so five poor pieces are better", () => {
    const poor: Pieces = [
      ["x", -9],
      ["y", -1],
      ["xz", -20],
    ];
    // xz = -20 and x + unknown z = -9 - 30.
    expect(shown(open({ pieces: poor }, whole), "xzz")).toEqual([
      ["xz", "xz"],
      ["<unk>", "z"],
    ]);
  });
});

describe("characters without a piece", () => {
  const tokenizer = open({});

  test("a run of them is one unknown-token, placed and counted", () => {
    const encoding = tokenizer.encode([plainText("a猫😀犬 ü", 1)]);
    expect(shown(tokenizer, "a猫😀犬 ü")).toEqual([
      [" ", "a"],
      ["a", "a"],
      ["<unk>", "猫😀犬"],
      [" ", " "],
      ["<unk>", "ü"],
    ]);
    expect(encoding.unknown).toBe(2);
    // The added space has the place of the first character. No token predicts it; the others are supervised, unknown or not.
    expect([...encoding.weights]).toEqual([0, 1, 1, 1, 1]);
  });

  test("an unknown-token across a boundary of the mask is masked like any other", () => {
    const { straddled, weights, unknown } = tokenizer.encode([plainText("a猫", 0), plainText("犬b", 1)]);
    expect({ straddled, unknown, weights: [...weights] }).toEqual({ straddled: 1, unknown: 1, weights: [0, 0, 0, 1] });
  });

  test("with byte fallback they are their bytes, and nothing is unknown", () => {
    const bytes = open({ byteFallback: true }, replacedSpaces);
    expect(shown(bytes, "aü猫")).toEqual([
      ["a", "a"],
      ["<0xC3>", "ü"],
      ["<0xBC>", "ü"],
      ["<0xE7>", "猫"],
      ["<0x8C>", "猫"],
      ["<0xAB>", "猫"],
    ]);
    expect(bytes.encode([plainText("aü猫")]).unknown).toBe(0);
  });

  test("a model with neither says which text it cannot spell", () => {
    const poor = open({ unkId: null });
    expect(() => poor.encode([plainText("ab 猫c")])).toThrow(/no tokens for "猫c"/);
    expect(shown(poor, "ab").map(([name]) => name)).toEqual([" ", "a", "b"]);
  });

  test("byte fallback without all bytes is off", () => {
    const { json, config } = unigramTokenizer({ byteFallback: true }, replacedSpaces);
    const vocab = json.model.vocab.map(([piece, score]) => [piece === "<0xAB>" ? "lost" : piece, score]);
    const tokenizer = createTokenizer({ ...json, model: { ...json.model, vocab } }, config);
    expect(shown(tokenizer, "猫")).toEqual([["<unk>", "猫"]]);
  });
});

test("names of special, unknown and byte tokens in content are text", () => {
  const tokenizer = open({ byteFallback: true, added: ["<|end|>"] }, replacedSpaces);
  const typed = "<unk><0x41></s><|end|>";
  const { ids, unknown } = tokenizer.encode([plainText(typed)]);
  expect(tokenizer.decode(ids)).toBe(typed);
  expect([...ids].filter((id) => tokenizer.isSpecial(id))).toEqual([]);
  expect(unknown).toBe(0);
  const control = tokenizer.encode([controlText(typed)]).ids;
  expect([...control].filter((id) => tokenizer.isSpecial(id)).map((id) => tokenizer.show(id))).toEqual([
    "<unk>",
    "</s>",
    "<|end|>",
  ]);
});

describe("normalizers", () => {
  const textOf = (rest: object, ...segments: string[]) =>
    open({ added: ["<|end|>"] }, rest).encode(
      segments.map((segment) => (segment === "<|end|>" ? controlText(segment) : plainText(segment))),
    ).text;
  const only = (...normalizers: object[]) => ({ ...metaspaceWords, normalizer: { type: "Sequence", normalizers } });

  test("white space between words is one space, wherever segments end", () => {
    expect(textOf(t5Words, " \t a \n", "\n b", " ", "c ", "<|end|>", " d ")).toBe("a b c<|end|>d");
  });

  test("a space at the beginning of an answer is not lost, and is not in the prompt", () => {
    const tokenizer = open({}, t5Words);
    const prompt = [plainText("a: ")];
    const answer = { ...plainText("the end", 1), role: "assistant" as const, message: 1, answer: true };
    const whole = tokenizer.encode([...prompt, answer]);
    expect(whole.text).toBe("a: the end");
    const fed = tokenizer.encode(prompt).ids;
    expect([...whole.ids.slice(0, fed.length)]).toEqual([...fed]);
    expect([...whole.ids.slice(fed.length)].map((id) => tokenizer.show(id))[0]).toBe(" the");
    expect([...whole.weights].filter((weight) => weight === 1)).toHaveLength(whole.ids.length - fed.length);
  });

  test("Strip takes white space from the ends of a section only", () => {
    expect(textOf(only({ type: "Strip", strip_left: true, strip_right: true }), " a ", " b ", "<|end|>", " c")).toBe(
      "a  b<|end|>c",
    );
    expect(textOf(only({ type: "Strip", strip_left: false, strip_right: true }), " a ", "<|end|>", " b ")).toBe(
      " a<|end|> b",
    );
  });

  test("runs of spaces become one, across segments too", () => {
    const extra = { type: "Replace", pattern: { Regex: " {2,}" }, content: "▁" };
    expect(textOf(only(extra), "a  b ", " c ", "<|end|>")).toBe("a b c <|end|>");
  });

  test("Nmt and NFKC", () => {
    const nmt = only({ type: "Nmt" }, { type: "NFKC" });
    expect(textOf(nmt, "a\u0007\tb\u200Bﬁ\uFEFF²")).toBe("a b fi 2");
  });

  test("Precompiled is the library's approximation: NFKC but for the full-width tilde, white space to spaces", () => {
    const precompiled = only({ type: "Precompiled", precompiled_charsmap: "" });
    expect(textOf(precompiled, "a\nb\u0007ﬁ～Ａ\u3000")).toBe("a bfi～A ");
  });

  test("lower case without accents, with offsets in the normalised text", () => {
    const tokenizer = open({}, albertWords);
    const { text, starts, ends } = tokenizer.encode([plainText("``ÉCHO")]);
    expect(text).toBe('"echo');
    expect([starts[0], ends.at(-1)]).toEqual([0, text.length]);
  });

  test("separate spans differ from the whole where a rule matches across their boundary", () => {
    // "e" and its accent in two segments are not composed, in one they are.
    expect(textOf(only({ type: "NFC" }), "e", "\u0301")).toBe("e\u0301");
    expect(textOf(only({ type: "NFC" }), "e\u0301")).toBe("é");
  });
});
