/** From the value of a row to examples, by a mapping: what a format means, and why a row does not fit it. */

import type { Example, Message } from "../example.ts";
import { quote } from "../read/row.ts";
import {
  type Field,
  fail,
  fieldsOf,
  isRow,
  nameOf,
  type RowFields,
  splitOf,
  text,
  Unusable,
  weight,
  written,
} from "./fields.ts";
import type { FormatName, Mapping } from "./mapping.ts";
import { readMessages, readTools, requireChat } from "./messages.ts";
import { isFlatReply, readTree } from "./oasst.ts";
import { readPreference } from "./preference.ts";
import { recogniseRow } from "./recognise.ts";
import { answerTurns, historyTurns, instructionTurn, promptTurns, responseTurn, systemTurn } from "./turns.ts";

type WithoutOrigin<T> = T extends Example ? Omit<T, "row" | "line"> : never;

/** An example that does not know yet where in the file it stands. */
export type ExampleBody = WithoutOrigin<Example>;

/** A row usually gives one example, a tree of replies several; a problem is a sentence without the place. */
export type Converted = { readonly examples: readonly ExampleBody[] } | { readonly problem: string };

/**
 * Reads rows by a mapping. What comes back never throws: a value that cannot be used is a problem that names the field.
 * Texts are kept to the last white space; only a lone surrogate becomes U+FFFD.
 */
export function createConverter(mapping: Mapping): (value: unknown) => Converted {
  return (value) => {
    try {
      return { examples: readRow(value, mapping) };
    } catch (error) {
      if (error instanceof Unusable) return { problem: error.message };
      throw error;
    }
  };
}

const readers: Readonly<Record<Exclude<FormatName, "mixed">, (row: RowFields) => ExampleBody[]>> = {
  alpaca: readAnswer,
  dolly: readAnswer,
  sharegpt: readChat,
  openai: readChat,
  trl: readCompletion,
  flan: readCompletion,
  oasst: (row) => readTree(row.required("prompt")),
  preference: readPreference,
  text: readText,
  columns: readColumns,
};

function readRow(value: unknown, mapping: Mapping): ExampleBody[] {
  const { format } = mapping;
  if (format === "mixed") return readRow(value, recogniseRow(value));
  if (typeof value === "string" && (format === "text" || (format === "columns" && mapping.columns.text !== undefined)))
    return [{ kind: "text", text: written({ path: "text", value }) }];
  if (!isRow(value)) throw new Unusable(`a row is an object, this is ${nameOf(value)}`);
  if (format === "oasst" && !Object.hasOwn(value, mapping.columns.prompt ?? "prompt") && isFlatReply(value))
    throw new Unusable("the row is a single reply, and the tree that it belongs to is not with it");
  const row = fieldsOf(value, mapping);
  return withOrigin(readers[format](row), row);
}

/** One instruction and its response, with earlier turns. */
function readAnswer(row: RowFields): ExampleBody[] {
  const response = responseTurn(row);
  return chat(row, [...systemTurn(row), ...historyTurns(row), instructionTurn(row), response]);
}

/** A list of messages; a system prompt beside it goes before them, unless they bring the same one. */
function readChat(row: RowFields): ExampleBody[] {
  const field = row.required("messages");
  const messages = readMessages(field);
  requireChat(messages, field.path);
  return chat(row, withSystem(row, messages, field));
}

/** A prompt and its completion. The prompt's own answers are context: TRL learns the completion only. */
function readCompletion(row: RowFields): ExampleBody[] {
  const prompt = row.required("prompt");
  const response = row.required("response");
  const context = promptTurns(prompt).map((message): Message => {
    if (message.role !== "assistant") return message;
    const { parts: _, ...rest } = message;
    return { ...rest, weight: 0 };
  });
  const answer = answerTurns(response);
  if (!answer.some(({ role }) => role === "assistant"))
    throw new Unusable(`${response.path} has no response at its end`);
  const messages = withSystem(row, [...context, ...answer], prompt);
  requireChat(messages, prompt.path);
  return chat(row, messages);
}

function readText(row: RowFields): ExampleBody[] {
  return [{ kind: "text", text: written(row.required("text")) }];
}

/** Whatever the roles that the user gave can make together. */
function readColumns(row: RowFields): ExampleBody[] {
  if (row.mapped("chosen") || row.mapped("rejected")) return readPreference(row);
  if (row.mapped("messages")) return readChat(row);
  if (row.mapped("text")) return readText(row);
  if (row.mapped("prompt")) return readCompletion(row);
  return readAnswer(row);
}

function withSystem(row: RowFields, messages: readonly Message[], field: Field): Message[] {
  const [system] = systemTurn(row);
  const own = messages[0]?.role === "system" ? messages[0] : null;
  if (!system || own?.content === system.content) return [...messages];
  if (own) throw new Unusable(`the system prompt and that of ${field.path} differ`);
  return [system, ...messages];
}

function chat(row: RowFields, messages: readonly Message[]): ExampleBody[] {
  const field = row.optional("tools");
  const tools = field ? readTools(field) : [];
  return [{ kind: "chat", messages, ...(tools.length > 0 && { tools }) }];
}

/** Category, split and weight of the row go to each of its examples. */
function withOrigin(bodies: readonly ExampleBody[], row: RowFields): ExampleBody[] {
  const category = readCategory(row.optional("category"));
  const split = readSplit(row.optional("split"));
  const scale = readScale(row.optional("weight"));
  const origin = { ...(category !== "" && { category }), ...(split && { split }) };
  return bodies.map((body) =>
    body.kind === "chat" && scale !== 1
      ? { ...body, messages: body.messages.map((message) => scaled(message, scale)), ...origin }
      : { ...body, ...origin },
  );
}

function readCategory(field: Field | null): string {
  if (field === null) return "";
  return typeof field.value === "number" ? String(field.value) : text(field).trim();
}

function readSplit(field: Field | null): "train" | "validation" | null {
  if (field === null) return null;
  const value = text(field);
  if (value.trim() === "") return null;
  return splitOf(value) ?? fail(field, `is ${quote(value)}, which is none of train, validation, dev, test`);
}

/** Tables hold numbers as text too. */
function readScale(field: Field | null): number {
  if (field === null || field.value === "") return 1;
  const { path, value } = field;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return weight({ path, value: Number.isNaN(number) ? value : number });
}

/** A row's weight scales those of its answers, whole or in parts. */
function scaled(message: Message, scale: number): Message {
  if (message.role !== "assistant") return message;
  const by = (own: number) => weight({ path: "the weight of the row times that of the message", value: own * scale });
  const parts = message.parts?.map((part) => (part.weight === undefined ? part : { ...part, weight: by(part.weight) }));
  return { ...message, weight: by(message.weight ?? 1), ...(parts && { parts }) };
}
