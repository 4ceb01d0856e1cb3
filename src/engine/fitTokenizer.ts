/**
 * Removes added tokens that have no row in the embedding. Gemma 3's tokenizer has one for images, and
 * `tokenizer_config.json` may name tokens that nobody added to the model. Their text becomes plain text.
 */

import type { OpenModel } from "../hub/model.ts";
import { cut } from "../tensor/quote.ts";
import { createTokenizer } from "../tokenizer/tokenizer.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";

export interface FittedTokenizer extends Pick<OpenModel, "tokenizerJson" | "tokenizerConfig"> {
  readonly vocabulary: Vocabulary;
  /** Texts of the removed tokens. */
  readonly removed: readonly string[];
}

/** Throws where tokens of the vocabulary itself, BOS or EOS have no row among `rows`. */
export function fitTokenizer(
  { tokenizerJson, tokenizerConfig }: Pick<OpenModel, "tokenizerJson" | "tokenizerConfig">,
  rows: number,
): FittedTokenizer {
  const whole = createTokenizer(tokenizerJson, tokenizerConfig);
  if (whole.size <= rows) return { tokenizerJson, tokenizerConfig, vocabulary: whole, removed: [] };
  const removed = [...whole.addedTokens].flatMap(([text, id]) => (id >= rows ? [text] : []));
  const needed = [whole.bos, whole.eos].find((token) => token && removed.includes(token.text));
  const named = (value: unknown) =>
    removed.includes(
      typeof value === "object" && value !== null && "content" in value ? String(value.content) : String(value),
    );
  const keep = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((item) => !named(item));
    return typeof value === "object" && value !== null && !("content" in value) ? without(value) : value;
  };
  const without = (object: object) =>
    Object.fromEntries(Object.entries(object).flatMap(([key, value]) => (named(value) ? [] : [[key, value]])));
  const { added_tokens: added } = tokenizerJson;
  const json = { ...tokenizerJson, ...(Array.isArray(added) && { added_tokens: keep(added) }) };
  const fields = Object.entries(tokenizerConfig ?? {}).flatMap(([field, value]) => {
    if (/_token$/.test(field) && named(value)) return [];
    return [
      [field, /^(?:added_tokens_decoder|(?:extra|additional)_special_tokens)$/.test(field) ? keep(value) : value],
    ];
  });
  const config = tokenizerConfig && Object.fromEntries(fields);
  const vocabulary = needed ? whole : createTokenizer(json, config);
  if (vocabulary.size <= rows) return { tokenizerJson: json, tokenizerConfig: config, vocabulary, removed };
  const which = needed ? ` (${cut(needed.text)} is one of them)` : "";
  throw new Error(
    `tokenizer.json has ids up to ${vocabulary.size - 1}${which}, but config.json has a vocab_size of ${rows}: take both from the ` +
      "same model.",
  );
}

/** A note for the user; null when nothing was removed. */
export function removedNote(removed: readonly string[]): string | null {
  const [first, ...others] = removed;
  if (first === undefined) return null;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `The tokenizer's ${cut(first)}${more} has no row in the embedding, so it is read as plain text.`;
}
