/** Examples as rows of chat data: `messages` as OpenAI and Hugging Face write them, which Hone reads back. */

import type { Message, ToolCall } from "../records/example.ts";
import type { ExampleBody } from "../records/formats/convert.ts";
import { objectOf, type Value } from "../records/value.ts";

type Member = readonly [key: string, value: Value | undefined];

const objectWith = (...members: readonly Member[]): Value =>
  objectOf(members.flatMap(([key, value]): [string, Value][] => (value === undefined ? [] : [[key, value]])));

/** The row of an example: a chat's messages with its tools, a text, a prompt with two answers, or one with a rated answer. */
export function exampleValue(example: ExampleBody): Value {
  const { category, split } = example;
  const place: Member[] = [
    ["category", category],
    ["split", split],
  ];
  switch (example.kind) {
    case "text":
      return objectWith(["text", example.text], ...place);
    case "preference": {
      const { chosen, rejected } = example;
      if (chosen.length === 0 || rejected.length === 0) {
        return objectWith(
          ["prompt", example.prompt.map(messageValue)],
          ["completion", [...chosen, ...rejected].map(messageValue)],
          ["label", chosen.length > 0],
          ["tools", example.tools],
          ...place,
        );
      }
      return objectWith(
        ["prompt", example.prompt.map(messageValue)],
        ["chosen", chosen.map(messageValue)],
        ["rejected", rejected.map(messageValue)],
        ["tools", example.tools],
        ...place,
      );
    }
    case "chat":
      return objectWith(["messages", example.messages.map(messageValue)], ["tools", example.tools], ...place);
  }
}

function messageValue(message: Message): Value {
  const { role, weight, name, toolCalls, toolCallId, fields = {} } = message;
  const known: Readonly<Record<string, Value | undefined>> = { weight, name, tool_call_id: toolCallId };
  const added = Object.entries(known).filter(([key]) => !Object.hasOwn(fields, key));
  // A row's weight multiplies those of its messages, so the field may have another number.
  const own = Object.entries(fields).map(([key, value]): Member => [key, key === "weight" ? (weight ?? value) : value]);
  return objectWith(["role", role], ["content", contentValue(message)], ...own, ...added, [
    "tool_calls",
    toolCalls?.map(callValue),
  ]);
}

function contentValue({ content, structured, parts }: Message): Value {
  if (structured !== undefined) return structured;
  return parts?.map(({ text, weight }) => objectWith(["type", "text"], ["text", text], ["weight", weight])) ?? content;
}

function callValue({ id, name, arguments: given, whole }: ToolCall): Value {
  return whole ?? objectWith(["type", "function"], ["id", id], ["function", { name, arguments: given }]);
}
