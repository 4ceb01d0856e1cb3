/** Reads lists of messages in OpenAI's or ShareGPT's form, with tool calls, parts and weights. */

import type { ContentPart, Message, Role, ToolCall } from "../example.ts";
import { isTooDeep, parseJson, quote, tooDeep } from "../read/row.ts";
import type { Value } from "../value.ts";
import {
  type Field,
  fail,
  firstMember,
  fromJson,
  isRow,
  list,
  member,
  nameOf,
  nonBlankText,
  text,
  Unusable,
  weight,
  whyNoJson,
} from "./fields.ts";

/** Names of each role in files, in lower case. */
const speakers: Readonly<Record<Role, readonly string[]>> = {
  system: ["system", "developer"],
  user: ["user", "human", "prompter"],
  assistant: ["assistant", "gpt", "chatgpt", "bing", "bard", "bot", "model", "ai", "function_call", "tool_call"],
  tool: ["tool", "observation", "function", "function_response", "tool_response", "ipython"],
};

const roleOf: ReadonlyMap<string, Role> = new Map(
  Object.entries(speakers).flatMap(([role, names]) => {
    const key = role === "system" || role === "user" || role === "assistant" ? role : "tool";
    return names.map((name): [string, Role] => [name, key]);
  }),
);

/** The form of a list of messages (or JSON of one); null for other values. */
export function spellingOf(value: unknown): "openai" | "sharegpt" | null {
  const items = fromJson(value);
  if (!Array.isArray(items) || !isRow(items[0])) return null;
  if ("from" in items[0] && items[0].from != null) return "sharegpt";
  if ("role" in items[0]) return "openai";
  return "value" in items[0] ? "sharegpt" : null;
}

/** Whether a text is JSON of messages with known roles, and so not a plain text. */
export function isJsonOfMessages(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const read = fromJson(value);
  const items = Array.isArray(read) ? read : [read];
  return items.length > 0 && items.every((item) => isRow(item) && isMessage({ path: "", value: item }));
}

/** A role by any of its names. Throws `Unusable` for other names. */
export function role(field: Field): Role {
  const name = text(field);
  const known = roleOf.get(name.trim().toLowerCase());
  if (known) return known;
  const shown = field.path.endsWith(".from")
    ? "human, gpt, system, function_call, observation"
    : Object.keys(speakers).join(", ");
  return fail(field, `is ${quote(name)}, but must be one of ${shown}`);
}

/** The messages of a list (or JSON of it), with Hone's roles; drops only an empty system message in front. */
export function readMessages(field: Field): Message[] {
  const items = list(field);
  const first = items[0];
  const isEmpty = first && isRow(first.value) && isEmptySystem(first);
  return (isEmpty ? items.slice(1) : items).map(readMessage);
}

