/** Small tokenizers of every supported family, so that tests need no model. */

interface Options {
  /** Added special tokens beside the end of sequence. */
  readonly added?: readonly string[];
  /** Whether the post-processor writes BOS before a text, as by default. */
  readonly bos?: "post-processor" | "none";
}

const specialToken = (content: string, id: number) => ({
  id,
  content,
  special: true,
  normalized: false,
  single_word: false,
  lstrip: false,
  rstrip: false,
});

function finish(pieces: readonly string[], merges: readonly string[], options: Options, rest: object) {
  const { added = [], bos = "post-processor" } = options;
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const specials = ["<s>", "</s>", ...added].map((content, i) => specialToken(content, pieces.length + i));
  const single = [
    ...(bos === "post-processor" ? [{ SpecialToken: { id: "<s>", type_id: 0 } }] : []),
    { Sequence: { id: "A", type_id: 0 } },
  ];
  return {
    json: {
      version: "1.0",
      added_tokens: specials,
      normalizer: null as object | null,
      pre_tokenizer: null as object | null,
      post_processor: {
        type: "TemplateProcessing",
        single,
        pair: [],
        special_tokens: { "<s>": { id: "<s>", ids: [pieces.length], tokens: ["<s>"] } },
      },
      decoder: null,
      ...rest,
      model: {
        type: "BPE",
        vocab,
        merges,
        byte_fallback: false,
        unk_token: null,
        ignore_merges: false,
        ...model(rest),
      },
    },
    config: {
      bos_token: "<s>",
      eos_token: { content: "</s>" },
    },
  };
}

/** The file with a post-processor that writes this added token before a text. */
export function writing<
  T extends { readonly added_tokens: readonly { readonly id: number; readonly content: string }[] },
>(json: T, bos: string) {
  const ids = json.added_tokens.filter(({ content }) => content === bos).map(({ id }) => id);
  const single = [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }];
  const special_tokens = { [bos]: { id: bos, ids, tokens: [bos] } };
  return { ...json, post_processor: { type: "TemplateProcessing", single, pair: [], special_tokens } };
}

const model = (rest: object) => ("model" in rest && typeof rest.model === "object" ? rest.model : {});

/** GPT-2's byte alphabet: one printable character per byte, from Latin-1 upwards. */
function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : spare++));
}

/** GPT-2's kind; its merges cross line breaks and the ends of plain-text markers. */
export function byteLevelTokenizer(options: Options = {}, rest: object = {}) {
  const merges = ["h e", "l l", "he ll", "hell o", "Ġ t", "Ċ Ċ", "> h", "> Ċ", "Ġ Ġ", "o <", ". <", "Ã ©", "t Ċ"];
  const pieces = [...byteAlphabet(), ...merges.map((merge) => merge.replace(" ", ""))];
  return finish(pieces, merges, options, {
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ...rest,
  });
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");

/** Llama 2's kind. `crossing` adds a merge that crosses into the next word, so words cannot be merged separately. */
export function sentencePieceTokenizer(options: Options & { readonly crossing?: boolean } = {}, rest: object = {}) {
  const letters = [..."▁abcdefghijklmnopqrstuvwxyzABCH<>|.,!?é"];
  const merges = ["h e", "l l", "▁ t", "▁ ▁", "▁t he", "> ▁", "o <", "| >"].filter(
    (merge) => options.crossing || !/[^▁] ▁/.test(merge),
  );
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const pieces = ["<unk>", ...bytes, ...letters, ...merges.map((merge) => merge.replace(" ", ""))];
  return finish(pieces, merges, options, {
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    model: { byte_fallback: true, fuse_unk: true, unk_token: "<unk>" },
    ...rest,
  });
}

/** The newer form of the same prefix: a Metaspace pre-tokenizer. */
export const metaspace = {
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
};

const split = (regex: string, behavior = "Isolated") => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior,
  invert: false,
});

/** GPT-2's pre-tokenizer. */
export const gpt2Words = {
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
};

const splitThenBytes = (...regexes: string[]) => ({
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      ...regexes.map((regex) => split(regex)),
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
});
const words = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

export const llama3Words = splitThenBytes(words("\\p{N}{1,3}"));
export const qwenWords = { normalizer: { type: "NFC" }, ...splitThenBytes(words("\\p{N}")) };

/** Gemma's kind: it replaces spaces and adds no prefix, so the split finds no space. */
export const gemmaParts = {
  normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
  pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
};

interface UnigramOptions extends Options {
  /** Pieces after "<unk>"; by default the letters and a few words with different scores. */
  readonly pieces?: readonly (readonly [string, number])[];
  readonly byteFallback?: boolean;
  /** Index of the unknown piece, which is the first; null for none. */
  readonly unkId?: number | null;
}

const unigramPieces: readonly (readonly [string, number])[] = [
  ["▁", -2.5],
  ["▁the", -3],
  ["▁t", -4.5],
  ["he", -4.25],
  ["hello", -9],
  ["▁hello", -8.5],
  ["ll", -5],
  ["lo", -5.5],
  ["o<", -7],
  ["日本", -9.5],
  ["日", -10.25],
  ["...", -7.5],
  ...Array.from("abcdefghijklmnopqrstuvwxyzABCH<>|.,!?é_/", (letter, i): [string, number] => [
    letter,
    -6 - (i % 7) / 4,
  ]),
];

/** A Unigram model; `rest` names its normalizer and pre-tokenizer. */
export function unigramTokenizer(options: UnigramOptions = {}, rest: object = metaspaceWords) {
  const { pieces = unigramPieces, byteFallback = false, unkId = 0 } = options;
  const bytes = byteFallback ? Array.from({ length: 256 }, (_, byte): [string, number] => [`<0x${hex(byte)}>`, 0]) : [];
  const vocab: readonly (readonly [string, number])[] = [["<unk>", 0], ...bytes, ...pieces];
  const { json, config } = finish(
    vocab.map(([piece]) => piece),
    [],
    options,
    rest,
  );
  return {
    json: {
      ...json,
      added_tokens: [...(unkId === 0 ? [specialToken("<unk>", 0)] : []), ...json.added_tokens],
      model: { type: "Unigram", unk_id: unkId, vocab, byte_fallback: byteFallback },
    },
    config,
  };
}

/** The form of XLM-R and newer T5: every word begins with its space. */
export const metaspaceWords = {
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
};

/** T5's form: all white space only separates words. */
export const t5Words = {
  normalizer: { type: "Precompiled", precompiled_charsmap: "" },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "WhitespaceSplit" },
      { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    ],
  },
};

/** ALBERT's form: lower case without accents. */
export const albertWords = {
  ...metaspaceWords,
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Replace", pattern: { String: "``" }, content: '"' },
      { type: "NFKD" },
      { type: "StripAccents" },
      { type: "Lowercase" },
      { type: "Precompiled", precompiled_charsmap: "" },
    ],
  },
};

/** The form of Unigram models with byte fallback: the normalizer replaces spaces. */
export const replacedSpaces = {
  normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
  pre_tokenizer: null,
};
