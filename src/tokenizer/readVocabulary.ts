/** Reads and checks ids and merges of a `tokenizer.json`: sizes have bounds, and each id belongs to one token. */

import { mostTokens } from "../models/config.ts";
import { quote } from "../tensor/quote.ts";
import type { Model } from "./files.ts";
import { MergeTable } from "./mergeTable.ts";
import { isTokenId } from "./parts.ts";
import { refusal } from "./refusal.ts";
import { asTokenIds, type TokenIds } from "./tokenIds.ts";

const refuse = (field: string, problem: string) => refusal("tokenizer.json", field, problem);

/** Characters of a token; the longest ones of published models are 1024 spaces. */
const longest = 1024;

/**
 * Characters of all pieces of a Unigram model; each is a tree node of about 250 bytes. XLM-R's 250,000 have 1.6
 * million.
 */
const mostInPieces = 4_000_000;

/** Merges of a byte-pair model; Gemini's are 580,604. */
const mostMerges = 4_000_000;

export interface ReadVocabulary {
  /** Text → id of every token of the model, in the order of its file. */
  readonly vocabulary: TokenIds;
  /** The token of each id; undefined for an id without a token. */
  readonly names: (string | undefined)[];
}

/** The tokens of the model. Throws a `refusal`. */
export const readVocabulary = (model: Model): ReadVocabulary =>
  model.type === "Unigram" ? readPieces(model) : readTokens(model.vocab);

function requireShort(token: string): void {
  if (token.length > longest)
    throw refuse("model.vocab", `has ${quote(token)} of ${token.length} characters, more than ${longest}`);
}

function readPieces({ vocab, unk_id: unknown }: Extract<Model, { type: "Unigram" }>): ReadVocabulary {
  if (vocab.length > mostTokens)
    throw refuse("model.vocab", `has ${vocab.length} pieces, more than the ${mostTokens} allowed`);
  if (unknown != null && !vocab[unknown])
    throw refuse("model.unk_id", `is ${quote(unknown)}, but the vocabulary has ${vocab.length} pieces`);
  const names = vocab.map(([piece]) => piece);
  names.forEach(requireShort);
  const characters = names.reduce((sum, { length }) => sum + length, 0);
  if (characters > mostInPieces)
    throw refuse("model.vocab", `has ${characters} characters, more than ${mostInPieces} together`);
  return { vocabulary: new Map(names.map((piece, id) => [piece, id])), names };
}

function readTokens(vocab: Readonly<Record<string, number>>): ReadVocabulary {
  // Three times as fast as `Object.entries`, for a quarter of a million tokens.
  const tokens = Object.keys(vocab);
  const names: (string | undefined)[] = [];
  for (const token of tokens) {
    const id: unknown = vocab[token];
    requireShort(token);
    if (!isTokenId(id)) {
      throw refuse(
        "model.vocab",
        `gives ${quote(token)} the id ${quote(id)}, not a whole number from 0 to ${mostTokens - 1}`,
      );
    }
    const other = names[id];
    if (other !== undefined)
      throw refuse("model.vocab", `gives the id ${id} to both ${quote(other)} and ${quote(token)}`);
    names[id] = token;
  }
  return { vocabulary: asTokenIds(vocab, tokens.length), names };
}

/**
 * The merges of a byte-pair model: each is a pair of tokens that makes a third. Leaves out merges that make one of the
 * `special` tokens. Throws a `refusal`.
 */
export function readMerges(
  merges: readonly unknown[],
  { vocabulary, names }: ReadVocabulary,
  special: ReadonlySet<number>,
): MergeTable {
  if (merges.length > mostMerges)
    throw refuse("model.merges", `has ${merges.length} merges, more than the ${mostMerges} allowed`);
  const table = new MergeTable(merges.length);
  const asTexts = typeof merges[0] === "string";
  // Most files list merges in the order of their tokens, and a comparison is faster than a search for a new text.
  let last = -1;
  const mergedOf = (left: string, right: string): number | undefined => {
    for (let id = last; id <= last + 1; id++) {
      const name = names[id];
      if (name?.length === left.length + right.length && name.startsWith(left) && name.endsWith(right)) return id;
    }
    return vocabulary.get(left + right);
  };
  const unlike = (index: number, merge: unknown) =>
    refuse(`model.merges[${index}]`, `is ${quote(merge)}, not a pair of tokens like the others`);
  for (let index = 0; index < merges.length; index++) {
    const merge = merges[index];
    let left: unknown;
    let right: unknown;
    if (typeof merge === "string") {
      // The first line of merges.txt, which older files include.
      if (merge.startsWith("#version")) continue;
      const space = merge.indexOf(" ");
      if (space === -1 || merge.includes(" ", space + 1) || !asTexts) throw unlike(index, merge);
      left = merge.slice(0, space);
      right = merge.slice(space + 1);
    } else if (Array.isArray(merge) && merge.length === 2) [left, right] = merge as readonly unknown[];
    if (typeof left !== "string" || typeof right !== "string" || asTexts !== (typeof merge === "string"))
      throw unlike(index, merge);
    const leftId = vocabulary.get(left);
    const rightId = vocabulary.get(right);
    const merged = mergedOf(left, right);
    if (leftId === undefined || rightId === undefined || merged === undefined) {
      const lacking = leftId === undefined ? left : rightId === undefined ? right : left + right;
      throw refuse(`model.merges[${index}]`, `is ${quote(merge)}, but the vocabulary has no ${quote(lacking)}`);
    }
    last = merged;
    if (!special.has(merged)) table.set(leftId, rightId, index, merged);
  }
  return table;
}
