/** Small tokenizers in the published form of each family, from whose ids by the Rust library the tests' golden file is made. */

import { byteAlphabet } from "../../src/tokenizer/bytes.ts";

interface Added {
  readonly content: string;
  readonly special?: boolean;
  readonly normalized?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly single_word?: boolean;
}

export interface SmallForm {
  readonly name: string;
  readonly json: object;
  readonly config: object;
}

const plainFlags = { special: true, normalized: false, lstrip: false, rstrip: false, single_word: false };

/** Merges as in files: each makes a token that later ones may use. */
const byteMerges = [
  ...["h e", "l l", "t he", "i n", "e r", "r e", "o n", "a n", "Ġ t", "Ġ a", "Ġt he", "Ġ he", "he ll", "hell o", "Ġ Ġ"],
  ...[
    "ĠĠ ĠĠ",
    "Ċ Ċ",
    "č Ċ",
    "Ġ Ċ",
    "1 2",
    "12 3",
    "4 5",
    "0 0",
    "' s",
    "' t",
    "! !",
    "- -",
    ". .",
    "Ã ©",
    "Ì ģ",
    "e Ìģ",
  ],
  ...["Ġ Ã©", "æ Ĺ", "æĹ ¥", "ð Ł", "ðŁ ĺ", "ðŁĺ Ģ", "à ¤", "Ø §", "Ð ¸", "i on", "Ġ in", "> Ċ", "; Ċ", "_ _"],
];
const pieceMerges = [
  ...[
    "h e",
    "l l",
    "t he",
    "▁ the",
    "▁ a",
    "▁ t",

    "he ll",
    "hell o",
    "▁ hello",
    "▁ ▁",
    "▁▁ ▁▁",
    "▁▁ ▁",
    "i n",
    "e r",
    "o n",
  ],
  ...["▁ in", "! !", ". .", "- -", "日 本", "é ▁", "> ▁", "b ▁", "1 2", "12 3", "\n \n"],
];
const letters = [..."▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-_<>|/é日本語и\n"];
const byteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);

function build(
  tokens: readonly string[],
  merges: readonly string[],
  added: readonly Added[],
  { model, ...rest }: { readonly model?: object; readonly [field: string]: unknown },
): object {
  const names = [...tokens, ...merges.map((merge) => merge.replace(" ", ""))];
  const vocab = Object.fromEntries(names.map((token, id) => [token, id]));
  let next = names.length;
  return {
    ...{ version: "1.0", truncation: null, padding: null },
    added_tokens: added.map((token) => ({ id: vocab[token.content] ?? next++, ...plainFlags, ...token })),
    ...{ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null },
    ...rest,
    model: {
      ...{ type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges },
      ...model,
    },
  };
}

const bytes = (use_regex = false, add_prefix_space = false) => ({
  ...{ type: "ByteLevel", add_prefix_space, trim_offsets: true, use_regex },
});
const split = (Regex: string, behavior = "Isolated", invert = false) => ({
  ...{ type: "Split", pattern: { Regex }, behavior, invert },
});
const chain = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });
const words = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const possessive =
  "[^\\r\\n\\p{L}\\p{N}]?+[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]++(?i:'s|'t|'ll)?+|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n/]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s++";
const deepseek = [
  split("\\p{N}{1,3}"),
  split("[一-龥぀-ゟ゠-ヿ]+"),
  split(
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ),
];

const end: Added = { content: "<|endoftext|>" };
const turns: readonly Added[] = [{ content: "<|im_start|>" }, { content: "<|im_end|>" }];
const spaceRuns = [8, 4, 2].map((n): Added => ({ content: " ".repeat(n), special: false, normalized: true }));
const byteForm = (added: readonly Added[], pre_tokenizer: object, rest: object = {}) =>
  build(byteAlphabet, byteMerges, [end, ...added], { pre_tokenizer, ...rest });

const basics: readonly Added[] = [{ content: "<unk>" }, { content: "<s>" }, { content: "</s>" }];
const fallback = { byte_fallback: true, fuse_unk: true, unk_token: "<unk>" };
const pieces = ["<unk>", "<s>", "</s>", ...byteTokens, ...letters];
const pieceForm = (added: readonly Added[], rest: object) =>
  build(pieces, pieceMerges, [...basics, ...added], { model: fallback, ...rest });
const replace = { type: "Replace", pattern: { String: " " }, content: "▁" };
const prepend = { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, replace] };
const spaceFirst = { type: "Sequence", normalizers: [{ type: "Prepend", prepend: " " }, replace] };
const metaspace = (prepend_scheme: string, apart: boolean) => ({
  ...{ type: "Metaspace", replacement: "▁", prepend_scheme, split: apart },
});
const beginning = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
};

const none = { ...beginning, single: beginning.single.slice(1), special_tokens: {} };

