/** Reads the added tokens of both files: `tokenizer.json` lists most of them, `tokenizer_config.json` may name others. */

import * as v from "valibot";
import { quote } from "../tensor/quote.ts";
import { isTokenId, tokenId } from "./parts.ts";
import { refusal } from "./refusal.ts";
import type { TokenIds } from "./tokenIds.ts";

const content = v.custom<string>(
  (value) => typeof value === "string" && value.length <= 1000,
  "a text of at most 1000 characters",
);
const flags = {
  single_word: v.optional(v.boolean()),
  lstrip: v.optional(v.boolean()),
  rstrip: v.optional(v.boolean()),
  normalized: v.optional(v.boolean()),
};

/** An added token of `tokenizer.json`. */
export const AddedToken = v.object({ id: tokenId, content, special: v.optional(v.boolean(), false), ...flags });
export type AddedToken = v.InferOutput<typeof AddedToken>;

const Described = v.object({ content, special: v.optional(v.boolean()), ...flags });

/** A token that `tokenizer_config.json` names: its text, or an object with its content and flags. */
const named = v.nullish(
  v.custom<string | v.InferOutput<typeof Described>>(
    (value) => typeof value === "string" || v.is(Described, value),
    "a text or an object with its content",
  ),
);
const isNamed = (value: unknown) => v.is(named, value);

/** The fields of `tokenizer_config.json` that name tokens, in transformers' order. */
export const tokenFields = {
  bos_token: named,
  eos_token: named,
  unk_token: named,
  sep_token: named,
  pad_token: named,
  cls_token: named,
  mask_token: named,
  added_tokens_decoder: v.nullish(
    v.custom<Readonly<Record<string, v.InferOutput<typeof Described>>>>(
      (value) =>
        typeof value === "object" &&
        value !== null &&
        Object.entries(value).every(([id, token]) => isTokenId(Number(id)) && v.is(Described, token)),
      "an object from ids to tokens",
    ),
  ),
  extra_special_tokens: v.nullish(tokensOrNames()),
  /** The older name of `extra_special_tokens`, which counts where that is empty. */
  additional_special_tokens: v.nullish(tokensOrNames()),
};

const needed = ["bos_token", "eos_token"];

type Named = v.InferOutput<typeof named>;

function tokensOrNames() {
  return v.custom<Readonly<Record<string, Named>> | readonly Named[]>(
    (value) => typeof value === "object" && value !== null && Object.values(value).every(isNamed),
    "a list of tokens, or an object from names to tokens",
  );
}

const Fields = v.object(tokenFields);
export type TokenFields = v.InferOutput<typeof Fields>;

export const textOf = (value: NonNullable<Named>): string => (typeof value === "string" ? value : value.content);

/**
 * The added tokens of both files. As in transformers 5, a token that only `tokenizer_config.json` names is added with
 * its id in the vocabulary, else with the next free one; where `added_tokens_decoder` calls a token special, it is.
 * BOS and EOS must be in one of them already, because a model has no embedding for a new id. `others`: further fields of
 * the file, of which those named `image_token` and the like name special tokens.
 */
export function allAdded(
  listed: readonly AddedToken[],
  config: Partial<TokenFields>,
  others: Readonly<Record<string, unknown>>,
  vocabulary: TokenIds,
): readonly AddedToken[] {
  const tokens = new Map(listed.map((token) => [token.content, token]));
  let next =
    tokens.size === 0 ? vocabulary.size : Math.max(vocabulary.size, 1 + Math.max(...listed.map(({ id }) => id)));
  const add = (value: Named, special: boolean, isNeeded = false) => {
    if (value == null || textOf(value) === "") return;
    const described = typeof value === "string" ? { content: value } : value;
    if (tokens.has(described.content) || (isNeeded && !vocabulary.has(described.content))) return;
    const id = vocabulary.get(described.content) ?? next++;
    tokens.set(described.content, { ...described, id, special: special || described.special === true });
  };
  const decoder = Object.entries(config.added_tokens_decoder ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  for (const [, token] of decoder) {
    const known = tokens.get(token.content);
    if (known && token.special && !known.special) tokens.set(known.content, { ...known, special: true });
    else add(token, false);
  }
  const { extra_special_tokens: extra, additional_special_tokens: older } = config;
  const more = extra && Object.keys(extra).length > 0 ? extra : (older ?? []);
  for (const [field, value] of Object.entries({ ...config, ...others }))
    if (field.endsWith("_token") && isNamed(value)) add(value as Named, true, needed.includes(field));
  for (const value of Object.values(more)) add(value, typeof value !== "object" || !Array.isArray(more));
  const own = listed.map((token) => ({ ...token, special: tokens.get(token.content)?.special ?? token.special }));
  return [...own, ...[...tokens.values()].slice(new Set(listed.map((token) => token.content)).size)];
}

/** Characters of all added tokens, which become one pattern. LLaSA's 65,536 have about 850,000. */
const mostCharacters = 1_000_000;

/**
 * Text → id of every added token; adds them to `names`. Throws a `refusal` when two tokens have the same id or text.
 */
export function readAdded(
  tokens: readonly AddedToken[],
  vocabulary: TokenIds,
  names: (string | undefined)[],
): Map<string, number> {
  const refuse = (field: string, problem: string) => refusal("tokenizer.json", field, problem);
  const characters = tokens.reduce((sum, token) => sum + token.content.length, 0);
  if (characters > mostCharacters)
    throw refuse("added_tokens", `have ${characters} characters, more than ${mostCharacters} together`);
  const added = new Map<string, number>();
  for (const [index, { id, content }] of tokens.entries()) {
    const field = `added_tokens[${index}]`;
    const before = added.get(content) ?? vocabulary.get(content);
    if (before !== undefined && before !== id)
      throw refuse(field, `gives ${quote(content)} the id ${id}, but it has the id ${before} already`);
    const other = names[id];
    if (other !== undefined && other !== content)
      throw refuse(field, `gives ${quote(content)} the id ${id}, which ${quote(other)} has already`);
    names[id] = content;
    added.set(content, id);
  }
  return added;
}
