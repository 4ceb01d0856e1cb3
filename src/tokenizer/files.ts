/** Reads and checks `tokenizer.json` and `tokenizer_config.json`: parts, special tokens, and whether BOS is added. */

import * as v from "valibot";
import { quote } from "../tensor/quote.ts";
import { asClass } from "./classes.ts";
import type { MergeTable } from "./mergeTable.ts";
import {
  type NormalizerPart,
  type PostProcessorPart,
  type PreTokenizerPart,
  readNormalizers,
  readPostProcessors,
  readPreTokenizers,
  tokenId,
} from "./parts.ts";
import { requireShort } from "./patterns.ts";
import { AddedToken, allAdded, readAdded, textOf, tokenFields } from "./readAdded.ts";
import { readMerges, readVocabulary } from "./readVocabulary.ts";
import { parse, refusal, unsupported } from "./refusal.ts";
import type { TokenIds } from "./tokenIds.ts";

const flag = v.nullish(v.boolean());

const ModelOnly = v.object({ model: v.object({ type: v.optional(v.unknown()) }) });
const ModelType = v.object({ type: v.optional(v.unknown()), vocab: v.optional(v.unknown()) });

// Vocabularies and merges are checked by hand: valibot's record would drop the tokens "constructor" and "prototype".
const Bpe = v.object({
  type: v.optional(v.literal("BPE"), "BPE"),
  vocab: v.custom<Readonly<Record<string, number>>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "an object from tokens to ids",
  ),
  merges: v.custom<readonly (string | readonly [string, string])[]>(Array.isArray, "a list of pairs of tokens"),
  unk_token: v.nullish(v.string()),
  fuse_unk: flag,
  byte_fallback: v.optional(v.nullable(v.boolean()), false),
  ignore_merges: flag,
  /** Checked but not applied: in training a text always has the same tokens. */
  dropout: v.nullish(
    v.custom<number>((value) => typeof value === "number" && value >= 0 && value <= 1, "a number from 0 to 1"),
  ),
  end_of_word_suffix: v.nullish(v.string()),
  continuing_subword_prefix: v.nullish(v.string()),
});

const isPiece = (entry: unknown) =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string" && Number.isFinite(entry[1]);

const Unigram = v.object({
  type: v.optional(v.literal("Unigram"), "Unigram"),
  vocab: v.custom<readonly (readonly [string, number])[]>(
    (value) => Array.isArray(value) && value.length > 0 && value.every(isPiece),
    "a list of pieces with scores",
  ),
  unk_id: v.nullish(tokenId),
  byte_fallback: v.optional(v.nullable(v.boolean()), false),
});

const TokenizerJson = v.object({
  version: v.nullish(v.custom<"1.0">((value) => value === "1.0", '"1.0"')),
  model: v.lazy((model) => {
    const { type, vocab } = v.is(ModelType, model) ? model : {};
    return type === "Unigram" || (type === undefined && Array.isArray(vocab)) ? Unigram : Bpe;
  }),
  added_tokens: v.optional(v.array(AddedToken), []),
  normalizer: v.optional(v.unknown()),
  pre_tokenizer: v.optional(v.unknown()),
  post_processor: v.optional(v.unknown()),
});

type Read = v.InferOutput<typeof TokenizerJson>;
export type Model = Read["model"];

/** A `tokenizer.json` with the parts of each field; the parts of a Sequence are in one list. */
export interface TokenizerJson extends Pick<Read, "model" | "added_tokens"> {
  readonly normalizers: readonly NormalizerPart[];
  readonly preTokenizers: readonly PreTokenizerPart[];
  readonly postProcessors: readonly PostProcessorPart[];
}

const TokenizerConfig = v.object({
  ...tokenFields,
  tokenizer_class: v.nullish(v.string()),
  add_prefix_space: flag,
  legacy: flag,
  /** Counts where the file has no post-processor: see `TokenizerFiles.addBos`. */
  add_bos_token: flag,
});

/** BOS or EOS. */
export interface SpecialToken {
  readonly text: string;
  readonly id: number;
}

export interface TokenizerFiles {
  readonly json: TokenizerJson;
  /** Text → id of every token of the model, in the order of its file. */
  readonly vocabulary: TokenIds;
  /** The merges of a byte-pair model that make no special token; null for another model. */
  readonly merges: MergeTable | null;
  /** The text of each id, as the files write it. */
  readonly names: readonly (string | undefined)[];
  /** The added tokens of both files. */
  readonly addedTokens: readonly AddedToken[];
  /** Text → id of every added token, BOS and EOS included. */
  readonly added: ReadonlyMap<string, number>;
  /** Ids that are not text: decoding skips them. */
  readonly special: ReadonlySet<number>;
  readonly bos: SpecialToken | null;
  /**
   * Whether every sequence starts with BOS: the post-processor decides. As in transformers 5, `add_bos_token` does not
   * count beside one. Without a post-processor it decides, as in transformers 4, because runs of earlier versions did so.
   */
  readonly addBos: boolean;
  readonly eos: SpecialToken | null;
}

