/** Who is asked: the base model or a run's checkpoint, with the template that its answers are rendered in. */

import { compileEvaluation, compileGeneration } from "../artifacts/compile.ts";
import type { Method } from "../artifacts/method.ts";
import type { AnswererParts } from "../generation/answer.ts";
import { examine } from "../generation/examine.ts";
import { createGenerator } from "../generation/generate.ts";
import type { EngineEvent, Examination, ExamineRequest, Subject } from "../protocol/engine.ts";
import type { Runtime } from "../runtime/types.ts";
import { createTemplate } from "../templates/choose.ts";
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

/** What `answer` needs to ask it. Throws `TemplateError` when the template does not fit the model. */
export function answererOf(
  { runtime, model, method, parameters }: Respondent,
  { template, systemPrompt }: Pick<Subject, "template" | "systemPrompt">,
): AnswererParts {
  const { definition, tokenizer, files } = model;
  return {
    generate: createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(definition, method, shape),
      contextLength: definition.contextLength,
    }),
    tokenizer,
    template: createTemplate(template, { tokenizer, chatTemplate: files.chatTemplate }),
    systemPrompt,
  };
}

/** Takes the exam: the questions, then the texts. Throws the signal's reason. */
export async function takeExam(
  respondent: Respondent,
  request: ExamineRequest,
  emit: (event: EngineEvent) => void,
  signal?: AbortSignal,
): Promise<Omit<Examination, "seconds" | "step">> {
  const { runtime, model, method, parameters } = respondent;
  const who = request.runId === null ? "The base model" : "The tuned model";
  const options = (task: string) => ({
    ...(signal && { signal }),
    onProgress: (done: number, total: number) => emit({ type: "progress", task: `${who} ${task}`, done, total }),
  });
  const answers = await examine(answererOf(respondent, request), request.questions, options("answers the questions"));
  const program = createWholeGraphEvaluation(runtime, parameters, (shape) =>
    compileEvaluation(model.definition, method, shape),
  );
  const { tokenizer, definition } = model;
  const parts = { program, tokenizer, contextLength: definition.contextLength };
  return { answers, textLoss: await textLoss(request.texts, parts, options("reads the general texts")) };
}
