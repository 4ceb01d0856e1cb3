/** Finds added tokens in segments, as the `tokenizers` library finds them in a text. */

import type { TokenizerFiles } from "./files.ts";
import type { AddedToken } from "./readAdded.ts";
import type { Segment } from "./segment.ts";
import { TextCache } from "./textCache.ts";

/** A segment's text, cut at added tokens: the odd members are these tokens. */
type Pieces = readonly string[];

/** Whether an answer begins with this segment; generation starts there. */
export const beginsAnswer = (segment: Segment, previous: Segment | null): boolean =>
  segment.answer && !(previous?.answer && previous.message === segment.message);

/** The flags of a set of added tokens, and the patterns that find them. */
interface Wanted {
  /** Finds all of them; null where there is none. */
  readonly all: RegExp | null;
  /** Finds those that are not special. */
  readonly plain: RegExp | null;
  /** The first characters of those that are not special: a search for one is faster than the pattern. */
  readonly firsts: readonly string[];
  readonly single: ReadonlySet<string>;
  readonly left: ReadonlySet<string>;
  readonly right: ReadonlySet<string>;
}

function wantedOf(tokens: readonly AddedToken[], special: ReadonlySet<number>): Wanted {
  const plain = tokens.filter(({ id }) => !special.has(id)).map(({ content }) => content);
  const flagged = (flag: "single_word" | "lstrip" | "rstrip") =>
    new Set(tokens.filter((token) => token[flag] === true).map(({ content }) => content));
  return {
    all: alternatives(tokens.map(({ content }) => content)),
    plain: alternatives(plain),
    firsts: [...new Set(plain.filter((text) => text !== "").map((text) => text.charAt(0)))],
    single: flagged("single_word"),
    left: flagged("lstrip"),
    right: flagged("rstrip"),
  };
}

/** Whether a segment's text may contain special tokens. */
const hasSpecial = ({ kind, specialTokens }: Segment): boolean => kind === "control" || specialTokens === true;

/** The text, cut at the tokens that may stand in it. */
function cut(text: string, { all, plain, firsts }: Wanted, withSpecial: boolean): Pieces {
  const pattern = withSpecial ? all : plain;
  if (!pattern || (!withSpecial && !firsts.some((first) => text.includes(first)))) return [text];
  return text.split(pattern);
}

/**
 * Returns the pieces of each segment: first of all the tokens that are not `normalized`, which are found before the
 * normalizers run. Control text is searched for all added tokens, content for those that are not special. A `single_word`
 * token is text beside a letter, digit or underscore. `lstrip` removes the white space before a token and `rstrip` that
 * after it, in other segments too, but never across the start of an answer.
 */
export function createFinder({ addedTokens, special }: TokenizerFiles): (segments: readonly Segment[]) => Pieces[] {
  const wanted = wantedOf(
    addedTokens.filter(({ normalized }) => normalized !== true),
    special,
  );
  const { single, left, right } = wanted;
  const known = new TextCache<Pieces>();
  const cutSegment = (segment: Segment): Pieces => {
    const { text } = segment;
    if (!hasSpecial(segment)) return cut(text, wanted, false);
    const before = known.get(text);
    if (before) return before;
    const pieces = cut(text, wanted, true);
    known.set(text, pieces);
    return pieces;
  };

  return (segments) => {
    const found = segments.map(cutSegment);
    if (single.size > 0) joinWords(found, segments, single);
    if (left.size > 0 || right.size > 0) strip(found, segments, left, right);
    return found;
  };
}

/** Finds the `normalized` tokens in normalised text. */
export interface NormalizedFinder {
  /** Cuts a text of the segment; the odd members are the texts of tokens, for `idOf`. */
  cut(text: string, segment: Segment): Pieces;
  idOf(text: string): number;
}

/**
 * Null where the tokenizer has no `normalized` tokens. The normalizers change their contents too: with one that prepends
 * "▁", the token "<think>" is found as "▁<think>" alone, as in the library.
 */
export function createNormalizedFinder(
  { addedTokens, special }: TokenizerFiles,
  normalize: (text: string) => string,
): NormalizedFinder | null {
  const tokens = addedTokens
    .filter(({ normalized }) => normalized === true)
    .map((token) => ({ ...token, content: normalize(token.content) }));
  if (tokens.length === 0) return null;
  const wanted = wantedOf(tokens, special);
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  return {
    cut(text, segment) {
      const found = [cut(text, wanted, hasSpecial(segment))];
      const alone = [{ ...segment, text, answer: false }];
      if (wanted.single.size > 0) joinWords(found, alone, wanted.single);
      if (wanted.left.size > 0 || wanted.right.size > 0) strip(found, alone, wanted.left, wanted.right);
      return found[0] ?? [];
    },
    idOf: (text) => ids.get(text) ?? -1,
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
