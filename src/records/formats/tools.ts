/** Reads tool calls and descriptions of tools, as JSON or as JSON text. */

import type { ToolCall } from "../example.ts";
import { tooDeep } from "../read/exactJson.ts";
import { isTooDeep, parseJson } from "../read/parseJson.ts";
import { entriesOf, objectOf, type Value, withoutNulls } from "../value.ts";
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
  optionalText,
  type Row,
  type RowFields,
  whyNoJson,
} from "./fields.ts";

/** Tool descriptions: a list, one object, JSON text of either, or a list of JSON texts. Null members are absent. */
export function readTools(field: Field): readonly Value[] {
  if (typeof field.value === "string" && field.value.trim() === "") return [];
  const value = fromJson(field.value);
  if (isTooDeep(value)) fail(field, `cannot be read: ${tooDeep}`);
  if (Array.isArray(value)) return value.map((tool) => withoutNulls(fromJson(tool) as Value));
  if (isRow(value)) return [withoutNulls(value)];
  if (typeof value !== "string") fail(field, `is ${nameOf(value)}, not a list`);
  const why = whyNoJson(value);
  return fail(
    field,
    why.startsWith("is not JSON") ? "is not JSON of a list of tools" : `is not a list of tools: ${why}`,
  );
}

/** The calls in `tool_calls`, or the single `function_call` of older files. */
export function readToolCalls(message: Field): ToolCall[] {
  const calls = firstMember(message, ["tool_calls", "function_call"]);
  if (calls === null || calls.value === "") return [];
  return readCalls(calls, calls.path.endsWith(".tool_calls"));
}

/** One call or a list of calls; `keepsWhole` where a template sees the file's own form. */
export function readCalls(field: Field, keepsWhole: boolean): ToolCall[] {
  const value = fromJson(field.value);
  if (Array.isArray(value)) return list(field).map((call) => readCall(call, keepsWhole));
  if (isRow(value)) return [readCall({ path: field.path, value }, keepsWhole)];
  return fail(field, `is ${value === undefined ? "missing" : nameOf(value)}, not a tool call {"name", "arguments"}`);
}

/** A call as `{ function: { name, arguments } }` or `{ name, arguments }`; each object may be JSON text. */
function readCall(field: Field, keepsWhole: boolean): ToolCall {
  const outer = { path: field.path, value: fromJson(field.value) };
  const named = member(outer, "function");
  const inner = { path: named.path, value: fromJson(named.value) };
  const call = isRow(inner.value) ? inner : outer;
  if (!isRow(call.value)) fail(call, `is ${nameOf(call.value)}, not a tool call {"name", "arguments"}`);
  const name = nonBlankText(member(call, "name"));
  const given = readArguments(firstMember(call, ["arguments", "parameters"]) ?? member(call, "arguments"));
  const id = optionalText(member(outer, "id"));
  const standard = { ...(id !== "" && { id }), name, arguments: given };
  if (!keepsWhole || !isRow(outer.value) || !isRow(inner.value)) return standard;
  if (isTooDeep(outer.value)) fail(outer, `cannot be read: ${tooDeep}`);
  return { ...standard, whole: wholeCall(outer.value, inner.value, given) };
}

/** The call with its own members in their order, and with parsed arguments. */
function wholeCall(call: Row, inner: Row, given: Value): Value {
  const parsed = withMember(inner, "arguments", given);
  return withoutNulls(withMember(call, "function", parsed));
}

/** The object with another value of a member, which is added at the end where it is missing. */
function withMember(row: Row, key: string, value: Value): Row {
  const entries = entriesOf(row);
  const isThere = entries.some(([name]) => name === key);
  const changed = entries.map(([name, own]): [string, Value] => [name, name === key ? value : own]);
  return objectOf(isThere ? changed : [...changed, [key, value]]);
}

/** Arguments as JSON; files usually have JSON text. Missing ones are an empty object. */
function readArguments(field: Field): Value {
  const { value } = field;
  if (value == null || (typeof value === "string" && value.trim() === "")) return {};
  if (isTooDeep(value)) fail(field, `cannot be read: ${tooDeep}`);
  if (typeof value !== "string") return withoutNulls(value as Value);
  const parsed = parseJson(value);
  if ("value" in parsed) return withoutNulls(parsed.value);
  return fail(field, parsed.why.startsWith("broken") ? "is not JSON" : `cannot be read: ${parsed.why}`);
}

/** The tools in a row's own column, as a member of its example. */
export function toolsOf(row: RowFields): { readonly tools?: readonly Value[] } {
  const field = row.optional("tools");
  const tools = field ? readTools(field) : [];
  return tools.length > 0 ? { tools } : {};
}
