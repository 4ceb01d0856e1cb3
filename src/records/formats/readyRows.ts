/** Reads rows whose text a chat template rendered already: back into messages, or as it is with its markers. */

import type { Message, ReadyPiece } from "../example.ts";
import type { ExampleBody } from "./convert.ts";
import { type Field, type RowFields, text, Unusable } from "./fields.ts";
import { type ChatBody, rated, readLabel } from "./label.ts";
import { requireChat } from "./messages.ts";
import { type ReadyText, readReady } from "./ready.ts";

export function readRendered(row: RowFields): ExampleBody[] {
  const body = readyChat(row.required("text"), row.optional("response"), "rendered");
  const wanted = readLabel(row);
  return [wanted === null ? body : rated(body, wanted)];
}

export function readMarked(row: RowFields): ExampleBody[] {
  const body = readyChat(row.required("text"), row.optional("response"), "marked");
  if (readLabel(row) === false)
    throw new Unusable(
      "its answer is unwanted, and text with its markers takes only wanted ones; read it back into messages",
    );
  return [body];
}

/**
 * The conversation of a ready-made text. `completion` continues it from another column; as in TRL, only the completion is
 * then supervised. Throws `Unusable`.
 */
export function readyChat(field: Field, completion: Field | null, format: "rendered" | "marked"): ChatBody {
  const prompt = text(field);
  const whole = completion ? prompt + text(completion) : prompt;
  if (whole.trim() === "") throw new Unusable(`${field.path} is empty`);
  const ready = readReady(whole);
  if (ready === null)
    throw new Unusable(
      `${field.path} does not consist of turns that a known template wrote; correct it, or read it as plain text`,
    );
  const messages = completion ? withoutPrompt(ready, prompt.length) : ready.messages;
  requireChat(messages, field.path);
  const { tools, pieces } = ready;
  const body = { kind: "chat", ...(tools && { tools }) } as const;
  if (format === "marked") {
    requireEnds(messages, pieces);
    return { ...body, messages, ready: pieces };
  }
  const [first] = messages;
  // As in lists of messages, an empty system prompt is none.
  const isEmpty = first?.role === "system" && first.content.trim() === "";
  return { ...body, messages: isEmpty ? messages.slice(1) : messages };
}

/** Throws `Unusable` unless a marker ends each supervised answer: the model would not learn to stop. */
function requireEnds(messages: readonly Message[], pieces: readonly ReadyPiece[]): void {
  const ended = new Map<number, boolean>();
  for (const { message, marker, answer, text: own } of pieces)
    if (answer && message !== null) ended.set(message, marker && own.trim() !== "");
  const open = messages.findIndex(({ role, weight }, i) => role === "assistant" && weight !== 0 && !ended.get(i));
  if (open !== -1)
    throw new Unusable(
      `message ${open + 1}, an answer, has no end marker, so the model would not learn to stop; read the text back into messages instead`,
    );
}

/** The messages with weight 0 for what the assistant wrote before position `end` of the text. */
function withoutPrompt({ messages, pieces }: ReadyText, end: number): Message[] {
  /** Where the text of each message begins. */
  const starts = new Map<number, number>();
  let at = 0;
  for (const { text: piece, marker, message } of pieces) {
    if (!marker && message !== null && !starts.has(message)) starts.set(message, at);
    at += piece.length;
  }
  return messages.map((message, i): Message => {
    const start = starts.get(i);
    if (message.role !== "assistant" || start === undefined || start >= end) return message;
    const inPrompt = end - start;
    if (message.toolCalls || inPrompt >= message.content.length) return { ...message, weight: 0 };
    const parts = [{ text: message.content.slice(0, inPrompt), weight: 0 }, { text: message.content.slice(inPrompt) }];
    return { ...message, parts };
  });
}
