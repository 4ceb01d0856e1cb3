/** Converts the value of a row to examples by a mapping. */

import type { Example, Message } from "../example.ts";
import { quote } from "../read/row.ts";
import { memberOf } from "../value.ts";
import {
  type Field,
  fail,
  fieldsOf,
  isRow,
  nameOf,
  nonBlankText,
  type RowFields,
  splitOf,
  text,
  Unusable,
  weight,
} from "./fields.ts";
import { rated, readLabel } from "./label.ts";
import type { FormatName, Mapping } from "./mapping.ts";
import { readMessages, requireChat } from "./messages.ts";
import { isFlatReply, readTree } from "./oasst.ts";
import { readPreference } from "./preference.ts";
import { readMarked, readRendered, readyChat } from "./readyRows.ts";
import { recogniseRow } from "./recognise.ts";
import { toolsOf } from "./tools.ts";
import { answerTurns, historyTurns, instructionTurn, promptTurns, responseTurn, systemTurn } from "./turns.ts";

type WithoutOrigin<T> = T extends Example ? Omit<T, "row" | "line"> : never;

/** An example without its place in the file. */
export type ExampleBody = WithoutOrigin<Example>;

/** The examples of a row, usually one, several for a tree of replies; or its problem, without the place. */
export type Converted = { readonly examples: readonly ExampleBody[] } | { readonly problem: string };

/**
 * Returns a function that converts rows by a mapping. It never throws: an unusable row returns a problem that names the field.
 * Texts stay unchanged, white space too, except that lone surrogates become U+FFFD.
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
  rendered: readRendered,
  marked: readMarked,
  columns: readColumns,
};

function readRow(value: unknown, mapping: Mapping): ExampleBody[] {
  const { format } = mapping;
  if (format === "mixed") return readRow(value, recogniseRow(value));
  if (typeof value === "string") {
    const field = { path: "text", value };
    if (format === "text" || (format === "columns" && mapping.columns.text !== undefined))
      return [{ kind: "text", text: nonBlankText(field) }];
    if (format === "rendered" || format === "marked") return [readyChat(field, null, format)];
  }
  if (!isRow(value)) throw new Unusable(`a row must be an object, but this is ${nameOf(value)}`);
  if (format === "oasst" && memberOf(value, mapping.columns.prompt ?? "prompt") === undefined && isFlatReply(value))
    throw new Unusable("the row is a single reply without its tree");
  const row = fieldsOf(value, mapping);
  return withOrigin(readers[format](row), row);
}

/** One instruction and its response, with earlier turns. */
function readAnswer(row: RowFields): ExampleBody[] {
  const response = responseTurn(row);
  return chat(row, [...systemTurn(row), ...historyTurns(row), instructionTurn(row), response]);
}

/** A list of messages; a separate system prompt goes before them, unless they begin with the same one. */
function readChat(row: RowFields): ExampleBody[] {
  const field = row.required("messages");
  const messages = readMessages(field);
  requireChat(messages, field.path);
  return chat(row, withSystem(row, messages, field));
}

/** A prompt and its completion. As in TRL, only the completion is supervised: answers within the prompt get weight 0. */
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
  return chat(row, messages, messages.length - answer.length);
}

function readText(row: RowFields): ExampleBody[] {
  return [{ kind: "text", text: nonBlankText(row.required("text")) }];
}

/** Chooses the reader by the roles that the user assigned. */
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
  if (own) throw new Unusable(`the system prompt differs from the one in ${field.path}`);
  return [system, ...messages];
}

/** `answer`: index of the first message that the row's label rates; by default the answer to the last question. */
function chat(row: RowFields, messages: readonly Message[], answer?: number): ExampleBody[] {
  const body = { kind: "chat", messages, ...toolsOf(row) } as const;
  const wanted = readLabel(row);
  return [wanted === null ? body : rated(body, wanted, answer)];
}

/** Adds the row's category and split to its examples, and scales their weights by the row's. */
function withOrigin(bodies: readonly ExampleBody[], row: RowFields): ExampleBody[] {
  const category = readCategory(row.optional("category"));
  const split = readSplit(row.optional("split"));
  const scale = readScale(row.optional("weight"));
  const origin = { ...(category !== "" && { category }), ...(split && { split }) };
  const scaledAll = (messages: readonly Message[]) => messages.map((message) => scaled(message, scale));
  return bodies.map((body) => {
    if (scale === 1 || body.kind === "text") return { ...body, ...origin };
    if (body.kind === "chat") return { ...body, messages: scaledAll(body.messages), ...origin };
    return { ...body, chosen: scaledAll(body.chosen), rejected: scaledAll(body.rejected), ...origin };
  });
}

function readCategory(field: Field | null): string {
  return field === null ? "" : text(field).trim();
}

function readSplit(field: Field | null): "train" | "validation" | null {
  if (field === null) return null;
  const value = text(field);
  if (value.trim() === "") return null;
  return splitOf(value) ?? fail(field, `is ${quote(value)}, but must be train, validation, dev or test`);
}

/** The weight as a number; tables may write it as text. */
function readScale(field: Field | null): number {
  if (field === null || field.value === "") return 1;
  const { path, value } = field;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return weight({ path, value: Number.isNaN(number) ? value : number });
}

/** Multiplies the weights of an answer and of its parts by the row's weight. */
function scaled(message: Message, scale: number): Message {
  if (message.role !== "assistant") return message;
  const by = (own: number) => weight({ path: "the row's weight times the message's weight", value: own * scale });
  const parts = message.parts?.map((part) => (part.weight === undefined ? part : { ...part, weight: by(part.weight) }));
  return { ...message, weight: by(message.weight ?? 1), ...(parts && { parts }) };
}