/** One message, `{ role, content }` or `{ from, value }`. */
export function readMessage(field: Field): Message {
  if (!isRow(field.value)) fail(field, `is ${nameOf(field.value)}, not an object`);
  const speaker = speakerOf(field);
  const messageRole = role(speaker);
  const body = contentOf(field, speaker);
  const isCall = typeof speaker.value === "string" && /^(function|tool)_call$/i.test(speaker.value.trim());
  const toolCalls = isCall ? readCalls(body) : readToolCalls(field);
  const { content, parts } =
    isCall || (toolCalls.length > 0 && body.value == null) ? { content: "", parts: null } : readContent(body);
  if (toolCalls.length === 0 && content.trim() === "") fail(body, "is empty");
  const own = readWeight(field);
  const name = optionalText(member(field, "name"));
  const toolCallId = optionalText(member(field, "tool_call_id"));
  return {
    role: messageRole,
    content,
    ...(own !== null && { weight: own }),
    ...(parts && { parts }),
    ...(name !== "" && { name }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(toolCallId !== "" && { toolCallId }),
  };
}

/**
 * Throws `Unusable` unless a conversation has an answer and no system message after the first message. Any other order of
 * roles is allowed, because a template that cannot render it throws.
 */
export function requireChat(messages: readonly Message[], path: string): void {
  if (!messages.some((message) => message.role === "assistant"))
    throw new Unusable(`${path} has no response at its end`);
  if (messages.some((message, index) => index > 0 && message.role === "system"))
    throw new Unusable(`${path} has a system message after the first`);
}

/** Tool descriptions: a list, one object, or JSON text of either. */
export function readTools(field: Field): readonly Value[] {
  if (typeof field.value === "string" && field.value.trim() === "") return [];
  const value = fromJson(field.value);
  if (isTooDeep(value)) fail(field, `cannot be read: ${tooDeep}`);
  if (Array.isArray(value)) return value;
  if (isRow(value)) return [value as Value];
  if (typeof value !== "string") fail(field, `is ${nameOf(value)}, not a list`);
  const why = whyNoJson(value);
  return fail(
    field,
    why.startsWith("is not JSON") ? "is not JSON of a list of tools" : `is not a list of tools: ${why}`,
  );
}

function speakerOf(message: Field): Field {
  return firstMember(message, ["role", "from"]) ?? member(message, has(message, "value") ? "from" : "role");
}

function contentOf(message: Field, speaker: Field): Field {
  const usual = speaker.path.endsWith(".from") ? "value" : "content";
  return firstMember(message, [usual, "content", "value", "text"]) ?? member(message, usual);
}

function isMessage(message: Field): boolean {
  const speaker = speakerOf(message).value;
  if (typeof speaker !== "string" || !roleOf.has(speaker.trim().toLowerCase())) return false;
  return ["content", "value", "tool_calls"].some((key) => has(message, key));
}

function isEmptySystem(message: Field): boolean {
  const speaker = speakerOf(message);
  if (typeof speaker.value !== "string" || roleOf.get(speaker.value.trim().toLowerCase()) !== "system") return false;
  const { value } = contentOf(message, speaker);
  return typeof value === "string" && value.trim() === "";
}

function has({ value }: Field, key: string): boolean {
  return isRow(value) && Object.hasOwn(value, key);
}

/** The text of a message, and its parts if one of them has its own weight. */
function readContent(field: Field): { content: string; parts: ContentPart[] | null } {
  if (!Array.isArray(field.value)) return { content: text(field), parts: null };
  const parts = list(field).map((item): ContentPart => {
    if (typeof item.value === "string") return { text: text(item) };
    if (!isRow(item.value)) fail(item, `is ${nameOf(item.value)}, not a text part`);
    const type = member(item, "type");
    if (type.value != null && !/^((in|out)put_)?text$/.test(text(type)))
      fail(type, `is ${quote(text(type))}: Hone trains on text only`);
    const own = readWeight(item);
    const body = text(firstMember(item, ["text", "value"]) ?? member(item, "text"));
    return own === null ? { text: body } : { text: body, weight: own };
  });
  const weighed = parts.some((part) => part.weight !== undefined);
  return {
    content: parts.map((part) => part.text).join(""),
    parts: weighed ? parts.filter((part) => part.text !== "") : null,
  };
}

/** The first of `weight`, `loss_weight` and `train` (true is 1). */
function readWeight(holder: Field): number | null {
  const own = firstMember(holder, ["weight", "loss_weight", "train"]);
  if (own === null) return null;
  if (own.path.endsWith(".train") && typeof own.value === "boolean") return own.value ? 1 : 0;
  return weight(own);
}

function optionalText(field: Field): string {
  return field.value == null ? "" : text(field);
}

/** The calls in `tool_calls`, or the single `function_call` of older files. */
function readToolCalls(message: Field): ToolCall[] {
  const calls = firstMember(message, ["tool_calls", "function_call"]);
  return calls === null || calls.value === "" ? [] : readCalls(calls);
}

/** One call or a list of calls, as JSON or as JSON text. */
function readCalls(field: Field): ToolCall[] {
  const value = fromJson(field.value);
  if (Array.isArray(value)) return list(field).map(readCall);
  if (isRow(value)) return [readCall({ path: field.path, value })];
  return fail(field, `is ${value === undefined ? "missing" : nameOf(value)}, not a tool call {"name", "arguments"}`);
}

function readCall(field: Field): ToolCall {
  const call = isRow(member(field, "function").value) ? member(field, "function") : field;
  if (!isRow(call.value)) fail(call, `is ${nameOf(call.value)}, not a tool call {"name", "arguments"}`);
  const name = nonBlankText(member(call, "name"));
  const given = member(call, "arguments");
  const id = optionalText(member(field, "id"));
  return { ...(id !== "" && { id }), name, arguments: readArguments(given) };
}

/** Arguments as JSON; files usually have JSON text. Missing ones are an empty object. */
function readArguments(field: Field): Value {
  const { value } = field;
  if (value == null || (typeof value === "string" && value.trim() === "")) return {};
  if (isTooDeep(value)) fail(field, `cannot be read: ${tooDeep}`);
  if (typeof value !== "string") return value as Value;
  const parsed = parseJson(value);
  if ("value" in parsed) return parsed.value;
  return fail(field, parsed.why.startsWith("broken") ? "is not JSON" : `cannot be read: ${parsed.why}`);
}
