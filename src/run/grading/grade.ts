/** Judges answers. Text graders need only the texts; "choice" needs log-probabilities, which the engine computes. */

import type { Grader } from "./grader.ts";
import { compilePattern, type Pattern } from "./pattern.ts";

/** A question as graders see it. */
export interface GradedQuestion {
  readonly expected: string;
  /** The answers to choose from, for "choice"; the expected one is among them. */
  readonly choices?: readonly string[];
}

/** Without white space at both ends, and with single spaces. */
export const collapsed = (text: string): string => text.trim().replace(/\s+/g, " ");

/**
 * For comparison without form: NFKC, lower case, letters, marks, digits and symbols of arithmetic only, without a, an and the,
 * with single spaces.
 */
export function normalised(text: string): string {
  const words = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[’']/g, "")
    .replace(/[^\p{L}\p{M}\p{N}+<=>$€£%°^]+/gu, " ")
    .replace(/(?<!\S)(?:a|an|the)(?!\S)/g, " ");
  return collapsed(words);
}

const minus = String.raw`(?:(?<![\w)])-)?`;
const digits = String.raw`(?<![\p{L}_]|\d\.)(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?`;
const fraction = String.raw`(?<![\d.])\.\d+`;
const numbers = new RegExp(`${minus}(?:${digits}|${fraction})(?:[eE][+-]?\\d+)?`, "gu");

/**
 * The last number of a text; null without one. Commas between groups of three digits are left out. Digits after a letter, as in
 * H2O, and the second number's sign in 5-3 do not count.
 */
export function lastNumber(text: string): number | null {
  const last = text
    .replace(/\u2212/g, "-")
    .match(numbers)
    ?.at(-1);
  if (last === undefined) return null;
  const value = Number(last.replace(/,/g, ""));
  return Number.isFinite(value) ? value : null;
}

/** The JSON value of a text, also inside one code fence; undefined where it is none. */
function jsonIn(text: string): unknown {
  const fenced = /^\s*```[a-z]*\s*\n([\s\S]*?)\n?\s*```\s*$/i.exec(text);
  try {
    return JSON.parse(fenced?.[1] ?? text);
  } catch {
    return undefined;
  }
}

/** Equality of JSON values, without recursion: an answer may be nested without end. */
export function sameJson(one: unknown, other: unknown): boolean {
  const open: [unknown, unknown][] = [[one, other]];
  for (let pair = open.pop(); pair; pair = open.pop()) {
    const [a, b] = pair;
    if (a === b) continue;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
    if (left.length !== right.size) return false;
    for (const [key, value] of left) {
      if (!right.has(key)) return false;
      open.push([value, right.get(key)]);
    }
  }
  return true;
}

/** Compiled patterns; an exam has one for all questions or one for each. */
const compiled = new Map<string, Pattern>();

function patternOf(source: string): Pattern {
  const known = compiled.get(source);
  if (known) return known;
  if (compiled.size > 1000) compiled.clear();
  const pattern = compilePattern(source);
  compiled.set(source, pattern);
  return pattern;
}

/** Why a grader cannot judge answers to a question, as a sentence; null where it can. */
export function graderProblem(grader: Grader, { expected, choices }: GradedQuestion): string | null {
  switch (grader.kind) {
    case "normalised":
    case "contains":
      return normalised(expected) === "" ? `The expected answer "${expected}" has no letter or digit.` : null;
    case "number":
      return lastNumber(expected) === null ? `The expected answer "${expected}" has no number.` : null;
    case "json":
      return jsonIn(expected) === undefined ? `The expected answer "${expected}" is no JSON.` : null;
    case "pattern":
      try {
        patternOf(grader.pattern ?? expected);
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    case "choice":
      if (!choices || choices.length < 2) return 'The question has no "choices": give a list of at least two answers.';
      if (choices.includes("")) return "A choice is empty.";
      if (new Set(choices).size < choices.length) return "Two choices are the same.";
      return choices.includes(expected) ? null : `The expected answer "${expected}" is none of the choices.`;
    default:
      return null;
  }
}

/**
 * Whether an answer is right. An answer to a question of "choice" is the chosen text. Throws an Error for a pattern that cannot be
 * compiled: `graderProblem` says so before.
 */
export function isRight(grader: Grader, answer: string, { expected }: GradedQuestion): boolean {
  switch (grader.kind) {
    case "exact":
      return collapsed(answer) === collapsed(expected);
    case "choice":
      return answer === expected;
    case "normalised":
      return normalised(answer) === normalised(expected);
    case "contains":
      return ` ${normalised(answer)} `.includes(` ${normalised(expected)} `);
    case "number": {
      const [given, wanted] = [lastNumber(answer), lastNumber(expected)];
      return given !== null && wanted !== null && Math.abs(given - wanted) <= grader.tolerance;
    }
    case "json": {
      const given = jsonIn(answer);
      return given !== undefined && sameJson(given, jsonIn(expected));
    }
    case "pattern": {
      const found = patternOf(grader.pattern ?? expected).match(answer);
      if (grader.pattern === null || found === null) return found !== null;
      return normalised(found.group ?? found.text) === normalised(expected);
    }
  }
}

/** Text graders whose right answers may be longer than the expected one. */
export const allowsMore = ({ kind }: Grader): boolean => kind !== "exact" && kind !== "normalised" && kind !== "choice";