const byteConfig = { eos_token: "<|endoftext|>" };
const pieceConfig = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" };
const byteForms: readonly (readonly [string, object, object?])[] = [
  ["GPT-2", byteForm([], bytes(true))],
  ["GPT-2 with a space first", byteForm(turns, bytes(true, true)), { add_prefix_space: true }],
  [
    "GPT-2, space by its config",
    byteForm(turns, bytes(true)),
    { add_prefix_space: true, tokenizer_class: "GPT2Tokenizer" },
  ],
  ["GPT-NeoX", byteForm(spaceRuns, bytes(true), { normalizer: { type: "NFC" } })],
  ["Llama 3", byteForm(turns, chain(split(words("\\p{N}{1,3}")), bytes()), { model: { ignore_merges: true } })],
  ["Qwen", byteForm(turns, chain(split(words("\\p{N}")), bytes()), { normalizer: { type: "NFC" } })],
  ["OLMo 2", byteForm(turns, chain(split(words("\\p{N}{1,3}"), "Removed", true), bytes()))],
  ["possessive quantifiers", byteForm(turns, chain(split(possessive), bytes()))],
  ["atomic groups", byteForm(turns, chain(split("(?>\\s+)\\S|(?>\\p{L}+)(?!x)|(?>[^\\s\\p{L}]{1,4})|\\s"), bytes()))],
  ["DeepSeek", byteForm(turns, chain(...deepseek, bytes()))],
  ["SmolLM2", byteForm(turns, chain({ type: "Digits", individual_digits: true }, bytes(true)))],
  [
    "normalized tokens after NFC",
    byteForm(
      [
        { content: "e\u0301t", special: false, normalized: true },
        { content: "<think>", special: false, normalized: true, lstrip: true },
        { content: "word", special: false, normalized: true, single_word: true },
      ],
      bytes(true),
      { normalizer: { type: "NFC" } },
    ),
  ],
];
const rstrip = ["<|user|>", "<|assistant|>", "<|end|>"].map((content): Added => ({ content, rstrip: true }));
const spaceTokens = ["▁▁", "▁▁▁", "▁▁▁▁", "\n\n"].map((content): Added => ({ content, special: false }));
const gemma = { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false };
const pieceForms: readonly (readonly [string, object, object?])[] = [
  ["Llama 2", pieceForm([], { normalizer: prepend, post_processor: beginning }), { add_bos_token: false }],
  ["a space prepended, then replaced", pieceForm(turns, { normalizer: spaceFirst })],
  ["Llama's class", pieceForm(turns, { normalizer: prepend }), { tokenizer_class: "LlamaTokenizer", legacy: false }],
  [
    "Llama's class, legacy",
    pieceForm(turns, { normalizer: prepend }),
    { tokenizer_class: "LlamaTokenizer", legacy: true },
  ],
  [
    "Llama's class without a space",
    pieceForm(turns, { normalizer: prepend }),
    { tokenizer_class: "LlamaTokenizerFast", add_prefix_space: false },
  ],
  ["Phi-3", pieceForm(rstrip, { normalizer: prepend, post_processor: none }), { add_bos_token: true }],
  ["Metaspace first", pieceForm(rstrip, { pre_tokenizer: metaspace("first", false) })],
  ["Metaspace always, split", pieceForm(turns, { pre_tokenizer: metaspace("always", true) })],
  ["Metaspace never", pieceForm(turns, { pre_tokenizer: metaspace("never", false) })],
  ["Gemma", pieceForm(spaceTokens, { normalizer: replace, pre_tokenizer: gemma, post_processor: beginning })],
  [
    "normalized tokens after Prepend",
    pieceForm(
      [
        { content: "<think>", special: false, normalized: true },
        { content: "the in", special: false, normalized: true },
        { content: "<raw>", special: false },
      ],
      { normalizer: prepend },
    ),
  ],
  [
    "tokens of tokenizer_config.json",
    pieceForm([{ content: "<x>", special: false }], { normalizer: prepend }),
    {
      added_tokens_decoder: {
        259: {
          content: "a",
          special: false,
          ...{ normalized: false, lstrip: false, rstrip: false, single_word: false },
        },
        999: { content: "<new>", special: true, normalized: false, lstrip: false, rstrip: true, single_word: false },
      },
      extra_special_tokens: ["<more>", "hello", "<x>"],
      additional_special_tokens: ["<unread>"],
      pad_token: "<pad>",
    },
  ],
  [
    "named tokens of tokenizer_config.json",
    pieceForm([], { normalizer: prepend }),
    {
      image_token: "<image>",
      extra_special_tokens: { boi_token: "<boi>", eoi_token: "[x]" },
      mask_token: {
        __type: "AddedToken",
        content: "<mask>",
        lstrip: true,
        rstrip: false,
        single_word: false,
        normalized: false,
      },
    },
  ],
];

export const smallForms: readonly SmallForm[] = [
  ...byteForms.map(([name, json, more]) => ({ name, json, config: { ...byteConfig, ...more } })),
  ...pieceForms.map(([name, json, more]) => ({ name, json, config: { ...pieceConfig, ...more } })),
];
