/** The dataset service for the engine: adds each model before its first use, and again after a restart of the worker. */

import type { TemplateWriter, TrainedTemplate } from "../export/template.ts";
import type { PreparedQuestion } from "../generation/examine.ts";
import type { Prompt } from "../generation/prompt.ts";
import { type Conversation, type DataApi, type PromptSettings, withModel } from "../protocol/datasets.ts";
import type { ExamQuestion } from "../protocol/engine.ts";
import type { LoadedModel } from "./library.ts";

export interface TextService {
  /** Does `work` with the service, after the model was added to it. */
  use<T>(model: LoadedModel, work: (service: DataApi) => Promise<T>, signal?: AbortSignal): Promise<T>;
  prompts(
    model: LoadedModel,
    settings: Omit<PromptSettings, "modelHash">,
    conversations: readonly Conversation[],
    signal?: AbortSignal,
  ): Promise<Prompt[]>;
  /** The questions of an exam, with their prompts and the token counts of the expected answers. */
  questions(
    model: LoadedModel,
    settings: Omit<PromptSettings, "modelHash">,
    questions: readonly ExamQuestion[],
    signal?: AbortSignal,
  ): Promise<PreparedQuestion[]>;
  /** Each text's prompt, as the only message of a conversation. */
  asQuestions(
    model: LoadedModel,
    settings: Omit<PromptSettings, "modelHash">,
    texts: readonly string[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Prompt>>;
  templates(model: LoadedModel, trained: TrainedTemplate, signal?: AbortSignal): TemplateWriter;
}

const asConversation = (question: string): Conversation => [{ role: "user", content: question }];

/** `connect` resolves when the page has introduced the dataset worker. */
export function createTextService(connect: () => Promise<DataApi>): TextService {
  const knownModels = new Set<string>();

  async function use<T>(
    { summary, files }: LoadedModel,
    work: (service: DataApi) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const service = await connect();
    const addModel = async () => {
      await service.addModel(files, signal);
      knownModels.add(summary.hash);
    };
    if (!knownModels.has(summary.hash)) await addModel();
    return withModel(() => work(service), addModel);
  }

  const prompts: TextService["prompts"] = (model, { template, systemPrompt }, conversations, signal) =>
    use(
      model,
      (service) => service.prompts({ modelHash: model.summary.hash, template, systemPrompt }, conversations, signal),
      signal,
    );

  return {
    use,
    prompts,
    async asQuestions(model, settings, texts, signal) {
      const different = [...new Set(texts)];
      const rendered = await prompts(model, settings, different.map(asConversation), signal);
      return new Map(different.map((text, index) => [text, rendered[index] as Prompt]));
    },
    async questions(model, settings, questions, signal) {
      const conversations = questions.map(({ prompt }) => asConversation(prompt));
      const rendered = await prompts(model, settings, conversations, signal);
      const expected = questions.map((question) => question.expected);
      const counts = await use(model, (service) => service.countTokens(model.summary.hash, expected, signal));
      // The model writes what the template puts before an answer, so it is part of each choice.
      const written = questions.map(({ choices = [] }, index) =>
        choices.map((choice) => (rendered[index]?.answerBegins ?? "") + choice),
      );
      const flat = written.flat();
      const tokens =
        flat.length === 0 ? [] : await use(model, (service) => service.tokensOf(model.summary.hash, flat, signal));
      return questions.map(({ expected: answer, grader, choices }, index) => ({
        expected: answer,
        prompt: rendered[index] as Prompt,
        expectedTokens: counts[index] ?? 0,
        ...(grader && { grader }),
        ...(choices && { choices, choiceTokens: tokens.splice(0, choices.length) }),
      }));
    },
    templates: (model, trained, signal) => ({
      express: () => use(model, (service) => service.expressTemplate(model.summary.hash, trained, signal)),
      tokenizer: (given) => use(model, (service) => service.ggufTokenizer(given, signal)),
      requireSame: (written) =>
        use(model, (service) => service.requireSameTemplate(model.summary.hash, trained, written, signal)),
    }),
  };
}
