/**
 * Odd parts, ids, merges and patterns of a `tokenizer.json`. Oracle: Hugging Face's own tokenizers (the Rust library, 0.23.2),
 * which read each row's file; where Hone is stricter, the row says why.
 */

import { describe, expect, it, test } from "vitest";
import { quote } from "../../../src/tensor/quote.ts";
import { isByteLevel, readTokenizerFiles } from "../../../src/tokenizer/files.ts";
import { createNormalizer } from "../../../src/tokenizer/normalizer.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { createWords } from "../../../src/tokenizer/words.ts";
import { rawErrors } from "../../support/rawErrors.ts";
import { byteLevelTokenizer, llama3Words, unigramTokenizer } from "../../support/tokenizers.ts";

const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const { json, config } = byteLevelTokenizer();
const whole = { ...json, pre_tokenizer: bytes };

/** The refusal; fails when there is none, and when it is no plain sentence. */
function refusalOf(tokenizerJson: unknown, tokenizerConfig: unknown = config): string {
  const start = performance.now();
  let message = "";
  try {
    createTokenizer(tokenizerJson, tokenizerConfig);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(message).toMatch(/^tokenizer(?:_config)?\.json: [^\n]{20,360}\.$/);
  expect(message).not.toMatch(rawErrors);
  return message;
}

const nested = (depth: number, field: string): unknown =>
  Array.from({ length: depth }).reduce((inner) => ({ type: "Sequence", [field]: [inner] }), bytes);
const huge = "x".repeat(1_000_000);

describe("normalizers that the Rust library refuses", () => {
  const at = "normalizer";
  const rows: readonly (readonly [part: unknown, field: string])[] = [
    [{ type: "Replace", pattern: { String: 5 }, content: null }, `${at}.pattern must be`],
    [{ type: "Replace", pattern: { String: "a" }, content: null }, `${at}.content must be`],
    [{ type: "Replace", pattern: { String: "a" } }, `${at}.content is missing`],
    [{ type: "Replace", pattern: "a", content: "x" }, `${at}.pattern must be`],
    [{ type: "Replace", pattern: { Regex: "a", String: "b" }, content: "x" }, `${at}.pattern must be`],
    [{ type: "Replace", pattern: { Regex: "(" }, content: "x" }, `${at}.pattern is "("`],
    [{ type: "Strip", strip_left: "yes", strip_right: true }, `${at}.strip_left must be true or false, not "yes"`],
    [{ type: "Strip", strip_left: true }, `${at}.strip_right is missing`],
    [{ type: "Strip", strip_left: 1, strip_right: true }, `${at}.strip_left must be`],
    [{ type: "Prepend", prepend: 5 }, `${at}.prepend must be`],
    [{ type: "Prepend" }, `${at}.prepend is missing`],
    [{ type: "Precompiled" }, `${at}.precompiled_charsmap is missing`],
    [{ type: "Precompiled", precompiled_charsmap: null }, `${at}.precompiled_charsmap must be`],
    [{ type: "Precompiled", precompiled_charsmap: "!!!" }, `${at}.precompiled_charsmap must be`],
    [{ type: "Sequence", normalizers: 5 }, `${at}.normalizers must be a list, not 5`],
    [{ type: "Sequence", normalizers: [5] }, `${at}.normalizers[0] must be an object, not 5`],
    [{ type: "Sequence", normalizers: [{ type: "NFC" }, null] }, `${at}.normalizers[1] must be an object, not null`],
    [{ type: "Sequence" }, `${at}.normalizers is missing`],
    [{ type: 5 }, `${at}.type must be a text, not 5`],
    [{ type: "BertNormalizer" }, `${at} "BertNormalizer" is not supported`],
    [5, `${at} must be an object, not 5`],
    ["NFC", `${at} must be an object, not "NFC"`],
    [[], `${at} must be an object, not []`],
    // Hone's own bounds: each part runs over every text, and may insert into each.
    [{ type: "Prepend", prepend: huge }, `${at}.prepend must be a text of at most 64 characters`],
    [{ type: "Replace", pattern: { String: " " }, content: huge }, `${at}.content must be a text of at most 64`],
    [{ type: huge }, `${at} "xxx`],
    [{ type: "Sequence", normalizers: Array(65).fill({ type: "NFC" }) }, `${at} has more than 64 parts`],
    [nested(9, "normalizers"), `${at} nests Sequences more than 8 deep`],
    [nested(10_000, "normalizers"), `${at} nests Sequences more than 8 deep`],
  ];
  it.each(rows)("row %#", (normalizer, field) => {
    expect(refusalOf({ ...whole, normalizer })).toContain(`tokenizer.json: ${field}`);
  });
});

describe("pre-tokenizers that the Rust library refuses", () => {
  const at = "pre_tokenizer.pretokenizers[0]";
  const split = { type: "Split", pattern: { String: "a" }, behavior: "Isolated", invert: false };
  const metaspace = { type: "Metaspace", replacement: "▁" };
  const rows: readonly (readonly [part: unknown, field: string])[] = [
    [{ type: "Digits", individual_digits: "yes" }, `${at}.individual_digits must be`],
    [{ type: "Digits" }, `${at}.individual_digits is missing`],
    [{ type: "Digits", individual_digits: 1 }, `${at}.individual_digits must be`],
    [{ ...bytes, add_prefix_space: "x" }, `${at}.add_prefix_space must be`],
    [{ type: "ByteLevel" }, `${at}.add_prefix_space is missing`],
    [{ ...bytes, use_regex: null }, `${at}.use_regex must be`],
    [{ ...bytes, trim_offsets: 5 }, `${at}.trim_offsets must be`],
    [{ type: "Metaspace" }, `${at}.replacement is missing`],
    [{ ...metaspace, replacement: 5 }, `${at}.replacement must be`],
    [{ ...metaspace, add_prefix_space: "x" }, `${at}.add_prefix_space must be`],
    [{ ...metaspace, add_prefix_space: false, prepend_scheme: "always" }, `${at}.prepend_scheme is "always", but`],
    [{ ...metaspace, prepend_scheme: "sometimes" }, `${at}.prepend_scheme must be first, never or always`],
    [{ ...metaspace, prepend_scheme: null }, `${at}.prepend_scheme must be`],
    [{ ...metaspace, split: "no" }, `${at}.split must be`],
    [{ ...split, behavior: "isolated" }, `${at}.behavior must be`],
    [{ ...split, behavior: undefined }, `${at}.behavior is missing`],
    [{ ...split, invert: "x" }, `${at}.invert must be`],
    [{ ...split, invert: undefined }, `${at}.invert is missing`],
    [{ ...split, pattern: null }, `${at}.pattern must be`],
    [{ ...split, pattern: { Regex: 5 } }, `${at}.pattern must be`],
    [{ type: "Punctuation", behavior: 5 }, `${at}.behavior must be`],
    [{ type: "FixedLength", length: -1 }, `${at}.length must be`],
    [{ type: "FixedLength", length: 2.5 }, `${at}.length must be`],
    [{ type: "FixedLength", length: "5" }, `${at}.length must be`],
    // The Rust library accepts this one, and fails at the first text.
    [{ type: "FixedLength", length: 0 }, `${at}.length must be`],
    [{ type: "FixedLength", length: 1e21 }, `${at}.length must be`],
  ];
  it.each(rows)("row %#", (part, field) => {
    const pre_tokenizer = { type: "Sequence", pretokenizers: [part, bytes] };
    expect(refusalOf({ ...whole, pre_tokenizer })).toContain(`tokenizer.json: ${field}`);
  });
});

describe("patterns", () => {
  const at = "tokenizer.json: pre_tokenizer.pretokenizers[0].pattern";
  const rows: readonly (readonly [regex: string, problem: string])[] = [
    ["(", 'is "("'],
    ["[a", 'is "[a"'],
    ["a{2,1}", 'is "a{2,1}"'],
    ["(?<=a", 'is "(?<=a"'],
    ["*a", 'is "*a"'],
    ["\\p{Nonsense}", 'is "\\\\p{Nonsense}"'],
    ["(".repeat(1900), 'is "((('],
    ["a{1000}{1000}", "which repeats up to 1000000 times"],
    ["(?:a{1000}){1000}", "which repeats up to"],
    ["(?:(?:a{100}){100}){100}", "which repeats up to"],
    ["a{1,100001}", "which repeats up to 100001 times"],
    ["(a|b{50000}){3,}", "which repeats up to"],
    ["x{99999999999999999999}", "which repeats up to"],
    ["a".repeat(2001), "has 2001 characters, more than the 2000 allowed"],
  ];
  it.each(rows)("row %# is refused by the field's path", (regex, problem) => {
    const part = { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
    const pre_tokenizer = { type: "Sequence", pretokenizers: [part, bytes] };
    const message = refusalOf({ ...whole, pre_tokenizer });
    expect(message).toContain(`${at} `);
    expect(message).toContain(problem);
  });

  it.each(["\\p{N}{1,3}", "a{100000}", "[^{5}]{2}\\{7}", "\\x{20000}?|\\x{1680}", "(?:\\p{L}{1,9}|x){2,20}"])(
    "%s is read",
    (regex) => {
      const part = { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
      const pre_tokenizer = { type: "Sequence", pretokenizers: [part, bytes] };
      expect(() => createTokenizer({ ...whole, pre_tokenizer }, config)).not.toThrow();
    },
  );

  test("many patterns are refused together, before they are compiled", () => {
    const part = { type: "Split", pattern: { Regex: "\\b".repeat(900) }, behavior: "Isolated", invert: false };
    const pre_tokenizer = { type: "Sequence", pretokenizers: [part, part, part, bytes] };
    expect(refusalOf({ ...whole, pre_tokenizer })).toContain(
      "have patterns of 5400 characters, more than 4000 together",
    );
  });

  test("each pattern of the file is announced by its label, always the same string", () => {
    const { json: other } = byteLevelTokenizer({}, llama3Words);
    const normalizers = [{ type: "NFC" }, { type: "Replace", pattern: { Regex: "(a+)+\\$" }, content: "b" }];
    const files = readTokenizerFiles({ ...other, normalizer: { type: "Sequence", normalizers } }, config);
    const labels: string[] = [];
    const before = (label: string) => labels.push(label);
    const words = createWords(files.json, files.vocabulary, isByteLevel(files.json), before);
    const normalizer = createNormalizer(files.json, before);
    expect(labels).toEqual([]);
    words.split(normalizer.apply("one text"));
    words.split(normalizer.apply("and another"));
    const regex = llama3Words.pre_tokenizer.pretokenizers[0];
    const source = regex && "pattern" in regex ? regex.pattern.Regex : "";
    const both = [
      'tokenizer.json: normalizer.normalizers[1].pattern "(a+)+\\\\$"',
      `tokenizer.json: pre_tokenizer.pretokenizers[0].pattern ${quote(source)}`,
    ];
    expect(labels).toEqual([...both, ...both]);
    for (const label of both)
      expect(label.length).toBeLessThanOrEqual("tokenizer.json: pre_tokenizer.pretokenizers[0].pattern ".length + 63);
  });
});

describe("the output of a normalizer", () => {
  const normalised = (normalizers: readonly object[], text: string) =>
    createNormalizer(
      readTokenizerFiles({ ...whole, normalizer: { type: "Sequence", normalizers } }, config).json,
    ).apply(text);
  const replace = (pattern: object, content: string) => ({ type: "Replace", pattern, content });

  // The expected texts come from the Rust library.
  const rows: readonly (readonly [object, string, string])[] = [
    [replace({ String: "a" }, "$&$1$$"), "ab c", "$&$1$$b c"],
    [replace({ Regex: "(a)(b)" }, "$2$1\\1"), "ab c", "$2$1\\1 c"],
    [replace({ String: "" }, "x"), "ab c", "xaxbx xcx"],
    [replace({ Regex: "z*" }, "-"), "ab c", "-a-b- -c-"],
  ];
  it.each(rows)("row %#", (part, text, expected) => {
    expect(normalised([part], text)).toBe(expected);
  });

  test("a chain that doubles a text sixty times is stopped, and its step named", () => {
    const doubling = Array.from({ length: 60 }, () => replace({ String: "a" }, "aa"));
    expect(() => normalised(doubling, "a".repeat(100))).toThrow(
      /^tokenizer\.json: normalizer\.normalizers\[\d\] turns a text of 100 characters into \d+ characters\. /,
    );
    const stuffed = replace({ String: "" }, "b".repeat(64));
    expect(() => normalised([stuffed], "a".repeat(100_000))).toThrow(
      /normalizers\[0\] turns a text of 100000 characters into \d+ characters/,
    );
  });

  test("the character with the longest normal form is allowed", () => {
    expect(normalised([{ type: "NFKD" }], "\uFDFA".repeat(500))).toHaveLength(18 * 500);
  });
});

describe("ids, merges and tokens", () => {
  const { vocab } = json.model;
  const model = (change: object) => ({ ...whole, model: { ...whole.model, ...change } });
  const added = (...tokens: unknown[]) => ({ ...whole, added_tokens: tokens });
  const [token] = json.added_tokens;
  const unigram = (change: object) => {
    const made = unigramTokenizer().json;
    return { ...made, added_tokens: [], model: { ...made.model, ...change } };
  };
  const post = (change: object) => ({ ...whole, post_processor: { ...json.post_processor, ...change } });
  const written = (ids: unknown, tokens: unknown = ["<s>"]) =>
    post({
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids, tokens } },
    });

  const rows: readonly (readonly [file: unknown, problem: string])[] = [
    [model({ vocab: { ...vocab, zz: -1 } }), 'model.vocab gives "zz" the id -1'],
    [model({ vocab: { ...vocab, zz: 0.5 } }), 'model.vocab gives "zz" the id 0.5'],
    [model({ vocab: { ...vocab, zz: 2 ** 32 } }), 'model.vocab gives "zz" the id 4294967296'],
    [model({ vocab: { ...vocab, zz: "5" } }), 'model.vocab gives "zz" the id "5"'],
    [model({ vocab: { ...vocab, zz: null } }), 'model.vocab gives "zz" the id null'],
    [model({ vocab: [] }), "model.vocab must be an object"],
    [model({ vocab: "abc" }), "model.vocab must be an object"],
    [model({ merges: ["a Q", "h Q"] }), 'model.merges[0] is "a Q", but the vocabulary has no "aQ"'],
    [model({ merges: ["h e", "h"] }), 'model.merges[1] is "h", not a pair'],
    [model({ merges: ["h e l"] }), 'model.merges[0] is "h e l", not a pair'],
    [model({ merges: ["h e", ["l", "l"]] }), 'model.merges[1] is ["l","l"], not a pair'],
    [model({ merges: [["h", "e"], "l l"] }), 'model.merges[1] is "l l", not a pair'],
    [model({ merges: [["h", 5]] }), 'model.merges[0] is ["h",5], not a pair'],
    [model({ merges: [null] }), "model.merges[0] is null, not a pair"],
    [model({ merges: null }), "model.merges must be a list"],
    [model({ unk_token: 5 }), "model.unk_token must be"],
    [model({ ignore_merges: "x" }), "model.ignore_merges must be"],
    [model({ byte_fallback: "x" }), "model.byte_fallback must be"],
    [model({ dropout: 5 }), "model.dropout must be a number from 0 to 1"],
    [model({ type: "bpe" }), 'model.type "bpe"'],
    [unigram({ unk_id: -1 }), "model.unk_id must be"],
    [unigram({ unk_id: 1.5 }), "model.unk_id must be"],
    [unigram({ unk_id: "0" }), "model.unk_id must be"],
    [unigram({ unk_id: 5e5 }), "model.unk_id is 500000, but the vocabulary has"],
    [unigram({ vocab: [["a", "x"]] }), "model.vocab must be a list of pieces with scores"],
    [unigram({ vocab: [["a", -1, 5]] }), "model.vocab must be a list of pieces with scores"],
    [added({ ...token, id: -1 }), "added_tokens[0].id must be a whole number from 0 to 524287, not -1"],
    [added({ ...token, id: 0.5 }), "added_tokens[0].id must be"],
    [added({ ...token, id: "4" }), "added_tokens[0].id must be"],
    [added({ ...token, content: 5 }), "added_tokens[0].content must be"],
    [added({ ...token, special: "x" }), "added_tokens[0].special must be"],
    [added({ ...token, lstrip: "x" }), "added_tokens[0].lstrip must be"],
    [added(5), "added_tokens[0] must be an object"],
    [{ ...whole, added_tokens: { a: 1 } }, "added_tokens must be a list"],
    [{ ...whole, version: "2.0" }, 'version must be "1.0", not "2.0"'],
    [written([-1]), "post_processor.special_tokens must be"],
    [written(["4"]), "post_processor.special_tokens must be"],
    [written([269], "<s>"), "post_processor.special_tokens must be"],
    [post({ special_tokens: [] }), "post_processor.special_tokens must be"],
    [post({ single: "$A" }), "post_processor.single must be a list"],
    [post({ single: [{}] }), "post_processor.single[0] must be a SpecialToken or a Sequence"],
    [post({ single: [{ SpecialToken: { id: "<x>" } }] }), 'post_processor.special_tokens lacks "<x>"'],
    [{ ...whole, post_processor: { type: "Sequence", processors: 5 } }, "post_processor.processors must be a list"],
    // The Rust library accepts these: it renumbers added tokens, and decodes one of two tokens with the same id. An id is a row of
    // the embedding, so file and library would use different rows.
    [model({ vocab: { ...vocab, zz: 0 } }), "model.vocab gives the id 0 to both"],
    [added(token, { ...token, content: "<t>" }), 'added_tokens[1] gives "<t>" the id 269, which "<s>" has already'],
    [added(token, { ...token, id: 300 }), 'added_tokens[1] gives "<s>" the id 300, but it has the id 269 already'],
    [added({ ...token, id: 5 }), 'added_tokens[0] gives "<s>" the id 5, which '],
    [added({ ...token, content: "he" }), 'added_tokens[0] gives "he" the id 269, but it has the id 256 already'],
    [written([5]), 'post_processor.special_tokens gives "<s>" the id 5, but it has the id 269'],
    // Hone's own bounds: an id sizes a table, and all added tokens become one pattern.
    [added({ ...token, id: 1e9 }), "added_tokens[0].id must be"],
    [model({ vocab: { ...vocab, zz: 1e9 } }), 'model.vocab gives "zz" the id 1000000000'],
    [model({ vocab: { ...vocab, [huge]: 400 } }), 'model.vocab has "xxx'],
    [
      unigram({
        vocab: [
          ["<unk>", 0],
          [huge, -1],
        ],
      }),
      'model.vocab has "xxx',
    ],
    [
      unigram({ vocab: Array.from({ length: 10_000 }, (_, i) => [`${i}`.padEnd(500, "-"), -1]) }),
      "model.vocab has 5000000 characters, more than 4000000 together",
    ],
    [added({ ...token, content: huge }), "added_tokens[0].content must be a text of at most 1000 characters"],
    [
      added(...Array.from({ length: 1100 }, (_, i) => ({ ...token, id: 300 + i, content: `${i}`.padEnd(1000, "-") }))),
      "added_tokens have 1100000 characters, more than 1000000 together",
    ],
  ];
  it.each(rows)("row %#", (file, problem) => {
    expect(refusalOf(file)).toContain(`tokenizer.json: ${problem}`);
  });

  const configs: readonly (readonly [unknown, string])[] = [
    [{ bos_token: 5 }, "bos_token must be a text or an object with its content, not 5"],
    [{ bos_token: ["<s>"] }, 'bos_token must be a text or an object with its content, not ["<s>"]'],
    [{ bos_token: { content: 5 } }, "bos_token must be"],
    [{ bos_token: {} }, "bos_token must be"],
    [{ eos_token: true }, "eos_token must be"],
    [{ eos_token: "<none>" }, 'eos_token "<none>" is not in tokenizer.json'],
    [{ eos_token: huge }, 'eos_token "xxx'],
    [{ ...config, add_bos_token: "yes" }, 'add_bos_token must be true or false, not "yes"'],
    [{ ...config, add_bos_token: 1 }, "add_bos_token must be"],
    [{ add_bos_token: true }, "add_bos_token is true, but bos_token names no token"],
    [{ pad_token: 5 }, "pad_token must be a text or an object with its content, not 5"],
    [{ extra_special_tokens: "<a>" }, "extra_special_tokens must be a list of tokens, or an object from names"],
    [{ extra_special_tokens: [5] }, "extra_special_tokens must be"],
    [{ additional_special_tokens: { a: [] } }, "additional_special_tokens must be"],
    [{ added_tokens_decoder: 5 }, "added_tokens_decoder must be an object from ids to tokens, not 5"],
    [{ added_tokens_decoder: { a: { content: "b" } } }, "added_tokens_decoder must be"],
    [{ added_tokens_decoder: { 5: "b" } }, "added_tokens_decoder must be"],
    [{ added_tokens_decoder: { 5: { content: huge } } }, "added_tokens_decoder must be"],
    [5, "its content must be an object, not 5"],
  ];
  it.each(configs)("row %# of tokenizer_config.json", (tokenizerConfig, problem) => {
    expect(refusalOf({ ...whole, post_processor: null }, tokenizerConfig)).toContain(
      `tokenizer_config.json: ${problem}`,
    );
  });
});

describe("files that the Rust library accepts are accepted", () => {
  const rows: readonly (readonly [string, object])[] = [
    ["fields that nobody reads", { normalizer: { type: "NFC", x: 5 }, truncation: 5, decoder: { type: 5 } }],
    ["an empty sequence", { normalizer: { type: "Sequence", normalizers: [] } }],
    ["a sequence in a sequence", { pre_tokenizer: nested(3, "pretokenizers") }],
    ["an empty prefix", { normalizer: { type: "Prepend", prepend: "" } }],
    ["flags that are null", { model: { ...json.model, byte_fallback: null, ignore_merges: null, fuse_unk: null } }],
    ["a merge twice", { model: { ...json.model, merges: ["h e", "h e"] } }],
    ["the first line of merges.txt", { model: { ...json.model, merges: ["#version: 0.2", "h e"] } }],
    ["an added token twice", { added_tokens: [...json.added_tokens, ...json.added_tokens] }],
    ["no version and no added tokens", { version: undefined, added_tokens: undefined }],
    [
      "an id far behind the others",
      { added_tokens: [...json.added_tokens, { ...json.added_tokens[0], id: 99_999, content: "<far>" }] },
    ],
  ];
  it.each(rows)("%s", (_, change) => {
    const names = "added_tokens" in change && change.added_tokens === undefined ? null : config;
    expect(() => createTokenizer({ ...whole, post_processor: null, ...change }, names)).not.toThrow();
  });
});
