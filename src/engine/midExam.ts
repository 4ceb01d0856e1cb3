/** The exam of a run during training: its drawn questions, and the number of right answers with a validation. */

import type { BatchAnswererParts } from "../generation/answer.ts";
import { examine, type PreparedQuestion } from "../generation/examine.ts";
import type { RunRequest } from "../protocol/engine.ts";
import { takesExam } from "../run/forgetting.ts";
import type { ExamScore } from "../run/metrics.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { RunExam } from "../run/record.ts";
import { createRandom, shuffle } from "../tensor/random.ts";
import type { Control } from "../training/control.ts";
import type { LoopParts } from "../training/loop.ts";

/**
 * The exam of a new run: a seeded draw of its number of questions, in the order of the exam. Null where the recipe has none.
 * Throws where it has one, but the request has not.
 */
export function drawExam({ recipe, exam }: Pick<RunRequest, "recipe" | "exam">): RunExam | null {
  const count = recipe.forgetting?.exam ?? 0;
  if (count === 0) return null;
  if (!exam) {
    throw new Error(
      `The run has an exam of ${count} questions during training, but no exam is open: open one under Compare, or set the questions to 0.`,
    );
  }
  const { name, hash, questions } = exam;
  const order = shuffle(
    questions.map((_, index) => index),
    createRandom(seedsOf(recipe).forgetting),
  );
  const drawn = order.slice(0, count).sort((a, b) => a - b);
  return {
    name,
    hash,
    questions: drawn.flatMap((index) => {
      const question = questions[index];
      return question ? [{ prompt: question.prompt, expected: question.expected }] : [];
    }),
  };
}

interface ExamParts {
  readonly recipe: Pick<Recipe, "forgetting" | "evaluateEvery">;
  readonly totalSteps: number;
  readonly questions: readonly PreparedQuestion[];
  readonly answerer: BatchAnswererParts;
  readonly control: Pick<Control, "request" | "signal" | "beforeSignal">;
}

/**
 * The validation with an exam after it, where one is due. A pause during the exam interrupts the whole validation, which the
 * resumed run repeats; a skip before the first step leaves out the exam alone.
 */
export function withExam(
  evaluate: NonNullable<LoopParts["evaluate"]>,
  { recipe, totalSteps, questions, answerer, control }: ExamParts,
): NonNullable<LoopParts["evaluate"]> {
  return async (interrupted, onProgress, preference, step) => {
    const due = questions.length > 0 && takesExam(recipe, step, totalSteps);
    if (!due) return evaluate(interrupted, onProgress, preference, step);
    let losses = 0;
    const found = await evaluate(
      interrupted,
      (done, total) => {
        losses = total;
        onProgress(done, total + questions.length);
      },
      preference,
      step,
    );
    if (found === null) return null;
    const signal = step === 0 ? control.beforeSignal : control.signal;
    try {
      const answers = await examine(answerer, questions, {
        signal,
        onProgress: (done) => onProgress(losses + done, losses + questions.length),
      });
      return { ...found, exam: scoreOf(answers) };
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      return control.request === null ? found : null;
    }
  };
}

function scoreOf(answers: readonly { readonly correct: boolean }[]): ExamScore {
  return { right: answers.filter(({ correct }) => correct).length, questions: answers.length };
}
