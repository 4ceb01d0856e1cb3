/** Which texts of a conversation a rendering lacks. */

import type { Message } from "../records/example.ts";
import { entriesOf, isList, isObject, type Value } from "../records/value.ts";
import type { Output } from "./jinja/interpret.ts";
import type { Dropped } from "./template.ts";

/** The message of `Dropped` for tool descriptions, which belong to none. */
const tools = -1;

/** Templates cut a text at these tags and write them themselves. */
const reasoningTags = /<\/?think(?:ing)?>|\[\/?THINK\]/g;

/** Characters that are no white space: templates may strip and indent. Tags of reasoning do not count. */
function inkOf(whole: string): number {
  const text = /think|THINK/.test(whole) ? whole.replace(reasoningTags, "") : whole;
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x20) count++;
  return count;
}

function inkOfValue(value: Value | undefined): number {
  if (typeof value === "string") return inkOf(value);
  if (isList(value)) return value.reduce((sum: number, member) => sum + inkOfValue(member), 0);
  return isObject(value) ? entriesOf(value).reduce((sum, [, member]) => sum + inkOfValue(member), 0) : 0;
}

/**
 * A field is dropped where the output has fewer of its characters than the row, white space aside; a tool call where the output
 * has none of its characters; a number or truth value where the template never reads its name.
 */
export function droppedBy(
  messages: readonly Message[],
  toolList: readonly Value[] | undefined,
  { text, runs }: Output,
  words: ReadonlySet<string>,
): Dropped[] {
  const written = new Map<string, number>();
  const keyOf = (message: number, field: string, part?: number) => `${message} ${part ?? ""} ${field}`;
  for (const { start, end, origin } of runs) {
    const key = keyOf(origin.message ?? tools, origin.field, origin.part);
    written.set(key, (written.get(key) ?? 0) + inkOf(text.slice(start, end)));
  }
  const inkWritten = (message: number, field: string, part?: number) => written.get(keyOf(message, field, part)) ?? 0;
  const dropped: Dropped[] = [];
  if (toolList && toolList.length > 0 && inkOfValue(toolList) > 0 && inkWritten(tools, "tools") === 0)
    dropped.push({ message: tools, field: "tools" });
  messages.forEach((message, index) => {
    const content = message.structured ?? message.content;
    const wanted = inkOfValue(content);
    const found = inkWritten(index, "content");
    if (typeof content === "string" ? found < wanted : wanted > 0 && found === 0)
      dropped.push({ message: index, field: "content" });
    for (const [field, value] of Object.entries(message.fields ?? {})) {
      const ink = inkOfValue(value);
      if (ink > 0 ? inkWritten(index, field) < (typeof value === "string" ? ink : 1) : !words.has(field))
        dropped.push({ message: index, field });
    }
    const lostCall = (message.toolCalls ?? []).some((_, part) => inkWritten(index, "tool_calls", part) === 0);
    if (lostCall) dropped.push({ message: index, field: "tool_calls" });
  });
  return dropped;
}
