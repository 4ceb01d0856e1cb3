/** A conversation as transformers passes it to a chat template, and all its texts. */

import type { Message } from "../records/example.ts";

/** A message as transformers passes it to a template; `other` maps its texts other than the content. */
export function asVariable(message: Message, content: string, other: (text: string) => string): object {
  const { role, name, toolCalls, toolCallId } = message;
  return {
    role,
    content,
    ...(name !== undefined && { name }),
    ...(toolCalls !== undefined && {
      tool_calls: toolCalls.map((call) => ({
        type: "function",
        ...(call.id !== undefined && { id: call.id }),
        function: { name: call.name, arguments: mapTexts(call.arguments, other) },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

/** Replaces each text of a JSON value, but no key. */
export function mapTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === "string") return replace(value);
  if (Array.isArray(value)) return value.map((member) => mapTexts(member, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mapTexts(member, replace)]));
}

/** Texts that are never marked: names, and the keys of JSON. */
export function namesOf(messages: readonly Message[], tools: readonly unknown[] | undefined): string[] {
  const names: string[] = [];
  const add = (text: string | undefined) => {
    if (text !== undefined) names.push(text);
  };
  const addKeys = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      if (!Array.isArray(value)) names.push(key);
      addKeys(member);
    }
  };
  for (const { name, toolCallId, toolCalls = [] } of messages) {
    add(name);
    add(toolCallId);
    for (const call of toolCalls) {
      add(call.id);
      add(call.name);
      addKeys(call.arguments);
    }
  }
  addKeys(tools);
  return names;
}

/** Every text of a conversation. */
export function textsOf(messages: readonly Message[], tools: readonly unknown[] | undefined): string[] {
  const texts = namesOf(messages, tools);
  const collect = (text: string) => {
    texts.push(text);
    return text;
  };
  for (const message of messages) asVariable(message, collect(message.content), collect);
  mapTexts(tools, collect);
  return texts;
}
