/** Filters of made rows: form, length, repetition, similarity, support by the passage, and a grader. */

import type { Generation } from "../batch.ts";
import { highestRougeL, wordsOf } from "./rougeL.ts";

/** Why a text was dropped. */
export const dropReasons = [
  "empty",
  "form",
  "short",
  "long",
  "unfinished",
  "repeats",
  "similar",
  "unsupported",
  "grader",
] as const;

export type DropReason = (typeof dropReasons)[number];

/** As in Self-Instruct (Wang et al. 2023): a question that is more similar to any other is dropped. */
export const mostSimilar = 0.7;
/** Words of a question, as in Self-Instruct. */
export const questionWords = { least: 3, most: 150 } as const;
export const answerWords = { least: 1, most: 300 } as const;
/** Least share of an answer's words that stand in its passage or question. */
export const leastSupport = 0.6;

/** A test of the answer. */
export type Grader =
  | { readonly kind: "none" }
  | { readonly kind: "exact" | "contains"; readonly text: string }
  /** A JavaScript regular expression with the flags i and u. */
  | { readonly kind: "regex"; readonly text: string };

/** Compiles a grader. Throws for an expression that is none, with its text. */
export function graderOf(grader: Grader): (answer: string) => boolean {
  if (grader.kind === "none") return () => true;
  const plain = (text: string) => text.trim().replace(/\s+/g, " ").toLowerCase();
  const wanted = plain(grader.text);
  if (grader.kind === "exact") return (answer) => plain(answer) === wanted;
  if (grader.kind === "contains") return (answer) => plain(answer).includes(wanted);
  let pattern: RegExp;
  try {
    pattern = new RegExp(grader.text, "iu");
  } catch (cause) {
    throw new Error(`"${grader.text}" is no regular expression: correct it, or choose another grader.`, { cause });
  }
  return (answer) => pattern.test(answer);
}

/** A text without the label that models repeat, and without quotes around it: the first line for a question. */
export function tidied(text: string, label: string): string {
  const unlabelled = text.trim().replace(new RegExp(`^(?:${label}\\s*\\d*\\s*[:.)]|\\d+[.)]|[-*])\\s*`, "i"), "");
  return unlabelled.replace(/^["“](.*)["”]$/s, "$1").trim();
}

/** Whether a run of four words stands in it three times, as in answers that never end. */
function isLoop(words: readonly string[]): boolean {
  const counts = new Map<string, number>();
  for (let i = 0; i + 4 <= words.length; i++) {
    const key = words.slice(i, i + 4).join(" ");
    const count = (counts.get(key) ?? 0) + 1;
    if (count === 3) return true;
    counts.set(key, count);
  }
  return false;
}

export interface Written {
  readonly text: string;
  readonly finish: Generation["finish"];
}

const lengthProblem = (count: number, { least, most }: { readonly least: number; readonly most: number }) =>
  count < least ? "short" : count > most ? "long" : null;

/** Why a question is dropped; null where it is kept. `others` are the words of all questions so far. */
export function questionProblem({ text, finish }: Written, others: readonly (readonly string[])[]): DropReason | null {
  const words = wordsOf(text);
  if (words.length === 0) return "empty";
  if (finish !== "stop") return "unfinished";
  if (text.includes("\n") || !/^[\p{L}\p{N}"“(¿]/u.test(text)) return "form";
  return (
    lengthProblem(words.length, questionWords) ??
    (isLoop(words) ? "repeats" : highestRougeL(words, others) > mostSimilar ? "similar" : null)
  );
}

/** Why an answer is dropped; null where it is kept. `passage` is null where there is none. */
export function answerProblem(
  { text, finish }: Written,
  question: string,
  passage: string | null,
  grade: (answer: string) => boolean,
): DropReason | null {
  const words = wordsOf(text);
  if (words.length === 0) return "empty";
  if (finish !== "stop") return "unfinished";
  if (text.trim() === question.trim()) return "form";
  const problem = lengthProblem(words.length, answerWords) ?? (isLoop(words) ? "repeats" : null);
  if (problem) return problem;
  if (passage !== null) {
    const known = new Set([...wordsOf(passage), ...wordsOf(question)]);
    if (words.filter((word) => known.has(word)).length / words.length < leastSupport) return "unsupported";
  }
  return grade(text) ? null : "grader";
}
