/** Finds added tokens in segments, as the `tokenizers` library finds them in a text. */

import type { TokenizerFiles } from "./files.ts";
import type { Segment } from "./segment.ts";
import { TextCache } from "./textCache.ts";

/** A segment's text, cut at added tokens: the odd members are these tokens. */
type Pieces = readonly string[];

/** Whether an answer begins with this segment; generation starts there. */
export const beginsAnswer = (segment: Segment, previous: Segment | null): boolean =>
  segment.answer && !(previous?.answer && previous.message === segment.message);

/**
 * Returns the pieces of each segment. Control text is searched for all added tokens, content for those that are not
 * special. A `single_word` token is text beside a letter, digit or underscore. `lstrip` removes the white space before a
 * token and `rstrip` that after it, in other segments too, but never across the start of an answer.
 */
export function createFinder({ added, special, json }: TokenizerFiles): (segments: readonly Segment[]) => Pieces[] {
  const all = alternatives([...added.keys()]);
  const plainTexts = [...added.keys()].filter((text) => text !== "" && !special.has(added.get(text) ?? -1));
  const plain = alternatives(plainTexts);
  const firsts = [...new Set(plainTexts.map((text) => text.charAt(0)))];
  const flagged = (flag: "single_word" | "lstrip" | "rstrip") =>
    new Set(json.added_tokens.flatMap((token) => (token[flag] === true ? [token.content] : [])));
  const single = flagged("single_word");
  const left = flagged("lstrip");
  const right = flagged("rstrip");

  const known = new TextCache<Pieces>();
  const cut = (segment: Segment): Pieces => {
    const { text } = segment;
    if (segment.kind === "content" && segment.specialTokens !== true) {
      // Most contents have no added token, and a search for one character is faster than the pattern.
      return plain && firsts.some((first) => text.includes(first)) ? text.split(plain) : [text];
    }
    if (!all) return [text];
    const before = known.get(text);
    if (before) return before;
    const pieces = text.split(all);
    known.set(text, pieces);
    return pieces;
  };

  return (segments) => {
    const found = segments.map(cut);
    if (single.size > 0) joinWords(found, segments, single);
    if (left.size > 0 || right.size > 0) strip(found, segments, left, right);
    return found;
  };
}

/** Makes text of `single` tokens that stand in a word; what follows a prompt is unknown when the prompt is encoded. */
function joinWords(found: Pieces[], segments: readonly Segment[], single: ReadonlySet<string>): void {
  const whole = segments.map(({ text }) => text).join("");
  const answers = new Set<number>();
  let begin = 0;
  segments.forEach((segment, nth) => {
    if (beginsAnswer(segment, segments[nth - 1] ?? null)) answers.add(begin);
    begin += segment.text.length;
  });
  let at = 0;
  found.forEach((pieces, nth) => {
    const joined: string[] = [];
    pieces.forEach((piece, i) => {
      const [start, end] = [at, at + piece.length];
      at = end;
      const inWord = () =>
        endsWord.test(whole.slice(Math.max(0, start - 2), start)) ||
        (!answers.has(end) && beginsWord.test(whole.slice(end, end + 2)));
      const isToken = i % 2 === 1 && !(single.has(piece) && inWord());
      if (isToken || joined.length % 2 === 0) joined.push(piece);
      else joined[joined.length - 1] += piece;
    });
    found[nth] = joined;
  });
}

/** Removes the white space that tokens strip. */
function strip(
  found: Pieces[],
  segments: readonly Segment[],
  left: ReadonlySet<string>,
  right: ReadonlySet<string>,
): void {
  const all = found.map((pieces) => [...pieces]);
  /** The place of the next text in a direction, null at a token or where an answer begins. */
  const texts = function* (nth: number, i: number, step: 1 | -1) {
    for (let [n, k] = [nth, i + step]; ; k += step) {
      const pieces = all[n];
      if (!pieces) return;
      if (k >= 0 && k < pieces.length) {
        if (k % 2 === 1) return;
        yield { pieces, k, text: pieces[k] ?? "" };
        continue;
      }
      const later = segments[step === 1 ? n + 1 : n];
      if (!later || beginsAnswer(later, segments[step === 1 ? n : n - 1] ?? null)) return;
      n += step;
      k = step === 1 ? -1 : (all[n]?.length ?? 0);
    }
  };
  found.forEach((pieces, nth) => {
    for (let i = 1; i < pieces.length; i += 2) {
      const token = pieces[i] ?? "";
      for (const [tokens, step, white] of [
        [left, -1, trailing],
        [right, 1, leading],
      ] as const) {
        if (!tokens.has(token)) continue;
        for (const place of texts(nth, i, step)) {
          const rest = place.text.replace(white, "");
          place.pieces[place.k] = rest;
          if (rest !== "") break;
        }
      }
    }
  });
  all.forEach((pieces, nth) => {
    found[nth] = pieces;
  });
}

// The library's white space and word characters are Rust's \s and \w.
const leading = /^\p{White_Space}+/u;
const trailing = /\p{White_Space}+$/u;
const beginsWord = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const endsWord = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;

/** A pattern that splits at any of the texts, the longest first; the odd members are the texts. */
function alternatives(texts: readonly string[]): RegExp | null {
  const escaped = texts
    .filter((text) => text !== "")
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return escaped.length === 0 ? null : new RegExp(`(${escaped.join("|")})`, "u");
}
