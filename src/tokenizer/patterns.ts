/** The patterns of a `tokenizer.json`: untrusted regular expressions, checked before they run over a text. */

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { quote } from "../tensor/quote.ts";
import { withLookaheads } from "./oniguruma.ts";
import type { NormalizerPart, PreTokenizerPart } from "./parts.ts";
import { refusal } from "./refusal.ts";

export type Pattern = { readonly Regex: string } | { readonly String: string };

/** Called just before an untrusted pattern runs over a text, with its label: the same string each time. */
export type BeforePattern = (label: string) => void;

/** Names a pattern by its file, field and first characters: `tokenizer.json: pre_tokenizer.pattern "(a+)+$"`. */
export const labelOf = (path: string, pattern: Pattern): string =>
  `tokenizer.json: ${path}.pattern ${quote("Regex" in pattern ? pattern.Regex : pattern.String)}`;

/** A pattern as the source of a regular expression, in Oniguruma's syntax. */
export const sourceOf = (pattern: Pattern): string =>
  "Regex" in pattern ? pattern.Regex : pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** Characters of a pattern, and of all in a file. Published ones have up to about 700; a thousand "\\b" take a second. */
const longest = 2000;
const mostCharacters = 4000;

/** Atoms of a pattern with its repetitions written out. Oniguruma, for which files are written, allows this many in one. */
const mostRepetitions = 100_000;

/** Throws a `refusal` when a file's patterns are too long together. */
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

/** Compiles a part's pattern. Throws a `refusal` that names its field when it is invalid or too large. */
export function compilePattern(pattern: Pattern, path: string): RegExp {
  const field = `${path}.pattern`;
  const source = sourceOf(pattern);
  const refuse = (problem: string) => refusal("tokenizer.json", field, problem);
  if (source.length > longest) throw refuse(`has ${source.length} characters, more than the ${longest} allowed`);
  const repetitions = "Regex" in pattern ? countRepetitions(source) : 0;
  if (repetitions > mostRepetitions) {
    throw refuse(`is ${quote(source)}, which repeats up to ${repetitions} times, more than ${mostRepetitions}`);
  }
  const compiled = "Regex" in pattern ? compile(source) : new RegExp(source, "gu");
  if (compiled === null) throw refuse(`is ${quote(source)}, which is no valid regular expression`);
  return compiled;
}

/** Compiles a pattern in Oniguruma's syntax, which the library translates. Null where library or browser cannot read it. */
export function compile(source: string): RegExp | null {
  try {
    const split = { type: "Split", behavior: "Isolated", invert: false } as const;
    const { pattern } = new SplitPreTokenizer({ ...split, pattern: { Regex: withLookaheads(source) } });
    // Some faults only show at the first use.
    pattern?.test("");
    if (pattern) pattern.lastIndex = 0;
    return pattern;
  } catch {
    return null;
  }
}

/** The number of atoms in a pattern after its counted repetitions, such as {1,3}, are written out. */
function countRepetitions(source: string): number {
  // For each open group: its atoms so far, and the atoms of its last item, which a count multiplies.
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
