/** Small tokenizers of the two supported families, written here so that tests need no model. */

interface Options {
  /** Added special tokens beside the end of sequence. */
  readonly added?: readonly string[];
  readonly bos?: "config" | "post-processor" | "none";
}

const specialToken = (content: string, id: number) => ({ id, content, special: true, normalized: false });

function finish(pieces: readonly string[], merges: readonly string[], options: Options, rest: object) {
  const { added = [], bos = "config" } = options;
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
      ...(bos === "config" && { add_bos_token: true }),
      ...(bos === "none" && { add_bos_token: false }),
    },
  };
}

const model = (rest: object) => ("model" in rest && typeof rest.model === "object" ? rest.model : {});

/** Each byte's stand-in, from Unicode's printable Latin-1 characters upwards, as GPT-2 chose them. */
function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : spare++));
}

/** GPT-2's kind; its merges reach over line breaks and over the borders of plain markers. */
export function byteLevelTokenizer(options: Options = {}, rest: object = {}) {
  const merges = ["h e", "l l", "he ll", "hell o", "Ġ t", "Ċ Ċ", "> h", "> Ċ", "Ġ Ġ", "o <", ". <", "Ã ©", "t Ċ"];
  const pieces = [...byteAlphabet(), ...merges.map((merge) => merge.replace(" ", ""))];
  return finish(pieces, merges, options, {
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ...rest,
  });
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");

/** Llama 2's kind. `crossing` adds a merge that reaches into the next word, so that words cannot be merged apart. */
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

/** The newer way to write the same prefix: a Metaspace pre-tokenizer. */
export const metaspace = {
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
};
