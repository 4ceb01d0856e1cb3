/** Marks of private-use characters around texts, put in before a template runs and read out of what it wrote. */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { TemplateError } from "./template.ts";

/** Five characters that nothing else in a rendering holds. */
export interface MarkSet {
  readonly open: string;
  /** Between a mark's number and its text. */
  readonly number: string;
  readonly close: string;
  readonly generationBegins: string;
  readonly generationEnds: string;
  /** Finds them; of an opening mark it captures the number. */
  readonly pattern: RegExp;
}

const isPrivate = /[\uE000-\uF8FF]/;

/** The private-use characters of the basic plane that the texts hold. */
export function privateCharacters(texts: Iterable<string>): Set<string> {
  const found = new Set<string>();
  for (const text of texts) {
    if (!isPrivate.test(text)) continue;
    for (const [character] of text.matchAll(/[\uE000-\uF8FF]/g)) found.add(character);
  }
  return found;
}

/** The first five that are in neither set. Throws when none are left. */
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
      "The messages hold every private-use character of Unicode's basic plane, so that none is left to mark them with. Take the row out.",
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
  /** What was written, without the marks. */
  readonly text: string;
  /** Marked texts in their order, each with its mark's number. */
  readonly marked: readonly (Range & { readonly mark: number })[];
  readonly generations: readonly Range[];
  /** Whether every mark that opens also closes, none inside of another. */
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

/** How a content is marked: around all of it; within its white space; or piece by piece, between tags such as `<think>`. */
export type MarkStyle = "outside" | "inside" | "pieces";

/** Finds a tokenizer's added tokens in text. */
export interface AddedTokens {
  /** The first added token that the text holds, null for none; of special ones only when asked so. */
  find(text: string, specialOnly?: boolean): string | null;
  /** Where a special token ends that begins at `from`, or after white space there; null for none. */
  endOfSpecial(text: string, from: number): number | null;
  /** The id of the special token with which the text ends. */
  lastSpecial(text: string): number | undefined;
  isSpecial(text: string): boolean;
  /** Splits a text at tags and at added tokens that are not special; those are the odd members. */
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
