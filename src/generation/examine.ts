/** An exam: questions with known answers, each answered in a conversation of its own and judged by a grader. */

import { allowsMore, isRight } from "../run/grading/grade.ts";
import { exactGrader, type Grader } from "../run/grading/grader.ts";
import { createRandom } from "../tensor/random.ts";
import type { ScoredChoice } from "../training/choiceScores.ts";
import { answerBatch, type BatchAnswererParts } from "./answer.ts";
import type { Generation } from "./batch.ts";
import type { Prompt } from "./prompt.ts";
import { greedySampling, type Sampling } from "./sampling.ts";

export interface ExamQuestion {
  readonly prompt: string;
  /** The correct answer, as its grader reads it. */
  readonly expected: string;
  /** Without one, the exam's. */
  readonly grader?: Grader;
  /** The answers to choose from, for the grader "choice". */
  readonly choices?: readonly string[];
}

/** A question with its tokens. */
export interface PreparedQuestion extends Omit<ExamQuestion, "prompt"> {
  readonly prompt: Prompt;
  /** Tokens of the expected answer. */
  readonly expectedTokens: number;
  /** Token ids of each choice, as they follow the prompt; for the grader "choice". */
  readonly choiceTokens?: readonly Int32Array[];
}

export interface ExamAnswer {
  readonly text: string;
  /** The end of the answer; "context" also for a question that fills the context and gets no answer. */
  readonly finish: Generation["finish"];
  readonly correct: boolean;
}

export interface ExamineParts extends BatchAnswererParts {
  /** Σ log P of each, in nats; −Infinity for one that does not fit the context. Needed for the grader "choice". */
  readonly score?: (choices: readonly ScoredChoice[]) => Promise<readonly number[]>;
}

export interface ExamineOptions {
  /** For questions without a grader; by default exact match. */
  readonly grader?: Grader;
  /** Greedy by default. */
  readonly sampling?: Sampling;
  /** Of all random draws; each question has a seed of its own from it. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of answered questions and of all questions. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tokens that every answer may have, even when the expected one is shorter; more where a right answer may say more. */
const minimumTokens = { exact: 32, more: 256 };

/**
 * Answers every question in its own conversation, with the template of training. An answer stops at twice the tokens of the
 * expected one (at least `minimumTokens`). A question that does not fit the context counts as a wrong answer. A question with
 * choices is not generated: the choice of the highest log-probability is its answer. Throws the signal's reason, and every
 * other error of `answerBatch`.
 */
export async function examine(
  parts: ExamineParts,
  questions: readonly PreparedQuestion[],
  { grader: ofExam = exactGrader, sampling = greedySampling, seed = 0, signal, onProgress }: ExamineOptions = {},
): Promise<ExamAnswer[]> {
  let done = 0;
  onProgress?.(done, questions.length);
  signal?.throwIfAborted();
  const random = createRandom(seed);
  const seeded = questions.map((question) => ({
    ...question,
    grader: question.grader ?? ofExam,
    seed: random.below(2 ** 31),
  }));
  const answers = new Map<number, ExamAnswer>();
  const written = seeded.flatMap((question, index) => (question.grader.kind === "choice" ? [] : [{ question, index }]));
  const requests = written.map(({ question: { prompt, expectedTokens, grader, seed: own } }) => ({
    prompt,
    maxTokens: Math.max(allowsMore(grader) ? minimumTokens.more : minimumTokens.exact, 2 * expectedTokens),
    sampling,
    seed: own,
  }));
  const texts = await answerBatch(parts, requests, {
    ...(signal && { signal }),
    onAnswer: () => {
      if (!signal?.aborted) onProgress?.(++done, questions.length);
    },
  });
  signal?.throwIfAborted();
  for (const [place, { question, index }] of written.entries()) {
    const { text = "", finish = "cancelled" as const } = texts[place] ?? {};
    answers.set(index, { text, finish, correct: isRight(question.grader, text, question) });
  }
  // One question at a time: its choices fill a batch.
  const chosen = seeded.flatMap((question, index) => {
    const { grader } = question;
    return grader.kind === "choice" ? [{ question, index, per: grader.per }] : [];
  });
  for (const { question, index, per } of chosen) {
    answers.set(index, await choose(parts, question, per));
    signal?.throwIfAborted();
    onProgress?.(++done, questions.length);
  }
  return seeded.flatMap((_, index) => answers.get(index) ?? []);
}

/** The choice of the highest log-probability; of equal ones the first. */
async function choose(
  { score }: ExamineParts,
  { prompt, expected, choices, choiceTokens }: PreparedQuestion,
  per: "total" | "character",
): Promise<ExamAnswer> {
  if (!score || !choices || !choiceTokens) {
    throw new Error(`The question with the answer "${expected}" has no choices to compare: give it "choices".`);
  }
  const scores = await score(choiceTokens.map((answer) => ({ prompt: prompt.ids, answer })));
  const fair = scores.map((sum, index) => (per === "total" ? sum : sum / Math.max(1, choices[index]?.length ?? 1)));
  // A choice that does not fit must not lose for that reason alone.
  if (fair.some((value) => !Number.isFinite(value))) return { text: "", finish: "context", correct: false };
  const best = fair.indexOf(Math.max(...fair));
  const text = choices[best] ?? "";
  return { text, finish: "stop", correct: isRight({ kind: "choice", per }, text, { expected }) };
}
