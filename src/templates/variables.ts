/** A conversation as transformers passes it to a chat template; each text knows the message and the field it comes from. */

import { type Message, reasoningFields, type ToolCall } from "../records/example.ts";
import { ExactNumber, entriesOf, isList, isObject, type Value as RowValue } from "../records/value.ts";
import { isText, type Origin, plain, textFrom } from "./jinja/text.ts";
import { Dict, type Value } from "./jinja/values.ts";

/** A value of a row as Python reads it from JSON. */
export function asPython(value: RowValue, origin: Origin): Value {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return textFrom(value, origin);
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof ExactNumber) return numberOf(value.text);
  if (isList(value)) return value.map((member) => asPython(member, origin));
  return new Dict(entriesOf(value).map(([key, member]) => [textFrom(key, origin), asPython(member, origin)]));
}

/** Python's number for JSON's text: an integer of any size, or a float. */
function numberOf(text: string): bigint | number {
  return /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
}

/** The field that has the message's reasoning; null for none. */
export function reasoningOf({ fields = {} }: Message): { readonly name: string; readonly text: string } | null {
  for (const name of reasoningFields) {
    const text = fields[name];
    if (typeof text === "string" && text !== "") return { name, text };
  }
  return null;
}

/** A name that the template reads, where it does not read the message's own name of its reasoning. */
function aliasOf(own: string, words: ReadonlySet<string>): string | null {
  if (words.has(own)) return null;
  return reasoningFields.find((name) => words.has(name)) ?? null;
}

/** A message as a template sees it. `words`: the names that the template may read. */
export function asVariable(message: Message, index: number, words: ReadonlySet<string>): Dict {
  const { role, content, structured, fields = {}, name, toolCalls, toolCallId } = message;
  const from = (field: string): Origin => ({ message: index, field });
  const dict = new Dict([["role", role]]);
  if (structured === undefined) dict.put("content", textFrom(content, from("content")));
  else if (structured !== null) dict.put("content", asPython(structured, from("content")));
  for (const [key, value] of Object.entries(fields)) {
    if (key !== "role" && key !== "content" && key !== "tool_calls") dict.put(key, asPython(value, from(key)));
  }
  if (name !== undefined && !("name" in fields)) dict.put("name", textFrom(name, from("name")));
  if (toolCallId !== undefined && !("tool_call_id" in fields))
    dict.put("tool_call_id", textFrom(toolCallId, from("tool_call_id")));
  const reasoning = reasoningOf(message);
  const alias = reasoning && aliasOf(reasoning.name, words);
  if (alias) dict.put(alias, textFrom(reasoning.text, from(reasoning.name)));
  if (toolCalls !== undefined) {
    dict.put(
      "tool_calls",
      toolCalls.map((call, part) => asPython(wholeCall(call), { message: index, field: "tool_calls", part })),
    );
  }
  return message.order ? ordered(dict, message.order) : dict;
}

/** The dict with these keys first, as far as it has them. */
function ordered(dict: Dict, order: readonly string[]): Dict {
  const rest = new Map(dict.entries().map(([key, value]) => [isText(key) ? plain(key) : "", value]));
  const first = order.flatMap((key): [string, Value][] => {
    const value = rest.get(key);
    return value !== undefined && rest.delete(key) ? [[key, value]] : [];
  });
  return new Dict([...first, ...rest]);
}

const wholeCall = ({ id, name, arguments: args, whole }: ToolCall): RowValue =>
  whole ?? { type: "function", ...(id !== undefined && { id }), function: { name, arguments: args } };

/** Characters of all texts of a value, keys included. */
export function sizeOf(value: RowValue | undefined): number {
  if (typeof value === "string") return value.length;
  if (isList(value)) return value.reduce((sum: number, member) => sum + sizeOf(member), value.length);
  if (!isObject(value)) return 8;
  return entriesOf(value).reduce((sum, [key, member]) => sum + key.length + sizeOf(member), 0);
}

export const sizeOfMessage = ({ content, structured, fields, toolCalls = [] }: Message): number =>
  content.length +
  (structured ? sizeOf(structured) : 0) +
  (fields ? sizeOf(fields) : 0) +
  toolCalls.reduce((sum, call) => sum + call.name.length + sizeOf(call.whole ?? call.arguments), 0);
