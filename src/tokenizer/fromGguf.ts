/**
 * The tokenizer of a GGUF file as `tokenizer.json` and `tokenizer_config.json`, so that every text has the ids that llama.cpp
 * gives it. What a `tokenizer.json` cannot express is refused by name.
 */

import { quote } from "../tensor/quote.ts";
import { isByteToken } from "./bytes.ts";
import { preTokenizers } from "./ggufPre.ts";
import { mergesFromScores } from "./ggufScores.ts";

/** The keys `tokenizer.ggml.*` of a file; null where the file lacks them. */
export interface GgufTokenizer {
  readonly model: string | null;
  readonly pre: string | null;
  readonly tokens: readonly string[];
  /** A number of `tokenTypes` for each token. */
  readonly types: readonly number[] | null;
  readonly scores: readonly number[] | null;
  /** Pairs with a space between them. */
  readonly merges: readonly string[] | null;
  readonly bos: number | null;
  readonly eos: number | null;
  readonly unknown: number | null;
  readonly padding: number | null;
  readonly addBos: boolean | null;
  readonly addEos: boolean | null;
  readonly addSpacePrefix: boolean | null;
}

export interface ConvertedTokenizer {
  /** Null prototypes: a token may be named "__proto__". */
  readonly json: object;
  readonly config: object;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
}

