/** Reads lists of messages in OpenAI's or ShareGPT's form, with tool calls, parts and weights. */

import { type Message, type Role, reasoningFields } from "../example.ts";
import { tooDeep } from "../read/exactJson.ts";
import { isTooDeep } from "../read/parseJson.ts";
import { quote, shortened } from "../read/row.ts";
import { isIndex, memberOf, type Value, withoutNulls } from "../value.ts";
import { writeJson } from "../writeJson.ts";
import { type Content, readContent, readWeight, weightFields } from "./content.ts";
import {
  type Field,
  fail,
  firstMember,
  fromJson,
  isAbsent,
  isRow,
  list,
  member,
  nameOf,
  optionalText,
  type Row,
  text,
  Unusable,
} from "./fields.ts";
import { readCalls, readToolCalls } from "./tools.ts";

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
  const first: unknown = Array.isArray(items) ? items[0] : null;
  if (!isRow(first)) return null;
  if (memberOf(first, "from") != null) return "sharegpt";
  if (memberOf(first, "role") !== undefined) return "openai";
  return memberOf(first, "value") !== undefined ? "sharegpt" : null;
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

/** One message, `{ role, content }` or `{ from, value }`, with all its other fields. */
export function readMessage(field: Field): Message {
  if (!isRow(field.value)) fail(field, `is ${nameOf(field.value)}, not an object`);
  const speaker = speakerOf(field);
  const messageRole = role(speaker);
  const body = contentOf(field, speaker);
  const isCall = typeof speaker.value === "string" && /^(function|tool)_call$/i.test(speaker.value.trim());
  const toolCalls = isCall ? readCalls(body, false) : readToolCalls(field);
  const own = fieldsOfMessage(field.value, field);
  const mayLack = toolCalls.length > 0 || hasReasoning(own);
  const read: Content = isCall ? { content: "" } : readContent(body, messageRole, mayLack);
  const { content, structured, parts, thinking } = read;
  const fields = thinking === undefined || own?.thinking !== undefined ? own : { ...own, thinking };
  const mayBeEmpty = messageRole === "tool" || mayLack || thinking !== undefined;
  if (!mayBeEmpty && content.trim() === "") fail(body, "is empty");
  const ownWeight = readWeight(field);
  const order = orderOf(field.value);
  const name = optionalText(member(field, "name"));
  const toolCallId = optionalText(member(field, "tool_call_id"));
  return {
    role: messageRole,
    content,
    ...(structured !== undefined && { structured }),
    ...(parts && { parts }),
    ...(fields && { fields }),
    ...(order && { order }),
    ...(ownWeight !== null && { weight: ownWeight }),
    ...(name !== "" && { name }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(toolCallId !== "" && { toolCallId }),
  };
}

/** Members of a message that have another place in `Message`. */
const ownPlace = new Set(["role", "from", "content", "value", "text", "tool_calls", "function_call"]);

/** The keys of a message in OpenAI's form, where templates would see them in another order without it; else null. */
function orderOf(message: Row): readonly string[] | null {
  const keys = message instanceof Map ? [...message.keys()] : Object.keys(message);
  let last = 0;
  let isUsual = true;
  for (const key of keys) {
    if (isAbsent(memberOf(message, key))) continue;
    const place = key === "role" ? 0 : key === "content" ? 1 : key === "tool_calls" ? 3 : 2;
    if (place < last || isIndex(key)) isUsual = false;
    last = place;
  }
  const isOther = ["from", "value", "text", "function_call"].some((key) => memberOf(message, key) != null);
  return isUsual || isOther ? null : keys.filter((key) => !isAbsent(memberOf(message, key)));
}

type Fields = Readonly<Record<string, Value>>;

/** Every other member with a value, without null members at any depth; null where there is none. */
function fieldsOfMessage(message: Row, { path }: Field): Fields | null {
  const found: [string, Value][] = [];
  for (const key of message instanceof Map ? message.keys() : Object.keys(message)) {
    if (ownPlace.has(key)) continue;
    const value = memberOf(message, key);
    if (value === undefined || isAbsent(value)) continue;
    if (isTooDeep(value)) fail({ path: `${path}.${shortened(key)}`, value }, `cannot be read: ${tooDeep}`);
    found.push([key, withoutNulls(value)]);
  }
  return found.length > 0 ? Object.fromEntries(found) : null;
}

function hasReasoning(fields: Fields | null): boolean {
  if (fields === null) return false;
  return reasoningFields.some((key) => {
    const reasoning = fields[key];
    return reasoning !== undefined && (typeof reasoning !== "string" || reasoning.trim() !== "");
  });
}

/** What a message has beside its role, its text and its loss weights, as a text to compare; "" where there is nothing. */
export function carriedText({ fields, toolCalls, structured, name, toolCallId }: Message): string {
  const rest = Object.entries(fields ?? {}).filter(([key]) => !weightNames.has(key));
  if (rest.length === 0 && !toolCalls && structured == null && name === undefined && toolCallId === undefined)
    return "";
  return writeJson([Object.fromEntries(rest), toolCalls, structured, name, toolCallId]);
}

const weightNames: ReadonlySet<string> = new Set(weightFields);

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
  return isRow(value) && memberOf(value, key) !== undefined;
}
