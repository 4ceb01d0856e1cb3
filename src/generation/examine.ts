/** An exam: questions with known answers, each answered greedily and judged by exact match. */

import { type AnswererParts, answer } from "./answer.ts";
import type { Generation } from "./generate.ts";
import type { Prompt } from "./prompt.ts";
import { greedySampling } from "./sampling.ts";

export interface ExamQuestion {
  readonly prompt: string;
  /** The only correct answer. */
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
  /** The end of the answer; "context" also for a question that fills the context and gets no answer. */
  readonly finish: Generation["finish"];
  readonly correct: boolean;
}

export interface ExamineOptions {
  readonly signal?: AbortSignal;
  /** Called with the number of answered questions and of all questions. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tokens that every answer may have, even when the expected one is shorter. */
const minimumTokens = 32;

/**
 * Whether an answer equals the expected one after trimming both and collapsing white space to single spaces. Case and
 * punctuation count.
 */
export function isExactMatch(text: string, expected: string): boolean {
  return collapsed(text) === collapsed(expected);
}

/**
 * Answers every question in its own conversation, greedily, with the template of training. An answer stops at twice the
 * tokens of the expected one (at least `minimumTokens`), where it is wrong anyway. A question that does not fit the context
 * counts as a wrong answer. Throws the signal's reason, and every other error of `answer`.
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
      maxTokens: Math.max(minimumTokens, 2 * expectedTokens),
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

/** Turns the RangeError of a too long prompt into a wrong answer, so that one long question does not end the exam. */
function refusedForLength(error: unknown): { readonly text: ""; readonly finish: "context" } {
  if (error instanceof RangeError) return { text: "", finish: "context" };
  throw error;
}