/** llama.cpp's types of tokens. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const refusal = (key: string, problem: string) =>
  new Error(`tokenizer.ggml.${key} ${problem}. Open the same model in its Hugging Face layout.`);

/** Throws an error that names the key for a tokenizer that Hone cannot express. */
export function tokenizerFromGguf(given: GgufTokenizer): ConvertedTokenizer {
  const { model } = given;
  if (model === null) throw refusal("model", "is missing: the file has no tokenizer");
  if (model !== "gpt2" && model !== "llama") {
    throw refusal(
      "model",
      `is ${quote(model)}, but Hone reads byte-level BPE ("gpt2") and SentencePiece with merges ("llama")`,
    );
  }
  const tokens = readTokens(given);
  const kind = model === "gpt2" ? byteLevelParts(given, tokens) : sentencePieceParts(given, tokens);
  const bos = named(given, "bos", kind.addBos ? kind.defaultBos : null, tokens);
  const eos = named(given, "eos", kind.defaultEos, tokens);
  if (kind.addBos && bos === null) throw refusal("add_bos_token", "is true, but bos_token_id is missing");
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: tokens.added.map(({ id, content, special }) => ({
      ...{ id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: kind.normalizer,
    pre_tokenizer: kind.preTokenizer,
    post_processor: postProcessor(kind.addBos ? bos : null, given.addEos === true ? eos : null),
    decoder: kind.decoder,
    model: kind.model,
  };
  const padding = given.padding === null ? null : named(given, "padding", null, tokens);
  const config = {
    // No class of transformers changes such a pipeline.
    tokenizer_class: "PreTrainedTokenizerFast",
    ...(bos && { bos_token: bos.content }),
    ...(eos && { eos_token: eos.content }),
    ...(padding && { pad_token: padding.content }),
    ...(kind.unknown !== null && { unk_token: kind.unknown }),
    add_bos_token: kind.addBos,
    clean_up_tokenization_spaces: false,
  };
  return { json, config, notes: kind.notes };
}

interface Added {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

interface Tokens {
  /** The text of each id; null for an id that pads the embedding. */
  readonly texts: readonly (string | null)[];
  readonly types: readonly number[];
  readonly idOf: ReadonlyMap<string, number>;
  readonly added: readonly Added[];
}

/** The converter's name of an id without a token. */
const isPadding = (text: string, id: number, type: number) =>
  text === "" || (type === tokenTypes.unused && text === `[PAD${id}]`);

function readTokens({ tokens, types }: GgufTokenizer): Tokens {
  if (tokens.length === 0) throw refusal("tokens", "is missing or empty");
  if (types !== null && types.length !== tokens.length) {
    throw refusal("token_type", `has ${types.length} numbers, but the vocabulary has ${tokens.length} tokens`);
  }
  const texts: (string | null)[] = [];
  const idOf = new Map<string, number>();
  const added: Added[] = [];
  for (const [id, text] of tokens.entries()) {
    const type = types?.[id] ?? tokenTypes.normal;
    if (isPadding(text, id, type)) {
      texts.push(null);
      continue;
    }
    const twin = idOf.get(text);
    if (twin !== undefined) throw refusal("tokens", `has ${quote(text)} twice, as ${twin} and ${id}`);
    idOf.set(text, id);
    texts.push(text);
    const special = type === tokenTypes.control || type === tokenTypes.unknown;
    if (special || type === tokenTypes.userDefined) added.push({ id, content: text, special });
  }
  return { texts, types: types ?? tokens.map(() => tokenTypes.normal), idOf, added };
}

type TokenKey = "bos" | "eos" | "padding";
const keyOf = { bos: "bos_token_id", eos: "eos_token_id", padding: "padding_token_id" } as const;

function named(given: GgufTokenizer, key: TokenKey, missing: number | null, { texts }: Tokens) {
  const id = given[key] ?? missing;
  if (id === null) return null;
  const content = texts[id];
  if (content == null)
    throw refusal(keyOf[key], `is ${id}, but the vocabulary has no such token (${texts.length} ids)`);
  return { id, content };
}

/** The parts that differ between the two kinds. */
interface Kind {
  readonly model: object;
  readonly normalizer: object | null;
  readonly preTokenizer: object | null;
  readonly decoder: object;
  readonly unknown: string | null;
  readonly addBos: boolean;
  readonly defaultBos: number | null;
  readonly defaultEos: number | null;
  readonly notes: readonly string[];
}

const mergesKey = "merges";

function byteLevelParts({ pre, merges, addBos }: GgufTokenizer, tokens: Tokens): Kind {
  const known = pre === null ? undefined : preTokenizers.get(pre);
  if (known === undefined) {
    const state =
      pre === null
        ? "is missing, so nothing says how the text is split into words"
        : `is ${quote(pre)}, which Hone does not know`;
    throw refusal("pre", state);
  }
  if (merges === null) throw refusal(mergesKey, "is missing");
  const pairs = merges.map((merge, i): readonly [string, string] => {
    // As in llama.cpp: the first character belongs to the left part.
    const space = merge.indexOf(" ", 1);
    if (space < 0) throw refusal(mergesKey, `has ${quote(merge)} at ${i}, which is no pair`);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
  const used = new Set(pairs.flatMap(([left, right]) => [left, right, left + right]));
  return {
    model: {
      ...bpe,
      byte_fallback: false,
      fuse_unk: false,
      ignore_merges: known.ignoreMerges,
      // An added token is its own text, not a spelling of bytes, unless merges make it.
      vocab: vocabularyOf(tokens, (text, type) => !isAdded(type) || used.has(text)),
      merges: pairs,
    },
    normalizer: null,
    preTokenizer: known.parts,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    unknown: null,
    addBos: addBos ?? known.addBos,
    defaultBos: null,
    defaultEos: null,
    notes:
      pre === "qwen2"
        ? [
            "A GGUF file has no normalizer, so composed and decomposed characters have different tokens, as in llama.cpp; Qwen's own tokenizer.json composes them.",
          ]
        : [],
  };
}

const bpe = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
};

const isAdded = (type: number) =>
  type === tokenTypes.control || type === tokenTypes.unknown || type === tokenTypes.userDefined;

function vocabularyOf({ texts, types }: Tokens, includes: (text: string, type: number) => boolean): object {
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, text] of texts.entries()) {
    if (text !== null && includes(text, types[id] ?? tokenTypes.normal)) vocab[text] = id;
  }
  return vocab;
}

function sentencePieceParts({ scores, addBos, addSpacePrefix, unknown }: GgufTokenizer, tokens: Tokens): Kind {
  const { texts, types } = tokens;
  if (scores === null) throw refusal("scores", "is missing, so the order of merges is unknown");
  if (scores.length !== texts.length) {
    throw refusal("scores", `has ${scores.length} numbers, but the vocabulary has ${texts.length} tokens`);
  }
  const bytes = texts.filter((text) => text !== null && isByteToken(text)).length;
  if (bytes !== 256) throw refusal("tokens", `has ${bytes} of the 256 byte tokens from <0x00> to <0xFF>`);
  const isNormal = (id: number) => types[id] === tokenTypes.normal && texts[id] !== null;
  const pieces = new Map<string, { readonly id: number; readonly score: number }>();
  for (const [id, text] of texts.entries()) {
    if (text !== null && isNormal(id) && !isByteToken(text)) pieces.set(text, { id, score: scores[id] ?? 0 });
  }
  const merges = mergesFromScores(pieces);
  if (typeof merges === "string") throw refusal("scores", merges);
  const unknownId = unknown ?? types.indexOf(tokenTypes.unknown);
  const unknownText = texts[unknownId] ?? null;
  const toSpace = { type: "Replace", pattern: { String: "▁" }, content: " " };
  const toMark = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const prefixed = addSpacePrefix ?? true;
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    model: {
      ...bpe,
      unk_token: unknownText,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocabularyOf(tokens, () => true),
      merges,
    },
    normalizer: prefixed ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, toMark] } : toMark,
    preTokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [toSpace, { type: "ByteFallback" }, { type: "Fuse" }, ...(prefixed ? [strip] : [])],
    },
    unknown: unknownText,
    addBos: addBos ?? true,
    // llama.cpp's ids where the file names none.
    defaultBos: 1,
    defaultEos: 2,
    notes: [],
  };
}

/** Writes BOS before, and EOS after a text. */
function postProcessor(
  bos: Pick<Added, "id" | "content"> | null,
  eos: Pick<Added, "id" | "content"> | null,
): object | null {
  const written = [bos, eos].flatMap((token) => (token === null ? [] : [token]));
  if (written.length === 0) return null;
  const special = (token: typeof bos, type_id: number) =>
    token === null ? [] : [{ SpecialToken: { id: token.content, type_id } }];
  const single = [...special(bos, 0), { Sequence: { id: "A", type_id: 0 } }, ...special(eos, 0)];
  const second = [...special(bos, 1), { Sequence: { id: "B", type_id: 1 } }, ...special(eos, 1)];
  const special_tokens: Record<string, object> = Object.create(null);
  for (const { id, content } of written) special_tokens[content] = { id: content, ids: [id], tokens: [content] };
  return { type: "TemplateProcessing", single, pair: [...single, ...second], special_tokens };
}
