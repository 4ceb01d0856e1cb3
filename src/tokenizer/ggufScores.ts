/**
 * SentencePiece's BPE as merges. llama.cpp merges the two neighbours whose joined text is the piece with the highest score, of
 * equal ones the leftmost; a `tokenizer.json` has an order of pairs instead.
 */

import { quote } from "../tensor/quote.ts";
import { mergeSymbols } from "./merge.ts";
import { MergeTable } from "./mergeTable.ts";

interface Piece {
  readonly id: number;
  readonly score: number;
}

/** A way to join a piece from two others. */
type Pair = readonly [left: string, right: string];

/**
 * The merges in their order: every pair of pieces that makes a piece, those of the highest score first. Returns the problem as
 * the rest of a sentence where no order of pairs has the same effect: two pieces of equal score, a piece with a character
 * that is no piece, or pairs of one piece of which another order is right in other texts.
 */
export function mergesFromScores(pieces: ReadonlyMap<string, Piece>): readonly Pair[] | string {
  const joined: { readonly score: number; readonly pairs: readonly Pair[] }[] = [];
  const owners = new Map<number, string>();
  for (const [text, { score }] of pieces) {
    const characters = Array.from(text);
    if (characters.length < 2) continue;
    if (!Number.isFinite(score)) return `has ${score} for ${quote(text)}, which is no order`;
    const pairs: Pair[] = [];
    let at = 0;
    for (const character of characters.slice(0, -1)) {
      at += character.length;
      const [left, right] = [text.slice(0, at), text.slice(at)];
      if (isSymbol(left, pieces) && isSymbol(right, pieces)) pairs.push([left, right]);
    }
    if (pairs.length === 0) continue;
    const foreign = pairs.flat().find((part) => !pieces.has(part));
    if (foreign !== undefined) return `make ${quote(text)} of ${quote(foreign)}, which is no token`;
    const twin = owners.get(score);
    if (twin !== undefined)
      return `gives ${quote(twin)} and ${quote(text)} the same ${score}, so their order depends on the text`;
    owners.set(score, text);
    joined.push({ score, pairs });
  }
  joined.sort((a, b) => b.score - a.score);
  // Of the pairs of one piece those with the longer left part come first: in x·y·z with xy = yz the left pair is the longer one.
  const merges = joined.flatMap(({ pairs }) => pairs.toReversed());
  const text = firstDifference(pieces, joined, merges);
  return text === null ? merges : `make other tokens of ${quote(text)} than any order of merges`;
}

/** Whether a text is one symbol at some time: a piece, or a single character. */
const isSymbol = (text: string, pieces: ReadonlyMap<string, Piece>) =>
  pieces.has(text) || Array.from(text).length === 1;

/**
 * Compares both methods where they may differ: on x·y·z, where x·y and y·z are one piece, alone and between each other's
 * texts. Null where they agree.
 */
function firstDifference(
  pieces: ReadonlyMap<string, Piece>,
  joined: readonly { readonly pairs: readonly Pair[] }[],
  merges: readonly Pair[],
): string | null {
  const idOf = (text: string) => pieces.get(text)?.id ?? -1;
  const table = new MergeTable(merges.length);
  merges.forEach(([left, right], rank) => {
    table.set(idOf(left), idOf(right), rank, idOf(left + right));
  });
  // Equal ranks for all pairs of a piece: then the leftmost counts.
  const scored = new MergeTable(merges.length);
  joined.forEach(({ pairs }, rank) => {
    for (const [left, right] of pairs) scored.set(idOf(left), idOf(right), rank, idOf(left + right));
  });
  for (const { pairs } of joined) {
    for (const [x, y] of pairs) {
      const other = pairs.find(([left]) => left === y);
      if (other === undefined) continue;
      for (const text of [x + y + other[1], x + x + y + other[1], x + y + other[1] + other[1]]) {
        const symbols = Array.from(text, idOf);
        const [one, two] = [mergeSymbols([...symbols], table), mergeSymbols([...symbols], scored)];
        if (one.length !== two.length || one.some((id, i) => id !== two[i])) return text;
      }
    }
  }
  return null;
}
