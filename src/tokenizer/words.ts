/** Pre-tokenizers: a run of text as words, which a model spells one by one. */

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { type Part, parts, type TokenizerJson } from "./files.ts";

export interface Words {
  /** The words of a run, in order; joined they are the run, with "▁" for each space where the tokenizer writes that. */
  split(run: string): readonly string[];
  /** A byte-level word in its byte alphabet, in the pieces that pre-tokenizers after ByteLevel make of it. */
  splitBytes(word: string): readonly string[];
}

/** What is written before the first run of a sequence, and whether a space that is there already makes it needless. */
export interface Prefix {
  readonly text: string;
  readonly unlessPresent: boolean;
}

type Step = (text: string) => readonly string[];

/** Throws, naming it, for a pre-tokenizer that is not supported, or that would lose or repeat text. */
export function createWords(json: TokenizerJson, vocabulary: ReadonlyMap<string, number>, byteLevel: boolean): Words {
  const steps: Step[] = [];
  const byteSteps: Step[] = [];
  const chain = parts(json.pre_tokenizer, "pretokenizers");
  const seen: string[] = [];
  for (const part of chain) {
    const target = seen.includes("ByteLevel") ? byteSteps : steps;
    const repeats = part.type === "Metaspace" ? metaspaceScheme(part) === "always" : part.add_prefix_space === true;
    const before = seen.filter((type) => type !== "WhitespaceSplit");
    if (repeats && before.length > 0) {
      throw new Error(
        `tokenizer.json: pre_tokenizer ${part.type} after ${before.join(", ")} puts a space before every piece, which is not supported. Choose another model.`,
      );
    }
    const step = createStep(part);
    if (step) target.push(step);
    seen.push(part.type);
  }
  if (seen.includes("WhitespaceSplit")) {
    const spaces = chain.some((part) => part.type === "Metaspace" && metaspaceScheme(part) === "always");
    if (!spaces) throw dropsText("WhitespaceSplit without a Metaspace that puts a space before every word");
  }
  const apart = chain.some((part) => part.type === "Metaspace" && part.split !== false);
  if (!byteLevel && !apart && vocabulary.has("▁")) {
    const pattern = uncrossed(vocabulary);
    steps.push((text) => text.match(pattern) ?? []);
  }
  return { split: (run) => through(steps, run), splitBytes: (word) => through(byteSteps, word) };
}

/** As `Prepend`, `ByteLevel` and `Metaspace` ask for it. */
export function findPrefix(json: TokenizerJson): Prefix {
  for (const part of parts(json.normalizer, "normalizers")) {
    if (part.type === "Prepend") return { text: String(part.prepend ?? ""), unlessPresent: false };
  }
  for (const part of parts(json.pre_tokenizer, "pretokenizers")) {
    if (part.type === "ByteLevel" && part.add_prefix_space === true) return { text: " ", unlessPresent: true };
    if (part.type === "Metaspace" && metaspaceScheme(part) !== "never") return { text: "▁", unlessPresent: true };
  }
  return { text: "", unlessPresent: false };
}

/** Older files write a flag where newer ones name the scheme. */
const metaspaceScheme = (part: Part) => part.prepend_scheme ?? (part.add_prefix_space === false ? "never" : "always");

function through(steps: readonly Step[], text: string): readonly string[] {
  let words: readonly string[] = [text];
  for (const step of steps) {
    const [only] = words;
    words = words.length === 1 && only !== undefined ? step(only) : words.flatMap(step);
  }
  return words;
}

/**
 * What a pre-tokenizer does to a text, null for nothing. Most are a pattern whose matches stand alone, and so does what is
 * between them; https://huggingface.co/docs/tokenizers/api/pre-tokenizers names the behaviours.
 */
