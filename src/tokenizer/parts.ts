/**
 * Normalizers, pre-tokenizers and post-processors of a `tokenizer.json`, each type with its own fields. The checks are as
 * strict as those of Hugging Face's tokenizers (the Rust library, 0.23).
 */

import * as v from "valibot";
import { mostTokens } from "../models/config.ts";
import { cut, quote } from "../tensor/quote.ts";
import type { Pattern } from "./patterns.ts";
import { parse, refusal, unsupported } from "./refusal.ts";

const isText = (value: unknown): value is string => typeof value === "string";
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A text that a normalizer inserts; in published files it has one or two characters. */
const insert = v.custom<string>((value) => isText(value) && value.length <= 64, "a text of at most 64 characters");

const pattern = v.custom<Pattern>((value) => {
  if (!isRecord(value)) return false;
  const [[kind, text] = ["", null], ...more] = Object.entries(value);
  return (kind === "Regex" || kind === "String") && isText(text) && more.length === 0;
}, 'an object with one text, "Regex" or "String"');

const Normalizer = v.variant("type", [
  v.object({ type: v.picklist(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"]) }),
  v.object({ type: v.literal("Replace"), pattern, content: insert }),
  v.object({ type: v.literal("Strip"), strip_left: v.boolean(), strip_right: v.boolean() }),
  v.object({ type: v.literal("Prepend"), prepend: insert }),
  v.object({
    type: v.literal("Precompiled"),
    precompiled_charsmap: v.custom<string>(
      (value) => isText(value) && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
      "a text in Base64",
    ),
  }),
]);

const behavior = v.custom<"Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous">(
  (value) => ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"].some((one) => one === value),
  "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous",
);

const PreTokenizer = v.variant("type", [
  v.object({
    type: v.literal("ByteLevel"),
    add_prefix_space: v.boolean(),
    trim_offsets: v.optional(v.boolean()),
    use_regex: v.optional(v.boolean(), true),
  }),
  v.object({ type: v.literal("WhitespaceSplit") }),
  v.object({
    type: v.literal("Metaspace"),
    replacement: v.string(),
    prepend_scheme: v.optional(
      v.custom<"first" | "never" | "always">(
        (value) => value === "first" || value === "never" || value === "always",
        "first, never or always",
      ),
    ),
    /** Older files have this flag instead of a scheme. */
    add_prefix_space: v.optional(v.boolean()),
    split: v.nullish(v.boolean()),
  }),
  v.object({ type: v.literal("Digits"), individual_digits: v.boolean() }),
  v.object({
    type: v.literal("FixedLength"),
    length: v.optional(
      v.custom<number>(
        (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) < 2 ** 31,
        "a whole number from 1 to 2147483647",
      ),
      5,
    ),
  }),
  v.object({ type: v.literal("Punctuation"), behavior: v.optional(behavior, "Isolated") }),
  v.object({ type: v.literal("Split"), pattern, behavior, invert: v.boolean() }),
]);

/** The id of a token. */
export const tokenId = v.custom<number>(isTokenId, `a whole number from 0 to ${mostTokens - 1}`);

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < mostTokens;
}

type Piece = { readonly SpecialToken: { readonly id: string } } | { readonly Sequence: { readonly id: string } };

const piece = v.custom<Piece>((value) => {
  if (!isRecord(value)) return false;
  const [[kind, part] = ["", null], ...more] = Object.entries(value);
  return ["SpecialToken", "Sequence"].includes(kind) && isRecord(part) && isText(part.id) && more.length === 0;
}, "a SpecialToken or a Sequence with an id");

interface WrittenToken {
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
}

const isWrittenToken = (value: unknown): value is WrittenToken =>
  isRecord(value) &&
  Array.isArray(value.ids) &&
  value.ids.every(isTokenId) &&
  Array.isArray(value.tokens) &&
  value.tokens.every(isText);

const PostProcessor = v.variant("type", [
  v.object({ type: v.literal("ByteLevel") }),
  v.object({
    type: v.literal("TemplateProcessing"),
    single: v.array(piece),
    // valibot's record would drop a token named "constructor".
    special_tokens: v.custom<Readonly<Record<string, WrittenToken>>>(
      (value) => isRecord(value) && Object.values(value).every(isWrittenToken),
      "an object from names to ids and tokens",
    ),
  }),
]);

/** A part's place in the file, such as `pre_tokenizer.pretokenizers[0]`. */
interface Placed {
  readonly path: string;
}

export type NormalizerPart = v.InferOutput<typeof Normalizer> & Placed;
export type PreTokenizerPart = v.InferOutput<typeof PreTokenizer> & Placed;
export type PostProcessorPart = v.InferOutput<typeof PostProcessor> & Placed;

/** The part of a field, or the parts of its Sequence in order; none for null. Throws a `refusal`. */
export function readNormalizers(value: unknown): readonly NormalizerPart[] {
  const parts = flatten("normalizer", "normalizers", value).map(({ path, part }) => ({
    path,
    ...parse(Normalizer, known(Normalizer.options, part, path), "tokenizer.json", path),
  }));
  if (parts.filter(({ type }) => type === "Prepend").length > 1)
    throw unsupported("normalizer with more than one Prepend");
  return parts;
}

/** As `readNormalizers`. */
export const readPreTokenizers = (value: unknown): readonly PreTokenizerPart[] =>
  flatten("pre_tokenizer", "pretokenizers", value).map(({ path, part }) => {
    const read = parse(PreTokenizer, known(PreTokenizer.options, part, path), "tokenizer.json", path);
    if (read.type === "Metaspace" && read.add_prefix_space === false && (read.prepend_scheme ?? "never") !== "never") {
      throw refusal(
        "tokenizer.json",
        `${path}.prepend_scheme`,
        `is ${quote(read.prepend_scheme)}, but add_prefix_space is false`,
      );
    }
    return { path, ...read };
  });

/** As `readNormalizers`. */
export const readPostProcessors = (value: unknown): readonly PostProcessorPart[] =>
  flatten("post_processor", "processors", value).map(({ path, part }) => ({
    path,
    ...parse(PostProcessor, known(PostProcessor.options, part, path), "tokenizer.json", path),
  }));

/** Parts of a field, each of which runs over every text. Published files have up to 8. */
const mostParts = 64;
/** Nested Sequences; published files have one. */
const deepest = 8;

interface Found extends Placed {
  readonly part: Readonly<Record<string, unknown>>;
}

function flatten(field: string, members: string, value: unknown): readonly Found[] {
  const found: Found[] = [];
  const visit = (part: unknown, path: string, depth: number) => {
    if (!isRecord(part)) throw refusal("tokenizer.json", path, `must be an object, not ${quote(part)}`);
    if (part.type !== "Sequence") {
      found.push({ path, part });
      if (found.length <= mostParts) return;
      throw refusal("tokenizer.json", field, `has more than ${mostParts} parts`);
    }
    const list = part[members];
    if (!Array.isArray(list))
      throw refusal(
        "tokenizer.json",
        `${path}.${members}`,
        list === undefined ? "is missing" : `must be a list, not ${quote(list)}`,
      );
    if (depth === deepest) throw refusal("tokenizer.json", field, `nests Sequences more than ${deepest} deep`);
    list.forEach((member, index) => {
      visit(member, `${path}.${members}[${index}]`, depth + 1);
    });
  };
  if (value !== null && value !== undefined) visit(value, field, 0);
  return found;
}

interface Option {
  readonly entries: { readonly type: { readonly literal: string } | { readonly options: readonly string[] } };
}

/** The part, if the schema has its type. Throws a `refusal`. */
function known(options: readonly Option[], part: Found["part"], path: string): Found["part"] {
  const { type } = part;
  if (!isText(type)) throw refusal("tokenizer.json", `${path}.type`, `must be a text, not ${quote(type)}`);
  const types = options.flatMap(({ entries }) =>
    "literal" in entries.type ? [entries.type.literal] : entries.type.options,
  );
  if (!types.includes(type)) throw unsupported(`${cut(path)} ${quote(type)}`);
  return part;
}
