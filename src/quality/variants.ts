/** The examples that a row's example becomes by the settings for reasoning and for conversations of several answers. */

import type { Message } from "../records/example.ts";
import type { ExampleBody } from "../records/formats/convert.ts";
import { reasoningOf } from "../templates/variables.ts";
import type { DataSettings } from "./tokenize.ts";

type ChatBody = Extract<ExampleBody, { kind: "chat" }>;

/** One or more examples, in the order of their answers. Plain text and ready-made text stay as they are. */
export function variantsOf(
  example: ExampleBody,
  settings: Pick<DataSettings, "turns" | "reasoning">,
): readonly ExampleBody[] {
  const inTags = (messages: readonly Message[]) => messages.map(withReasoningInTags);
  if (example.kind === "preference") {
    if (settings.reasoning !== "tags") return [example];
    const { prompt, chosen, rejected } = example;
    return [{ ...example, prompt: inTags(prompt), chosen: inTags(chosen), rejected: inTags(rejected) }];
  }
  if (example.kind !== "chat" || example.ready) return [example];
  const tagged = settings.reasoning === "tags" ? { ...example, messages: inTags(example.messages) } : example;
  return settings.turns === "each" ? answersAlone(tagged) : [tagged];
}

/** Moves the reasoning from its field to the front of the content, as models that reason write it. */
function withReasoningInTags(message: Message): Message {
  const reasoning = message.role === "assistant" ? reasoningOf(message) : null;
  if (!reasoning) return message;
  const { structured: _, fields = {}, parts, content, ...rest } = message;
  const lead = `<think>\n${reasoning.text.trim()}\n</think>\n\n`;
  const { [reasoning.name]: __, ...others } = fields;
  return {
    ...rest,
    content: lead + content,
    ...(parts && { parts: [{ text: lead }, ...parts] }),
    ...(Object.keys(others).length > 0 && { fields: others }),
  };
}

/** An example for each answer with a weight, with the messages up to it; the earlier answers are context. */
function answersAlone(example: ChatBody): readonly ChatBody[] {
  const { messages } = example;
  const answers = [...messages.keys()].filter((i) => messages[i]?.role === "assistant" && isTrained(messages[i]));
  if (answers.length === 0 || (answers.length === 1 && answers[0] === messages.length - 1)) return [example];
  return answers.map((last, nth) => ({
    ...example,
    messages: messages.slice(0, last + 1).map((message, i) => (i === last ? message : asContext(message))),
    ...(answers.length > 1 && { turn: { nth: nth + 1, of: answers.length } }),
  }));
}

const isTrained = (message: Message | undefined): boolean =>
  message !== undefined &&
  (message.weight !== 0 || (message.parts ?? []).some(({ weight }) => weight !== undefined && weight !== 0));

/** The message without a loss weight, where it is an answer: the model reads it and does not learn it. */
export function asContext(message: Message): Message {
  if (message.role !== "assistant") return message;
  const { parts: _, ...rest } = message;
  return { ...rest, weight: 0 };
}
