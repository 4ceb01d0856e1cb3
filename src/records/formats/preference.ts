/** Preference rows: a prompt with a chosen and a rejected answer, each a text, a message, or a list of messages. */

import type { Message } from "../example.ts";
import type { ExampleBody } from "./convert.ts";
import { type Field, type RowFields, Unusable } from "./fields.ts";
import { readMessages } from "./messages.ts";
import { answerTurns, instructionTurn, promptTurns, systemTurn } from "./turns.ts";

/**
 * TRL's and ShareGPT's spelling, and OpenAI's (`input: { messages }`, `preferred_output`, `non_preferred_output`).
 * Where both answers are lists that begin with the prompt, it is their common beginning. Throws `Unusable`.
 */
export function readPreference(row: RowFields): ExampleBody[] {
  const chosenField = row.required("chosen");
  const rejectedField = row.required("rejected");
  const whole = { chosen: answerTurns(chosenField), rejected: answerTurns(rejectedField) };
  if (same(whole.chosen, whole.rejected))
    throw new Unusable(`${chosenField.path} and ${rejectedField.path} are the same`);
  const shared = bringsPrompt(whole.chosen) && bringsPrompt(whole.rejected) ? commonLength(whole) : 0;
  const prompt = joinPrompts(givenPrompt(row), whole.chosen.slice(0, shared), chosenField);
  const chosen = whole.chosen.slice(shared);
  const rejected = whole.rejected.slice(shared);
  if (!prompt.some((message) => message.role !== "system"))
    throw new Unusable(
      `no prompt: no column holds it, and ${chosenField.path} and ${rejectedField.path} are no lists of messages that begin with it`,
    );
  requireAnswer(chosen, chosenField);
  requireAnswer(rejected, rejectedField);
  if (prompt.some((message, index) => index > 0 && message.role === "system"))
    throw new Unusable("the prompt has a system message after the first");
  return [{ kind: "preference", prompt, chosen, rejected }];
}

function requireAnswer(messages: readonly Message[], field: Field): void {
  if (!messages.some((message) => message.role === "assistant"))
    throw new Unusable(`${field.path} has no response at its end`);
  if (messages.some((message) => message.role === "system"))
    throw new Unusable(`${field.path} has a system message after the first`);
}

/** The prompt in columns of its own, a system prompt before it; empty where the row has none. */
function givenPrompt(row: RowFields): Message[] {
  const messages = row.optional("messages");
  const prompt = row.optional("prompt");
  return [
    ...systemTurn(row),
    ...(messages ? readMessages(messages) : []),
    ...(prompt ? promptTurns(prompt) : []),
    ...(row.optional("instruction") ? [instructionTurn(row)] : []),
  ];
}

function bringsPrompt([first]: readonly Message[]): boolean {
  return first?.role === "user" || first?.role === "system";
}

/** The prompt is said once: a column of its own may repeat what both answers begin with, as UltraFeedback's does. */
function joinPrompts(given: readonly Message[], implicit: readonly Message[], chosen: Field): readonly Message[] {
  if (implicit.length === 0) return given;
  const known = new Set(implicit.map((message) => said([message])));
  const rest = given.filter((message) => !known.has(said([message])));
  if (rest.some((message) => message.role !== "system"))
    throw new Unusable(`the prompt and the beginning of ${chosen.path} differ`);
  return [...rest, ...implicit];
}

function commonLength({ chosen, rejected }: { readonly chosen: Message[]; readonly rejected: Message[] }): number {
  const end = Math.min(chosen.length, rejected.length);
  let length = 0;
  while (length < end && same(chosen.slice(length, length + 1), rejected.slice(length, length + 1))) length++;
  return length;
}

/** Whether the same is said by the same, whatever it weighs. */
function same(a: readonly Message[], b: readonly Message[]): boolean {
  return said(a) === said(b);
}

/** Equal for messages in which the same is said by the same. */
function said(messages: readonly Message[]): string {
  return JSON.stringify(messages.map((message) => ({ ...message, weight: undefined, parts: undefined })));
}