/** Both files, checked. `modelType`: as `asClass`. Throws an error that names file, field and value. */
export function readTokenizerFiles(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  modelType: string | null = null,
): TokenizerFiles {
  const config = tokenizerConfig == null ? null : parse(TokenizerConfig, tokenizerConfig, "tokenizer_config.json");
  const json = asClass(readTokenizerJson(tokenizerJson), config ?? {}, modelType);
  const { model } = json;
  if (model.type === "BPE" && !isByteLevel(json) && !model.byte_fallback) {
    throw new Error(
      "tokenizer.json: a byte-pair model needs a ByteLevel pre_tokenizer or byte_fallback to represent every text. Choose a model with one of them.",
    );
  }
  if (model.type === "BPE" && (model.end_of_word_suffix || model.continuing_subword_prefix)) {
    throw unsupported("a model.end_of_word_suffix or continuing_subword_prefix");
  }

  const { vocabulary, names } = readVocabulary(model);
  const addedTokens = allAdded(json.added_tokens, config ?? {}, Object(tokenizerConfig ?? {}), vocabulary);
  const added = readAdded(addedTokens, vocabulary, names);
  const special = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
  if (model.type === "Unigram" && model.unk_id != null) special.add(model.unk_id);
  const idOf = (text: string) => added.get(text) ?? vocabulary.get(text);
  const named = (field: "bos_token" | "eos_token"): SpecialToken | null => {
    const value = config?.[field];
    if (value == null) return null;
    const text = textOf(value);
    const id = idOf(text);
    if (id === undefined) {
      throw new Error(`tokenizer_config.json: ${field} ${quote(text)} is not in tokenizer.json. Add it there.`);
    }
    return { text, id };
  };
  const eos = named("eos_token");
  const written = firstSpecial(json.postProcessors, idOf);
  const bos = written ?? named("bos_token");
  const addBos = written !== null || (json.postProcessors.length === 0 && config?.add_bos_token === true);
  if (addBos && !bos) {
    throw new Error(
      "tokenizer_config.json: add_bos_token is true, but bos_token names no token. Name it, or set add_bos_token to false.",
    );
  }
  for (const token of [bos, eos]) {
    if (!token) continue;
    added.set(token.text, token.id);
    special.add(token.id);
  }
  const merges = model.type === "BPE" ? readMerges(model.merges, { vocabulary, names }, special) : null;
  return { json, vocabulary, merges, names, addedTokens, added, special, bos, addBos, eos };
}

function readTokenizerJson(tokenizerJson: unknown): TokenizerJson {
  const type = v.is(ModelOnly, tokenizerJson) ? tokenizerJson.model.type : undefined;
  if (type !== undefined && type !== "BPE" && type !== "Unigram") {
    throw unsupported(`model.type ${quote(type)} (only "BPE" and "Unigram" are)`);
  }
  const { model, added_tokens, normalizer, pre_tokenizer, post_processor } = parse(
    TokenizerJson,
    tokenizerJson,
    "tokenizer.json",
  );
  const normalizers = readNormalizers(normalizer);
  const preTokenizers = readPreTokenizers(pre_tokenizer);
  requireShort([...normalizers, ...preTokenizers]);
  return { model, added_tokens, normalizers, preTokenizers, postProcessors: readPostProcessors(post_processor) };
}

/** Whether tokens are spelt in GPT-2's byte alphabet; if not, like SentencePiece. */
export function isByteLevel(json: TokenizerJson): boolean {
  return json.preTokenizers.some((part) => part.type === "ByteLevel");
}

/** The special token that the post-processor writes before a text. `idOf`: the ids in the rest of the file. */
function firstSpecial(
  parts: readonly PostProcessorPart[],
  idOf: (text: string) => number | undefined,
): SpecialToken | null {
  for (const part of parts) {
    if (part.type === "ByteLevel") continue;
    const [first] = part.single;
    const name = first && "SpecialToken" in first ? first.SpecialToken.id : undefined;
    if (name === undefined) continue;
    const written = Object.hasOwn(part.special_tokens, name) ? part.special_tokens[name] : undefined;
    const field = `${part.path}.special_tokens`;
    if (written === undefined) throw refusal("tokenizer.json", field, `lacks ${quote(name)}, which single writes`);
    const [id] = written.ids;
    if (id === undefined) continue;
    const text = [name, written.tokens[0] ?? name].find((one) => idOf(one) === id);
    if (text !== undefined) return { text, id };
    const known = idOf(name);
    throw refusal(
      "tokenizer.json",
      field,
      `gives ${quote(name)} the id ${id}, but ${known === undefined ? "no token is named so" : `it has the id ${known}`}`,
    );
  }
  return null;
}
