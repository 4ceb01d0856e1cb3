/** Reads preference rows: a prompt, a chosen and a rejected answer, each a text, a message or a list of messages. */

import { type Message, reasoningFields } from "../example.ts";
import type { Value } from "../value.ts";
import type { ExampleBody } from "./convert.ts";
import { type Field, type RowFields, Unusable } from "./fields.ts";
import { carriedText, readMessages } from "./messages.ts";
import { toolsOf } from "./tools.ts";
import { answerTurns, instructionTurn, promptTurns, systemTurn } from "./turns.ts";

/**
 * Reads the forms of TRL, ShareGPT and OpenAI (`input: { messages }`, `preferred_output`, `non_preferred_output`). If both
 * answers are lists that begin with the prompt, their common beginning is the prompt. Throws `Unusable`.
 */
export function readPreference(row: RowFields): ExampleBody[] {
  const chosenField = row.required("chosen");
  const rejectedField = row.required("rejected");
  const whole = { chosen: answerTurns(chosenField), rejected: answerTurns(rejectedField) };
  if (same(whole.chosen, whole.rejected))
    throw new Unusable(`${chosenField.path} and ${rejectedField.path} are the same`);
  const shared = beginsWithPrompt(whole.chosen) && beginsWithPrompt(whole.rejected) ? commonLength(whole) : 0;
  const prompt = joinPrompts(givenPrompt(row), whole.chosen.slice(0, shared), chosenField);
  const chosen = whole.chosen.slice(shared);
  const rejected = whole.rejected.slice(shared);
  if (!prompt.some((message) => message.role !== "system"))
    throw new Unusable(
      `no prompt: no column has it, and ${chosenField.path} and ${rejectedField.path} do not begin with it`,
    );
  requireAnswer(chosen, chosenField);
  requireAnswer(rejected, rejectedField);
  if (prompt.some((message, index) => index > 0 && message.role === "system"))
    throw new Unusable("the prompt has a system message after the first");
  return [{ kind: "preference", prompt, chosen, rejected, ...toolsOf(row) }];
}

function requireAnswer(messages: readonly Message[], field: Field): void {
  if (!messages.some((message) => message.role === "assistant"))
    throw new Unusable(`${field.path} has no response at its end`);
  if (messages.some((message) => message.role === "system"))
    throw new Unusable(`${field.path} has a system message after the first`);
}

/** The prompt from its own columns, after the system prompt; empty where the row has none. */
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

function beginsWithPrompt([first]: readonly Message[]): boolean {
  return first?.role === "user" || first?.role === "system";
}

/** Joins the prompt of its column and the one in the answers; equal messages, as in UltraFeedback, come once. */
function joinPrompts(given: readonly Message[], implicit: readonly Message[], chosen: Field): readonly Message[] {
  if (implicit.length === 0) return given;
  const known = new Set(implicit.map((message) => contentOf([message])));
  const rest = given.filter((message) => !known.has(contentOf([message])));
  if (rest.some((message) => message.role !== "system"))
    throw new Unusable(`the prompt differs from the beginning of ${chosen.path}`);
  return [...rest, ...implicit];
}

function commonLength({ chosen, rejected }: { readonly chosen: Message[]; readonly rejected: Message[] }): number {
  const end = Math.min(chosen.length, rejected.length);
  let length = 0;
  while (length < end && same(chosen.slice(length, length + 1), rejected.slice(length, length + 1))) length++;
  return length;
}

/** Whether messages are equal, apart from loss weights. */
function same(a: readonly Message[], b: readonly Message[]): boolean {
  return contentOf(a) === contentOf(b);
}

/** Messages as a text to compare: without loss weights, and without ids that may differ between the two answers. */
function contentOf(messages: readonly Message[]): string {
  return JSON.stringify(
    messages.map((message) => {
      const reasoning = reasoningFields.map((name): [string, Value] => [name, message.fields?.[name] ?? null]);
      return [message.role, message.content, carriedText({ ...message, fields: Object.fromEntries(reasoning) })];
    }),
  );
}
