/** The messages of an example as the preview shows them: text, reasoning, tool calls and other fields. */

import type { PreviewMessage, PreviewTool } from "../protocol/datasets.ts";
import { type Example, type Message, reasoningFields, type ToolCall } from "../records/example.ts";
import { entriesOf, isObject, memberOf, type Value } from "../records/value.ts";
import { writeJson } from "../records/writeJson.ts";
import type { Dropped } from "../templates/template.ts";

/** Spaces of a level in shown JSON. */
export const shownIndent = 2;

/** The messages of an example; plain text is null. */
export function messagesOf(example: Example): readonly Message[] | null {
  if (example.kind === "chat") return example.messages;
  if (example.kind === "text") return null;
  return [...example.prompt, ...example.chosen, ...example.rejected];
}

/** `isContext`: no message has a loss weight, as in a prompt. `dropped`: texts that the template does not write. */
export function previewMessages(
  example: Example,
  { dropped, isContext }: { readonly dropped: readonly Dropped[]; readonly isContext: boolean },
): PreviewMessage[] {
  const messages = messagesOf(example);
  const none = { structured: null, reasoning: null, toolCalls: [], tool: null, fields: [] };
  const droppedIn = (index: number) => dropped.filter(({ message }) => message === index).map(({ field }) => field);
  if (messages === null) {
    const content = example.kind === "text" ? example.text : "";
    return [{ role: null, content, weight: isContext ? 0 : 1, ...none, dropped: droppedIn(0) }];
  }
  return messages.map((message, index) => {
    const { role, content, structured, weight = 1, toolCalls = [] } = message;
    const reasoning = reasoningOf(message);
    return {
      role,
      content,
      weight: role === "assistant" && !isContext ? weight : 0,
      structured: structured == null ? null : writeJson(structured, shownIndent),
      reasoning,
      toolCalls: toolCalls.map((call) => ({
        name: call.name,
        id: call.id ?? null,
        arguments: writeJson(call.arguments, shownIndent),
      })),
      tool: role === "tool" ? toolOf(messages, index) : null,
      fields: Object.entries(message.fields ?? {}).flatMap(([key, value]): [string, string][] =>
        key === reasoning?.key ? [] : [[key, writeJson(value, shownIndent)]],
      ),
      dropped: droppedIn(index),
    };
  });
}

function reasoningOf({ fields = {} }: Message): PreviewMessage["reasoning"] {
  const key = reasoningFields.find((name) => Object.hasOwn(fields, name) && fields[name] !== "");
  const value = key === undefined ? undefined : fields[key];
  if (key === undefined || value === undefined) return null;
  return { key, text: typeof value === "string" ? value : writeJson(value, shownIndent) };
}

/** The tool whose result a message is: by its name, by the id of the call, or by its place after the calls. */
function toolOf(messages: readonly Message[], index: number): string | null {
  const message = messages[index];
  if (message?.name) return message.name;
  const before = messages.slice(0, index);
  const id = message?.toolCallId;
  const named = before.flatMap(({ toolCalls = [] }) => toolCalls).find((call) => id !== undefined && call.id === id);
  if (named) return named.name;
  const caller = before.findLastIndex(({ role }) => role !== "tool");
  const calls: readonly ToolCall[] = before[caller]?.toolCalls ?? [];
  return calls[index - caller - 1]?.name ?? null;
}

/** A tool's description, with its name where it has one: in `function`, as usual, or in itself. */
export function previewTool(tool: Value): PreviewTool {
  const own = isObject(tool) ? memberOf(tool, "function") : undefined;
  const name = [own, tool].flatMap((value) =>
    value !== undefined && isObject(value)
      ? entriesOf(value).flatMap(([key, member]) => (key === "name" && typeof member === "string" ? [member] : []))
      : [],
  )[0];
  return { name: name ?? null, text: writeJson(tool, shownIndent) };
}
