/** Pre-tokenizers: split a run of text into words, which a model spells one by one. */

import { quote } from "../tensor/quote.ts";
import type { TokenizerJson } from "./files.ts";
import type { PreTokenizerPart } from "./parts.ts";
import { type BeforePattern, compile, compilePattern, labelOf, sourceOf } from "./patterns.ts";
import { unsupported } from "./refusal.ts";
import type { TokenIds } from "./tokenIds.ts";

export interface Words {
  /** The words of a run, in order; joined they equal the run, with "▁" for each space where the tokenizer writes "▁". */
  split(run: string): readonly string[];
  /** Splits a word in GPT-2's byte alphabet by the pre-tokenizers after ByteLevel. */
  splitBytes(word: string): readonly string[];
}

/** A text that is inserted before others. */
export interface Prefix {
  readonly text: string;
  /** Not before a text that begins with a space. */
  readonly unlessPresent: boolean;
  /**
   * Before the text between two added tokens, normalized ones excepted (`section`); before that between any two added
   * tokens (`part`); before the first text alone (`start`).
   */
  readonly at: "section" | "part" | "start";
}

type Step = (text: string) => readonly string[];

/**
 * Throws an error that names a pre-tokenizer which would lose or repeat text, or whose pattern is invalid. Calls
 * `before` before a pattern of the file runs.
 */
export function createWords(
  json: TokenizerJson,
  vocabulary: TokenIds,
  byteLevel: boolean,
  before?: BeforePattern,
): Words {
  const steps: Step[] = [];
  const byteSteps: Step[] = [];
  const chain = json.preTokenizers;
  const seen: string[] = [];
  for (const part of chain) {
    const target = seen.includes("ByteLevel") ? byteSteps : steps;
    const repeats =
      part.type === "Metaspace"
        ? metaspaceScheme(part) === "always"
        : part.type === "ByteLevel" && part.add_prefix_space;
    const earlier = seen.filter((type) => type !== "WhitespaceSplit");
    if (repeats && earlier.length > 0) {
      throw unsupported(
        `${part.path}: ${part.type} after ${earlier.join(", ")} inserts a space before every piece, which`,
      );
    }
    const step = createStep(part, before);
    if (step) target.push(step);
    seen.push(part.type);
  }
  if (seen.includes("WhitespaceSplit")) {
    const spaces = chain.some((part) => part.type === "Metaspace" && metaspaceScheme(part) === "always");
    if (!spaces) throw dropsText("WhitespaceSplit without a Metaspace that inserts a space before every word");
  }
  const apart = chain.some((part) => part.type === "Metaspace" && part.split !== false);
  if (!byteLevel && !apart && vocabulary.has("▁")) {
    const pattern = independentSpans(vocabulary);
    steps.push((text) => text.match(pattern) ?? []);
  }
  return { split: (run) => through(steps, run), splitBytes: (word) => through(byteSteps, word) };
}

/** The prefix that `Prepend`, `ByteLevel` or `Metaspace` requires; null for none. */
export function findPrefix({ normalizers, preTokenizers }: TokenizerJson): Prefix | null {
  for (const [i, part] of normalizers.entries()) {
    if (part.type !== "Prepend") continue;
    // The steps after it change the prefix too.
    const text = normalizers.slice(i + 1).reduce((made, later) => {
      if (later.type !== "Replace" || !("String" in later.pattern)) return made;
      return made.replaceAll(later.pattern.String, () => later.content);
    }, part.prepend);
    return { text, unlessPresent: false, at: "section" };
  }
  for (const part of preTokenizers) {
    if (part.type === "ByteLevel" && part.add_prefix_space) return { text: " ", unlessPresent: true, at: "part" };
    if (part.type !== "Metaspace" || metaspaceScheme(part) === "never") continue;
    return { text: "▁", unlessPresent: true, at: metaspaceScheme(part) === "first" ? "start" : "part" };
  }
  return null;
}

const metaspaceScheme = (part: Extract<PreTokenizerPart, { type: "Metaspace" }>) =>
  part.prepend_scheme ?? (part.add_prefix_space === false ? "never" : "always");

function through(steps: readonly Step[], text: string): readonly string[] {
  let words: readonly string[] = [text];
  for (const step of steps) {
    const [only] = words;
    words = words.length === 1 && only !== undefined ? step(only) : words.flatMap(step);
  }
  return words;
}

/**
 * A pre-tokenizer as a function, null where it does nothing. Most split a text into the matches of a pattern and the text
 * between them; https://huggingface.co/docs/tokenizers/api/pre-tokenizers names the behaviours.
 */