function createStep(part: Part): Step | null {
  switch (part.type) {
    case "ByteLevel":
      return part.use_regex === false ? null : isolate(gpt2Pattern);
    case "WhitespaceSplit":
      // White space is single spaces by now: see `Spacing`.
      return (text) => text.match(/ [^ ]*|[^ ]+/g) ?? [];
    case "Metaspace": {
      if ((part.replacement ?? "▁") !== "▁") {
        throw new Error(
          `tokenizer.json: pre_tokenizer Metaspace with replacement ${JSON.stringify(part.replacement)} is not supported; only "▁" is. Choose another model.`,
        );
      }
      const apart = part.split !== false;
      return (text) => {
        const spelt = text.replaceAll(" ", "▁");
        return apart ? (spelt.match(/▁[^▁]*|[^▁]+/g) ?? []) : [spelt];
      };
    }
    case "Digits":
      return isolate(part.individual_digits === true ? "\\p{N}" : "\\p{N}+");
    case "FixedLength":
      return isolate(`[\\s\\S]{1,${Number(part.length ?? 5)}}`);
    case "Punctuation":
      return splitting("[\\p{P}\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E]", part);
    case "Split":
      return splitting(readPattern(part.pattern), part);
    default:
      throw new Error(
        `tokenizer.json: pre_tokenizer ${JSON.stringify(part.type)} is not supported. Choose another model.`,
      );
  }
}

/** What a behaviour makes of a pattern's matches; inverted, what is between them counts as matched. */
function splitting(regex: string, { type, behavior = "Isolated", invert }: Part): Step {
  switch (behavior) {
    case "Isolated":
      return isolate(regex);
    case "Contiguous":
      return isolate(`(?:${regex})+`);
    case "MergedWithPrevious":
    case "MergedWithNext": {
      const pattern = compile(regex);
      const before = (behavior === "MergedWithNext") !== (invert === true);
      return (text) => cutBeside(text, pattern, before);
    }
    case "Removed":
      throw dropsText(`${type} with behavior "Removed"`);
    default:
      throw new Error(
        `tokenizer.json: pre_tokenizer ${type} with behavior ${JSON.stringify(behavior)} is not supported. Choose another model.`,
      );
  }
}

function isolate(regex: string): Step {
  const pattern = compile(regex);
  return (text) => cut(text, pattern);
}

const dropsText = (what: string) =>
  new Error(`tokenizer.json: pre_tokenizer ${what} drops text, which is not supported. Choose another model.`);

/** A Split's pattern as a regular expression of its file's kind. */
function readPattern(pattern: unknown): string {
  if (typeof pattern === "object" && pattern !== null) {
    if ("Regex" in pattern && typeof pattern.Regex === "string") return pattern.Regex;
    if ("String" in pattern && typeof pattern.String === "string") {
      return pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    }
  }
  throw new Error("tokenizer.json: a Split pre_tokenizer has no pattern. Choose the model's own file.");
}

/** The library rewrites Oniguruma's syntax, which files are written in. */
function compile(regex: string): RegExp {
  const { pattern } = new SplitPreTokenizer({
    type: "Split",
    pattern: { Regex: regex },
    behavior: "Isolated",
    invert: false,
  });
  if (!pattern) throw new Error(`tokenizer.json: the pattern ${JSON.stringify(regex)} cannot be read.`);
  return pattern;
}

const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The matches of a global pattern, and what is between them. */
function cut(text: string, pattern: RegExp): readonly string[] {
  // Most patterns leave nothing between their matches, and a list of those alone is much the quickest to get.
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

/** The text cut before, or after, each match. */
function cutBeside(text: string, pattern: RegExp, before: boolean): readonly string[] {
  const pieces: string[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    const border = before ? index : index + match.length;
    if (border > end) pieces.push(text.slice(end, border));
    end = border;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

/**
 * The stretches that no token crosses: cut before a "▁" unless some token has one after the character that stands there. They
 * can be spelt one by one, which gives the same tokens, is quick, and lets them be remembered. "▁" itself must be known to
 * the model, for a run of unknown characters would reach over it.
 */
function uncrossed(vocabulary: ReadonlyMap<string, number>): RegExp {
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
