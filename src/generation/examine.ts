/** An exam: questions with known answers, asked greedily one after another, each judged by exact match. */

import { type AnswererParts, answer } from "./answer.ts";
import type { Generation } from "./generate.ts";
import type { Prompt } from "./prompt.ts";
import { greedySampling } from "./sampling.ts";

export interface ExamQuestion {
  readonly prompt: string;
  /** The only answer that is right. */
  readonly expected: string;
}

/** A question with its tokens. */
export interface PreparedQuestion extends Pick<ExamQuestion, "expected"> {
  readonly prompt: Prompt;
  /** Tokens of the expected answer. */
  readonly expectedTokens: number;
}

export interface ExamAnswer {
  readonly text: string;
  /** As of any answer; "context" also where the question itself fills the model's context and nothing was answered. */
  readonly finish: Generation["finish"];
  readonly correct: boolean;
}

export interface ExamineOptions {
  readonly signal?: AbortSignal;
  /** Questions answered, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tokens that every answer may have, however short the expected one. */
const leastTokens = 32;

/**
 * Whether an answer is right: equal to the expected one once both are trimmed and every stretch of white space in them is a
 * single space. Case, punctuation and everything else count.
 */
export function isExactMatch(text: string, expected: string): boolean {
  return collapsed(text) === collapsed(expected);
}

/**
 * Asks every question by itself, greedily, with the template of training. An answer is cut at twice the tokens of the
 * expected one (32 at least): by then it is wrong. Throws the signal's reason, and whatever answering throws; a question that
 * does not fit the context is an answer that is wrong.
 */
export async function examine(
  parts: AnswererParts,
  questions: readonly PreparedQuestion[],
  { signal, onProgress }: ExamineOptions = {},
): Promise<ExamAnswer[]> {
  const answers: ExamAnswer[] = [];
  onProgress?.(0, questions.length);
  for (const { prompt, expected, expectedTokens } of questions) {
    signal?.throwIfAborted();
    const given = await answer(parts, prompt, {
      maxTokens: Math.max(leastTokens, 2 * expectedTokens),
      sampling: greedySampling,
      seed: 0,
      ...(signal && { signal }),
    }).catch(refusedForLength);
    signal?.throwIfAborted();
    const { text, finish } = given;
    answers.push({ text, finish, correct: isExactMatch(text, expected) });
    onProgress?.(answers.length, questions.length);
  }
  return answers;
}

const collapsed = (text: string) => text.trim().replace(/\s+/g, " ");

/** A prompt is refused with a RangeError; the other settings are ours. One long question must not end the exam. */
function refusedForLength(error: unknown): { readonly text: ""; readonly finish: "context" } {
  if (error instanceof RangeError) return { text: "", finish: "context" };
  throw error;
}
