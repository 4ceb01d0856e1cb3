/** What the parsers of ready-made text share: texts of special tokens, and the pieces that cover a text without a gap. */

import type { Message, ReadyPiece } from "../example.ts";
import type { Value } from "../value.ts";

/** A text that a chat template rendered, as messages. */
export interface ReadyText {
  /** The template's name for people: "ChatML". */
  readonly family: string;
  readonly messages: readonly Message[];
  /** Their joined texts are the text. */
  readonly pieces: readonly ReadyPiece[];
  /** Tool descriptions in a turn of their own. */
  readonly tools?: readonly Value[];
}

/** Tokens that models write before the first turn. */
export const bosTexts = [
  ...["<s>", "<|begin_of_text|>", "<bos>", "<|endoftext|>", "<|startoftext|>"],
  ...["<｜begin▁of▁sentence｜>", "<BOS_TOKEN>", "[gMASK]<sop>"],
];

/** Tokens that end a sequence, so that trainers write them after the last turn or after each answer. */
export const eosTexts = [
  ...["</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "<|eot_id|>", "<|im_end|>", "<|end|>"],
  ...["<｜end▁of▁sentence｜>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<|eot|>"],
];

/** A pattern's source that matches one of the texts literally. */
export const oneOf = (texts: readonly string[]) =>
  `(?:${texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|")})`;

/** The end of a sticky pattern's match at `from`; null where it does not match. */
export function endOf(pattern: RegExp, text: string, from: number): number | null {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : null;
}

const lead = new RegExp(`\\s*(?:${oneOf(bosTexts)}\\s*){0,2}`, "y");

/** Where the first turn may begin: after white space and BOS. */
export const afterLead = (text: string) => endOf(lead, text, 0) ?? 0;

const bos = new RegExp(`\\s*${oneOf(bosTexts)}`, "y");

/** Where a text without a header begins: after BOS. */
export const afterBos = (text: string) => endOf(bos, text, 0) ?? 0;

/** Where the last token that ends a sequence begins, if only white space follows it; else null. */
export function finalEos(text: string, from: number): { readonly start: number; readonly end: number } | null {
  let end = text.length;
  while (end > from && text.charCodeAt(end - 1) <= 0x20) end--;
  const eos = eosTexts.find((candidate) => end - candidate.length >= from && text.endsWith(candidate, end));
  return eos === undefined ? null : { start: end - eos.length, end };
}

/** Cuts a text into pieces from its start; empty pieces are left out. */
export function createPieces(text: string) {
  const pieces: ReadyPiece[] = [];
  let from = 0;
  return {
    pieces,
    /** A marker of the template up to `end`. */
    marker(end: number, message: number | null, answer = false): void {
      if (end > from) pieces.push({ text: text.slice(from, end), marker: true, message, answer });
      from = end;
    },
    /** A turn's own text up to `end`. */
    content(end: number, message: number | null, answer = false): void {
      if (end > from) pieces.push({ text: text.slice(from, end), marker: false, message, answer });
      from = end;
    },
  };
}
