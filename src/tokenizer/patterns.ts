/** The patterns of a `tokenizer.json`: regular expressions that a stranger wrote, checked before they see a text. */

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { quote } from "../tensor/quote.ts";
import type { NormalizerPart, PreTokenizerPart } from "./parts.ts";
import { refusal } from "./refusal.ts";

export type Pattern = { readonly Regex: string } | { readonly String: string };

/** Called just before a stranger's pattern runs over a text, with its label: always the same string for the same pattern. */
export type BeforePattern = (label: string) => void;

/** Names a pattern by file, field and its beginning: `tokenizer.json: pre_tokenizer.pretokenizers[0].pattern "(a+)+$"`. */
export const labelOf = (path: string, pattern: Pattern): string =>
  `tokenizer.json: ${path}.pattern ${quote("Regex" in pattern ? pattern.Regex : pattern.String)}`;

/** A pattern as a regular expression of its file's kind. */
export const sourceOf = (pattern: Pattern): string =>
  "Regex" in pattern ? pattern.Regex : pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** Characters of a pattern, and of all in a file; the longest of published models have some 700. A thousand "\\b" take a second. */
const longest = 2000;
const mostCharacters = 4000;

/** Repetitions written out: Oniguruma, for which these patterns are written, allows as many in one. */
const mostRepetitions = 100_000;

/** Throws a `refusal` where a file's patterns are too long together. */
export function requireShort(parts: readonly (NormalizerPart | PreTokenizerPart)[]): void {
  const patterns = parts.flatMap((part) => ("pattern" in part ? [part.pattern] : []));
  const characters = patterns.reduce((sum, pattern) => sum + sourceOf(pattern).length, 0);
  if (characters <= mostCharacters) return;
  throw refusal(
    "tokenizer.json",
    "normalizer and pre_tokenizer",
    `have patterns of ${characters} characters, more than ${mostCharacters} together`,
  );
}

/** Compiles a part's pattern. Throws a `refusal` that names its field where that cannot be done, or where it is too large. */
export function compilePattern(pattern: Pattern, path: string): RegExp {
  const field = `${path}.pattern`;
  const source = sourceOf(pattern);
  const refuse = (problem: string) => refusal("tokenizer.json", field, problem);
  if (source.length > longest) throw refuse(`has ${source.length} characters, and a pattern has at most ${longest}`);
  const repetitions = "Regex" in pattern ? countRepetitions(source) : 0;
  if (repetitions > mostRepetitions) {
    throw refuse(`is ${quote(source)}, which repeats up to ${repetitions} times, more than ${mostRepetitions}`);
  }
  const compiled = "Regex" in pattern ? compile(source) : new RegExp(source, "gu");
  if (compiled === null) throw refuse(`is ${quote(source)}, which is no regular expression that can be read`);
  return compiled;
}

/** The library rewrites Oniguruma's syntax, in which files are written. Null where it or the browser cannot read it. */
export function compile(source: string): RegExp | null {
  const part = { type: "Split", pattern: { Regex: source }, behavior: "Isolated", invert: false } as const;
  try {
    const { pattern } = new SplitPreTokenizer(part);
    // Some faults show at the first use only.
    pattern?.test("");
    if (pattern) pattern.lastIndex = 0;
    return pattern;
  } catch {
    return null;
  }
}

/** The atoms of a pattern after its counted repetitions, such as {1,3}, are written out. */
function countRepetitions(source: string): number {
  // Of each open group: the atoms so far, and those of the last atom, which a count multiplies.
  const groups = [{ total: 0, last: 0 }];
  const token = /\\[xuopP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[\s\S]/gy;
  for (const [text, least, most] of source.matchAll(token)) {
    const group = groups.at(-1) ?? { total: 0, last: 0 };
    if (least !== undefined) {
      const more = group.last * (Math.max(Number(least), Number(most ?? 0)) - 1);
      group.total += Math.max(0, more);
      group.last += Math.max(0, more);
    } else if (text === "(") groups.push({ total: 0, last: 0 });
    else if (text === ")" && groups.length > 1) {
      groups.pop();
      const outer = groups.at(-1) ?? group;
      outer.last = group.total;
      outer.total += group.total;
    } else if (!/^[?*+|]$/.test(text)) {
      group.last = 1;
      group.total++;
    }
  }
  return groups.reduce((sum, { total }) => sum + total, 0);
}
