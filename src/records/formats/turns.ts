/** Reads the prompts and answers in a row's columns: texts, messages or lists of messages. */

import type { Message } from "../example.ts";
import {
  type Field,
  fail,
  fromJson,
  isRow,
  list,
  member,
  nameOf,
  nonBlankText,
  type RowFields,
  text,
  Unusable,
} from "./fields.ts";
import { isJsonOfMessages, readMessage, readMessages } from "./messages.ts";

/** The system prompt in its own column; no message if it is empty. */
export function systemTurn(row: RowFields): Message[] {
  const field = row.optional("system");
  if (field === null) return [];
  const content = text(field);
  return content.trim() === "" ? [] : [{ role: "system", content }];
}

/** The user's message: `instruction` and `input`, joined by a line break. One of them may be empty. */
export function instructionTurn(row: RowFields): Message {
  const instruction = row.required("instruction");
  const input = row.optional("input");
  const texts = [instruction.value === null ? "" : text(instruction), input ? text(input) : ""];
  const content = texts.filter((part) => part !== "").join("\n");
  if (content.trim() === "")
    throw new Unusable(input ? `${instruction.path} and ${input.path} are both empty` : `${instruction.path} is empty`);
  return { role: "user", content };
}

/** The answer to an instruction. */
export function responseTurn(row: RowFields): Message {
  const field = row.required("response");
  const content = text(field);
  if (content.trim() === "") throw new Unusable(`no response: ${field.path} is empty`);
  return { role: "assistant", content };
}

/** Earlier turns as pairs `[user, assistant]`. */
export function historyTurns(row: RowFields): Message[] {
  const field = row.optional("history");
  if (field === null || field.value === "") return [];
  return list(field).flatMap((item): Message[] => {
    const pair = Array.isArray(item.value) ? list(item) : [];
    const [question, answer] = pair;
    if (question === undefined || answer === undefined || pair.length !== 2)
      return fail(item, "is not a pair [user, assistant]");
    return [
      { role: "user", content: nonBlankText(question) },
      { role: "assistant", content: nonBlankText(answer) },
    ];
  });
}

/** A prompt: the user's text, a list of messages, or OpenAI's `{ messages }`. */
export function promptTurns(field: Field): Message[] {
  const value = fromJson(field.value);
  const messages = member({ path: field.path, value }, "messages");
  if (Array.isArray(messages.value)) return readMessages(messages);
  if (Array.isArray(field.value) || isJsonOfMessages(field.value))
    return readMessages({ path: field.path, value: Array.isArray(value) ? value : [value] });
  if (isRow(field.value)) fail(field, `is ${nameOf(field.value)}, not text or a list of messages`);
  return [{ role: "user", content: nonBlankText(field) }];
}

/** An answer: the assistant's text, one message, or a list of messages. */
export function answerTurns(field: Field): Message[] {
  if (Array.isArray(field.value)) return readMessages(field);
  if (isRow(field.value)) return [readMessage(field)];
  if (isJsonOfMessages(field.value)) {
    const value = fromJson(field.value);
    return readMessages({ path: field.path, value: Array.isArray(value) ? value : [value] });
  }
  if (typeof field.value === "string" && field.value.trim() === "")
    throw new Unusable(`no response: ${field.path} is empty`);
  return [{ role: "assistant", content: nonBlankText(field) }];
}
