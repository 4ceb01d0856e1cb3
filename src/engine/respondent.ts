/** The weights that answer, of the base model or of a run's checkpoint, and an exam with them. */

import { compileEvaluation } from "../artifacts/compile.ts";
import { compileGeneration, type GenerationShape } from "../artifacts/generation.ts";
import type { Method } from "../artifacts/method.ts";
import type { AnswererParts, BatchAnswererParts } from "../generation/answer.ts";
import { createBatchGenerator } from "../generation/batch.ts";
import { type ExamineOptions, examine, type PreparedQuestion } from "../generation/examine.ts";
import { createGenerator } from "../generation/generate.ts";
import type { EngineEvent, Examination } from "../protocol/engine.ts";
import type { Runtime } from "../runtime/types.ts";
import { choiceScores } from "../training/choiceScores.ts";
import type { ParameterTensors } from "../training/parameters.ts";
import { textLoss } from "../training/textLoss.ts";
import { createWholeGraphEvaluation } from "../training/wholeGraph.ts";
import type { LoadedModel } from "./library.ts";

export interface Respondent {
  readonly runtime: Runtime;
  readonly model: LoadedModel;
  /** Null is the base model. */
  readonly method: Method | null;
  readonly parameters: ParameterTensors;
}

/** Its generators and vocabulary, for `answer` and `examine`. */
export function answererOf({ runtime, model, method, parameters }: Respondent): AnswererParts & BatchAnswererParts {
  const { definition, vocabulary, opened } = model;
  const parts = {
    runtime,
    parameters,
    artifact: (shape: GenerationShape) => compileGeneration(definition, method, shape),
    contextLength: definition.contextLength,
  };
  return {
    generate: createGenerator(parts),
    generateBatch: createBatchGenerator(parts),
    vocabulary,
    stopIds: opened.stopIds,
  };
}

export interface PreparedExam {
  readonly questions: readonly PreparedQuestion[];
  /** Token ids of general texts. */
  readonly texts: readonly Int32Array[];
}

/** Answers the exam's questions, then measures the loss on its texts. Throws the signal's reason. */
export async function takeExam(
  respondent: Respondent,
  exam: PreparedExam & Pick<ExamineOptions, "grader" | "sampling" | "seed">,
  emit: (event: EngineEvent) => void,
  signal?: AbortSignal,
): Promise<Omit<Examination, "seconds" | "step">> {
  const { runtime, model, method, parameters } = respondent;
  const who = method === null ? "The base model" : "The tuned model";
  const options = (task: string) => ({
    ...(signal && { signal }),
    onProgress: (done: number, total: number) => emit({ type: "progress", task: `${who} ${task}`, done, total }),
  });
  const program = createWholeGraphEvaluation(runtime, parameters, (shape) =>
    compileEvaluation(model.definition, method, shape),
  );
  const parts = { program, contextLength: model.definition.contextLength };
  const { questions, texts: _texts, ...how } = exam;
  const answers = await examine(
    { ...answererOf(respondent), score: (choices) => choiceScores(choices, parts) },
    questions,
    { ...how, ...options("answers the questions") },
  );
  return { answers, textLoss: await textLoss(exam.texts, parts, options("reads the general texts")) };
}
