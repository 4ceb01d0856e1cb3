/** A conversation as transformers gives it to a chat template, and the texts that it holds. */

import type { Message } from "../records/example.ts";

/** A message as transformers gives it to a template. */
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

/** JSON with each of its texts, though not its keys, replaced. */
export function mapTexts(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === "string") return replace(value);
  if (Array.isArray(value)) return value.map((member) => mapTexts(member, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mapTexts(member, replace)]));
}

/** Texts that are never marked: names, and the keys of JSON. */
export function namesOf(messages: readonly Message[], tools: readonly unknown[] | undefined): string[] {
  const keys = (value: unknown): string[] => {
    if (Array.isArray(value)) return value.flatMap(keys);
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, member]) => [key, ...keys(member)]);
  };
  return messages
    .flatMap(({ name, toolCallId, toolCalls = [] }) => [
      name,
      toolCallId,
      ...toolCalls.flatMap((call) => [call.id, call.name, ...keys(call.arguments)]),
    ])
    .filter((text) => text !== undefined)
    .concat(keys(tools));
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