function createStep(part: PreTokenizerPart, before: BeforePattern | undefined): Step | null {
  switch (part.type) {
    case "ByteLevel":
      return part.use_regex ? splitting(builtIn(gpt2Pattern), "Isolated") : null;
    case "WhitespaceSplit":
      // The text has only single spaces here: see `Spacing`.
      return (text) => text.match(/ [^ ]*|[^ ]+/g) ?? [];
    case "Metaspace": {
      if (part.replacement !== "▁") {
        throw unsupported(`${part.path}: Metaspace with the replacement ${quote(part.replacement)}`);
      }
      const apart = part.split !== false;
      return (text) => {
        const spelt = text.replaceAll(" ", "▁");
        return apart ? (spelt.match(/▁[^▁]*|[^▁]+/g) ?? []) : [spelt];
      };
    }
    case "Digits":
      return splitting(builtIn(part.individual_digits ? "\\p{N}" : "\\p{N}+"), "Isolated");
    case "FixedLength":
      return splitting(builtIn(`[\\s\\S]{1,${part.length}}`), "Isolated");
    case "Punctuation": {
      const one = "[\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E]";
      if (part.behavior === "Removed") throw dropsText(`${part.type} with behavior "Removed"`);
      return splitting(builtIn(part.behavior === "Contiguous" ? `${one}+` : one), part.behavior);
    }
    case "Split": {
      const { path, behavior, invert } = part;
      if (behavior === "Removed" && !invert) throw dropsText(`${part.type} with behavior "Removed"`);
      const repeated = { Regex: `(?:${sourceOf(part.pattern)})+` };
      const pattern = compilePattern(behavior === "Contiguous" ? repeated : part.pattern, path);
      const step = behavior === "Removed" ? matchesOnly(pattern, path) : splitting(pattern, behavior, invert);
      const label = labelOf(path, part.pattern);
      return (text) => {
        before?.(label);
        return step(text);
      };
    }
  }
}

/** Splits by a pattern's matches as the behaviour says; inverted, the text between them counts as matched. */
function splitting(
  pattern: RegExp,
  behavior: "Isolated" | "Contiguous" | "MergedWithPrevious" | "MergedWithNext",
  invert = false,
): Step {
  if (behavior === "Isolated" || behavior === "Contiguous") return (text) => cut(text, pattern);
  const cutBefore = (behavior === "MergedWithNext") !== invert;
  return (text) => cutBeside(text, pattern, cutBefore);
}

/**
 * The matches, for a Split that removes the text between them. Published patterns match every text, as GPT-4o's; throws
 * an error that names text which would be lost.
 */
function matchesOnly(pattern: RegExp, path: string): Step {
  return (text) => {
    const pieces = cut(text, pattern);
    const matches = text.match(pattern)?.filter((match) => match !== "") ?? [];
    if (pieces.length === matches.length) return pieces;
    const lost = pieces.find((piece, i) => piece !== matches[i]) ?? "";
    throw new Error(
      `tokenizer.json: ${path} removes the text ${quote(lost)}. Remove it from the row, or choose another model.`,
    );
  };
}

/** One of this file's own patterns. */
function builtIn(source: string): RegExp {
  const pattern = compile(source);
  if (pattern === null) throw new SyntaxError(`The built-in pattern ${source} is invalid: report this.`);
  return pattern;
}

const dropsText = (what: string) => unsupported(`pre_tokenizer ${what} drops text, which`);

const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The matches of a global pattern, and the text between them. */
function cut(text: string, pattern: RegExp): readonly string[] {
  // Most patterns leave no text between their matches, and `match` is much faster than `matchAll`.
  const matches = text.match(pattern) ?? [];
  let length = 0;
  let empty = false;
  for (const match of matches) {
    length += match.length;
    empty ||= match === "";
  }
  if (length === text.length && !empty) return matches;
  const pieces: string[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (index > end) pieces.push(text.slice(end, index));
    if (match !== "") pieces.push(match);
    end = index + match.length;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

/** Cuts the text before, or after, each match. */
function cutBeside(text: string, pattern: RegExp, before: boolean): readonly string[] {
  const pieces: string[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    const edge = before ? index : index + match.length;
    if (edge > end) pieces.push(text.slice(end, edge));
    end = edge;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

/**
 * Matches spans that no token crosses. A span begins at each "▁", unless some token contains that "▁" after the same
 * character. Spelling spans one by one returns the same tokens as the whole run, but is faster and can be cached. The
 * model must know "▁": an unknown-token would include an unknown "▁" and so cross spans.
 */
function independentSpans(vocabulary: TokenIds): RegExp {
  const before = new Set<string>();
  for (const token of vocabulary.keys()) {
    for (let at = token.indexOf("▁", 1); at > 0; at = token.indexOf("▁", at + 1)) {
      before.add(
        `\\u${token
          .charCodeAt(at - 1)
          .toString(16)
          .padStart(4, "0")}`,
      );
    }
  }
  const crossing = before.size === 0 ? "" : `(?:(?<=[${[...before].join("")}])▁[^▁]*)*`;
  return new RegExp(`[\\s\\S][^▁]*${crossing}`, "g");
}
