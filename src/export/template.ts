/** The template of a run for other programs: Jinja whose output equals the trained one, and the stop tokens. */

import type { OpenModel } from "../hub/model.ts";
import type { Message } from "../records/example.ts";
import { createChatTemplate } from "../templates/chatTemplate.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import { createTemplate, type TemplateModel } from "../templates/choose.ts";
import { templateSource } from "../templates/source.ts";
import { type Conversation, type Template, TemplateError } from "../templates/template.ts";
import type { TokenizerToWrite, WrittenTokenizer } from "../tokenizer/toGguf.ts";
import { createTokenizer } from "../tokenizer/tokenizer.ts";
import { ExportError } from "./files.ts";

/** The template and system prompt of a run's rows. */
export interface TrainedTemplate {
  readonly choice: TemplateChoice;
  readonly systemPrompt: string | null;
}

export interface ExportedTemplate {
  /** For `chat_template` of `tokenizer_config.json`. */
  readonly source: string;
  /** Tokens that end an answer; the trained one is first. Never empty. */
  readonly stopIds: readonly number[];
  /** The text of the first stop token. */
  readonly stopToken: string;
  readonly notes: readonly string[];
}

/** The files of an exported model that decide its template. */
export type WrittenTemplate = Pick<OpenModel, "tokenizerJson" | "tokenizerConfig" | "chatTemplate">;

/**
 * Exports a run's template. Asynchronous, because another worker than the one that writes weights renders templates.
 */
export interface TemplateWriter {
  /** See `expressTemplate`. */
  express(): Promise<ExportedTemplate>;
  /** See `requireSameTemplate`. */
  requireSame(written: WrittenTemplate): Promise<void>;
  /** See `tokenizerToGguf`. */
  tokenizer(given: TokenizerToWrite): Promise<WrittenTokenizer>;
}

const user: Message = { role: "user", content: "What is 2 + 2?" };
const assistant: Message = { role: "assistant", content: "It is 4." };
const system: Message = { role: "system", content: "Answer\nbriefly." };
const call: Message = {
  role: "assistant",
  content: "",
  toolCalls: [{ id: "abcdefghi", name: "sum", arguments: { of: [2, 2], as: "a 'whole' \"number\"" } }],
};
const said: Message = { ...call, content: "Let me see." };
const toolResult: Message = { role: "tool", content: "4", toolCallId: "abcdefghi", name: "sum" };
const tools = [
  {
    type: "function",
    function: { name: "sum", description: "Adds.", parameters: { type: "object", properties: {} } },
  },
];

/** Every kind of conversation in which templates differ. A conversation that the template refuses is not compared. */
const trials: readonly Conversation[] = [
  { messages: [user] },
  { messages: [system, user] },
  { messages: [user, assistant] },
  { messages: [system, user, assistant] },
  { messages: [user, assistant, user, assistant] },
  { messages: [system, user, assistant, user] },
  { messages: [system, assistant, user] },
  { messages: [user], tools },
  { messages: [system, user, call, toolResult, assistant], tools },
  { messages: [user, said, toolResult, assistant, user], tools },
];

/**
 * Translates the run's template for other programs. Throws ExportError, with the way out, when no token would stop an
 * answer, or when the output of the Jinja differs from the trained one.
 */
export function expressTemplate({ choice, systemPrompt }: TrainedTemplate, model: TemplateModel): ExportedTemplate {
  const { tokenizer } = model;
  const trained = refusing(() => createTemplate(choice, model));
  const source = refusing(() => templateSource(choice, model, systemPrompt));
  const [first] = trained.stopIds;
  const stopToken = [...tokenizer.addedTokens].find(([, id]) => id === first)?.[0];
  if (stopToken === undefined) {
    throw new ExportError(
      "The merged model was not exported: its template has no stop token, so its answers would never end. Name " +
        "eos_token in the base model's tokenizer_config.json and open it again, or export the adapter.",
    );
  }
  const written = refusing(() => createChatTemplate({ name: "exported", source, tokenizer }));
  requireSame(trained, written, systemPrompt);
  const notes: string[] = [];
  if (trained.endMarker !== "") {
    notes.push(
      `Answers end with the text ${trained.endMarker} before ${stopToken}, because the tokenizer has no token for it: other ` +
        "programs show it at the end of an answer.",
    );
  }
  if (/\bstrftime_now\b/.test(source)) {
    notes.push(
      "The template asks for the date. In training it was always 26 July 2024; other programs use the current date.",
    );
  }
  return { source, stopIds: trained.stopIds, stopToken, notes };
}

/** Throws ExportError unless the template of the written files renders every trial as the run's template does. */
export function requireSameTemplate(
  { choice, systemPrompt }: TrainedTemplate,
  model: TemplateModel,
  { tokenizerJson, tokenizerConfig, chatTemplate }: WrittenTemplate,
): void {
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig);
  const written = createTemplate({ kind: "model" }, { tokenizer, chatTemplate });
  requireSame(createTemplate(choice, model), written, systemPrompt);
}

function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExportError(
      `The merged model was not exported: without its template it would not answer as trained. ${error.message} ` +
        "The adapter, or the base model with another template in a new run, can be exported.",
      { cause: error },
    );
  }
}

/**
 * Throws ExportError unless `written`, which contains its own system prompt, renders every trial as `trained` does with
 * `systemPrompt`, and ends an answer with the same token.
 */
export function requireSame(trained: Template, written: Template, systemPrompt: string | null): void {
  if (written.stopIds[0] !== trained.stopIds[0]) {
    throw different(`ends an answer with token ${written.stopIds[0]}`, `token ${trained.stopIds[0]}`);
  }
  for (const trial of trials) {
    for (const generationPrompt of [false, true]) {
      const wanted = textOf(trained, trial, generationPrompt, systemPrompt);
      if (wanted === null) continue;
      const found = textOf(written, trial, generationPrompt, null);
      if (found !== wanted) throw different(`writes ${JSON.stringify(found)}`, JSON.stringify(wanted));
    }
  }
}

/** The rendered text; null where the template refuses the conversation. */
function textOf(template: Template, trial: Conversation, generationPrompt: boolean, system: string | null) {
  try {
    const { segments } = template.render(trial, { system, generationPrompt });
    return segments.map(({ text }) => text).join("");
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}

const different = (found: string, wanted: string) =>
  new ExportError(
    `The merged model was not exported, because other programs cannot use its template: as a chat_template it ${found}, ` +
      `but in training it was ${wanted}. Export the adapter, or train with another template or without a system prompt.`,
  );
