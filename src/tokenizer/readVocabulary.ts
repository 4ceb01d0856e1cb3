/** Reads and checks ids and merges of a `tokenizer.json`: sizes have bounds, and each id belongs to one token. */

import { mostTokens } from "../models/config.ts";
import { quote } from "../tensor/quote.ts";
import type { Model, TokenizerJson } from "./files.ts";
import { isTokenId } from "./parts.ts";
import { refusal } from "./refusal.ts";

const refuse = (field: string, problem: string) => refusal("tokenizer.json", field, problem);

/** Characters of a token; the longest ones of published models are 128 spaces. */
const longest = 512;

/**
 * Characters of all pieces of a Unigram model; each is a tree node of about 250 bytes. XLM-R's 250,000 have 1.6
 * million.
 */
const mostInPieces = 4_000_000;

function checkLengths(tokens: readonly string[], most: number): void {
  const long = tokens.find(({ length }) => length > longest);
  if (long !== undefined)
    throw refuse("model.vocab", `has ${quote(long)} of ${long.length} characters, more than ${longest}`);
  const characters = tokens.reduce((sum, { length }) => sum + length, 0);
  if (characters > most) throw refuse("model.vocab", `has ${characters} characters, more than ${most} together`);
}

/** Text → id of every token of the model, in the order of its file. Throws a `refusal`. */
export function readVocabulary(model: Model): ReadonlyMap<string, number> {
  if (model.type === "Unigram") {
    const { vocab, unk_id: unknown } = model;
    if (vocab.length > mostTokens)
      throw refuse("model.vocab", `has ${vocab.length} pieces, more than the ${mostTokens} allowed`);
    if (unknown != null && !vocab[unknown])
      throw refuse("model.unk_id", `is ${quote(unknown)}, but the vocabulary has ${vocab.length} pieces`);
    const pieces = vocab.map(([piece]) => piece);
    checkLengths(pieces, mostInPieces);
    return new Map(pieces.map((piece, id) => [piece, id]));
  }
  const vocabulary = new Map(Object.entries(model.vocab));
  checkLengths([...vocabulary.keys()], Number.POSITIVE_INFINITY);
  const tokenOf = new Map<number, string>();
  for (const [token, id] of vocabulary) {
    if (!isTokenId(id)) {
      throw refuse(
        "model.vocab",
        `gives ${quote(token)} the id ${quote(id)}, not a whole number from 0 to ${mostTokens - 1}`,
      );
    }
    const other = tokenOf.get(id);
    if (other !== undefined)
      throw refuse("model.vocab", `gives the id ${id} to both ${quote(other)} and ${quote(token)}`);
    tokenOf.set(id, token);
  }
  checkMerges(model.merges, vocabulary);
  return vocabulary;
}

/** Each merge is a pair of tokens that makes a third. Throws a `refusal`. */
function checkMerges(merges: readonly unknown[], vocabulary: ReadonlyMap<string, number>): void {
  const asTexts = typeof merges[0] === "string";
  for (const [index, merge] of merges.entries()) {
    const field = `model.merges[${index}]`;
    // The first line of merges.txt, which older files include.
    if (typeof merge === "string" && merge.startsWith("#version")) continue;
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as readonly unknown[]) : [];
    if (typeof left !== "string" || typeof right !== "string" || asTexts !== (typeof merge === "string")) {
      throw refuse(field, `is ${quote(merge)}, not a pair of tokens like the others`);
    }
    const lacking = [left, right, left + right].find((token) => !vocabulary.has(token));
    if (lacking !== undefined) throw refuse(field, `is ${quote(merge)}, but the vocabulary has no ${quote(lacking)}`);
  }
}

/** Characters of all added tokens, which become one pattern. LLaSA's 65,536 have about 850,000. */
const mostCharacters = 1_000_000;

/** Text → id of every added token. Throws a `refusal` when two tokens have the same id or text. */
export function readAdded(
  tokens: TokenizerJson["added_tokens"],
  vocabulary: ReadonlyMap<string, number>,
): Map<string, number> {
  const characters = tokens.reduce((sum, { content }) => sum + content.length, 0);
  if (characters > mostCharacters)
    throw refuse("added_tokens", `have ${characters} characters, more than ${mostCharacters} together`);
  const tokenOf = new Map([...vocabulary].map(([token, id]) => [id, token]));
  const added = new Map<string, number>();
  for (const [index, { id, content }] of tokens.entries()) {
    const field = `added_tokens[${index}]`;
    const before = added.get(content) ?? vocabulary.get(content);
    if (before !== undefined && before !== id)
      throw refuse(field, `gives ${quote(content)} the id ${id}, but it has the id ${before} already`);
    const other = tokenOf.get(id);
    if (other !== undefined && other !== content)
      throw refuse(field, `gives ${quote(content)} the id ${id}, which ${quote(other)} has already`);
    tokenOf.set(id, content);
    added.set(content, id);
  }
  return added;
}
