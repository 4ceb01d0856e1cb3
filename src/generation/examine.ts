/** An exam: questions with known answers, each answered greedily and judged by exact match. */

import { answerBatch, type BatchAnswererParts } from "./answer.ts";
import type { Generation } from "./batch.ts";
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
 * counts as a wrong answer. Throws the signal's reason, and every other error of `answerBatch`.
 */
export async function examine(
  parts: BatchAnswererParts,
  questions: readonly PreparedQuestion[],
  { signal, onProgress }: ExamineOptions = {},
): Promise<ExamAnswer[]> {
  let done = 0;
  onProgress?.(done, questions.length);
  signal?.throwIfAborted();
  const requests = questions.map(({ prompt, expectedTokens }) => ({
    prompt,
    maxTokens: Math.max(minimumTokens, 2 * expectedTokens),
    sampling: greedySampling,
    seed: 0,
  }));
  const answers = await answerBatch(parts, requests, {
    ...(signal && { signal }),
    onAnswer: () => {
      if (!signal?.aborted) onProgress?.(++done, questions.length);
    },
  });
  signal?.throwIfAborted();
  return answers.map(({ text, finish }, i) => ({
    text,
    finish,
    correct: isExactMatch(text, questions[i]?.expected ?? ""),
  }));
}

const collapsed = (text: string) => text.trim().replace(/\s+/g, " ");
