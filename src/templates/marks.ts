/** Marks texts with private-use characters before a template runs, and reads the marks from its output. */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { TemplateError } from "./template.ts";

/** Five characters that appear nowhere else in a rendering. */
export interface MarkSet {
  readonly open: string;
  /** Between a mark's number and its text. */
  readonly number: string;
  readonly close: string;
  readonly generationBegins: string;
  readonly generationEnds: string;
  /** Matches every mark, and captures the number of an opening mark. */
  readonly pattern: RegExp;
}

const isPrivate = /[\uE000-\uF8FF]/;

/** The private-use characters of Unicode's basic plane in the texts. */
export function privateCharacters(texts: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const text of texts) {
    if (!isPrivate.test(text)) continue;
    for (const [character] of text.matchAll(/[\uE000-\uF8FF]/g)) found.add(character);
  }
  return found;
}

/** The first five characters in neither set. Throws TemplateError when fewer than five are left. */
export function chooseMarks(used: ReadonlySet<string>, alsoUsed: ReadonlySet<string>): MarkSet {
  if (used.size === 0 && alsoUsed.size === 0) return usualMarks;
  const free: string[] = [];
  for (let code = 0xe000; code <= 0xf8ff && free.length < 5; code++) {
    const character = String.fromCharCode(code);
    if (!used.has(character) && !alsoUsed.has(character)) free.push(character);
  }
  return marksOf(free);
}

function marksOf([open, number, close, generationBegins, generationEnds]: readonly string[]): MarkSet {
  if (!open || !number || !close || !generationBegins || !generationEnds) {
    throw new TemplateError(
      "The messages contain nearly every private-use character of Unicode's basic plane, and Hone needs five free ones. Remove the row.",
    );
  }
  const all = open + number + close + generationBegins + generationEnds;
  const pattern = new RegExp(`${open}(\\d+)${number}|[${all}]`, "g");
  return { open, number, close, generationBegins, generationEnds, pattern };
}

const usualMarks = marksOf(["\uE000", "\uE001", "\uE002", "\uE003", "\uE004"]);

export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Unmarked {
  /** The rendering without the marks. */
  readonly text: string;
  /** Marked texts in their order, each with its mark's number. */
  readonly marked: readonly (Range & { readonly mark: number })[];
  readonly generations: readonly Range[];
  /** Whether every mark that opens also closes, and none is nested. */
  readonly sound: boolean;
}

export function readMarks(rendered: string, marks: MarkSet): Unmarked {
  const { close, generationBegins, generationEnds, pattern } = marks;
  const marked: (Range & { mark: number })[] = [];
  const generations: Range[] = [];
  let text = "";
  let from = 0;
  let sound = true;
  let mark: { readonly mark: number; readonly start: number } | null = null;
  let generation: number | null = null;
  for (const match of rendered.matchAll(pattern)) {
    text += rendered.slice(from, match.index);
    from = match.index + match[0].length;
    if (match[1] !== undefined) {
      if (mark) sound = false;
      mark = { mark: Number(match[1]), start: text.length };
    } else if (match[0] === close) {
      if (mark) marked.push({ ...mark, end: text.length });
      else sound = false;
      mark = null;
    } else if (match[0] === generationBegins) {
      generation = text.length;
    } else if (match[0] === generationEnds && generation !== null) {
      generations.push({ start: generation, end: text.length });
      generation = null;
    } else sound = false;
  }
  return { text: text + rendered.slice(from), marked, generations, sound: sound && mark === null };
}

/**
 * What a mark encloses: a whole content, a content without outer white space, or each piece between tags like
 * `<think>`.
 */
export type MarkStyle = "outside" | "inside" | "pieces";

/** Finds a tokenizer's added tokens in text. */
export interface AddedTokens {
  /** The first added token in the text, null for none; `specialOnly` ignores tokens that are not special. */
  find(text: string, specialOnly?: boolean): string | null;
  /** The end of a special token at `from`, after optional white space; null for none. */
  endOfSpecial(text: string, from: number): number | null;
  /** The id of the special token at the end of the text. */
  lastSpecial(text: string): number | undefined;
  isSpecial(text: string): boolean;
  /** Splits a text at tags and at added tokens that are not special; the odd members are these separators. */
  splitAtTags(text: string): string[];
}

export function findAddedTokens(tokenizer: Tokenizer): AddedTokens {
  const all = [...tokenizer.addedTokens].filter(([text]) => text.trim() !== "").sort(([a], [b]) => b.length - a.length);
  const special = all.filter(([, id]) => tokenizer.isSpecial(id));
  const ids = new Map(special);
  const lengths = [...new Set(special.map(([text]) => text.length))].sort((a, b) => b - a);
  const pattern = (tokens: readonly (readonly [string, number])[]) =>
    tokens.map(([text]) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|") || "(?!)";
  const any = new RegExp(pattern(all));
  const anySpecial = new RegExp(pattern(special));
  const next = new RegExp(`\\s*(?:${pattern(special)})`, "y");
  const isSpecial = (text: string) => ids.has(text);
  const tags = new RegExp(`(${pattern(all.filter(([text]) => !isSpecial(text)))}|</?[A-Za-z_][\\w-]*>)`, "g");
  return {
    isSpecial,
    find: (text, specialOnly = false) => (specialOnly ? anySpecial : any).exec(text)?.[0] ?? null,
    endOfSpecial(text, from) {
      next.lastIndex = from;
      return next.test(text) ? next.lastIndex : null;
    },
    lastSpecial(text) {
      const length = lengths.find((count) => ids.has(text.slice(-count)));
      return length === undefined ? undefined : ids.get(text.slice(-length));
    },
    splitAtTags(text) {
      const pieces = [""];
      text.split(tags).forEach((piece, i) => {
        if (i % 2 === 1 && !isSpecial(piece)) pieces.push(piece, "");
        else pieces.push((pieces.pop() ?? "") + piece);
      });
      return pieces;
    },
  };
}
