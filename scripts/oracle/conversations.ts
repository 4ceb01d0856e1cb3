/** Conversations of every kind that templates treat in ways of their own: reasoning, tools, numbers, white space. */

import type { ChatExample, Message } from "../../src/records/example.ts";
import { ExactNumber, objectOf, type Value } from "../../src/records/value.ts";

export type Spoken = Pick<ChatExample, "messages" | "tools">;

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string, rest: Partial<Message> = {}): Message => ({ role: "assistant", content, ...rest });
const system = (content: string): Message => ({ role: "system", content });

const parameters = {
  type: "object",
  properties: { city: { type: "string", description: "The city's name" }, days: { type: "integer", default: 3 } },
  required: ["city"],
};
const weather: Value = {
  type: "function",
  function: { name: "weather", description: "Forecasts the weather.", parameters },
};
const pay: Value = {
  type: "function",
  function: {
    name: "pay",
    description: "Pays a bill.",
    parameters: {
      type: "object",
      properties: { id: { type: "integer" }, sum: { type: "number" }, to: { type: "string", enum: ["a", "b"] } },
      required: ["id", "sum"],
    },
  },
};

const call = (name: string, args: Value, id: string) => ({ id, name, arguments: args });
const calls = (...toolCalls: NonNullable<Message["toolCalls"]>): Message => ({
  role: "assistant",
  content: "",
  structured: null,
  toolCalls,
});
const result = (content: string, id: string, name: string): Message => ({
  role: "tool",
  content,
  name,
  toolCallId: id,
  fields: { name, tool_call_id: id },
});

const amounts = objectOf([
  ["id", new ExactNumber("9007199254740993")],
  ["sum", new ExactNumber("12.0")],
  ["fee", new ExactNumber("1e-7")],
  ["2", "b"],
  ["1", "a"],
]);

export const conversations: Readonly<Record<string, Spoken>> = {
  "one turn": { messages: [user("Name a bird."), assistant("A wren.")] },
  "a system message": { messages: [system("Be brief."), user("Name a bird."), assistant("A wren.")] },
  "several turns": {
    messages: [
      user("Hi"),
      assistant("Hello."),
      user("And?"),
      assistant("That is all."),
      user("Bye"),
      assistant("Bye!"),
    ],
  },
  "white space": { messages: [user("  And?  \n"), assistant("\n\n    return x\n")] },
  "other scripts": { messages: [user("¿Qué tal? 😀"), assistant("好 – “gut” <b>&amp;</b> 'x'")] },
  "reasoning in its field": {
    messages: [user("Is 91 prime?"), assistant("No.", { fields: { reasoning_content: "91 = 7 × 13." } })],
  },
  "reasoning in each turn": {
    messages: [
      user("Is 7 prime?"),
      assistant("Yes.", { fields: { reasoning_content: "Only 1 and 7 divide it." } }),
      user("And 8?"),
      assistant("No.", { fields: { reasoning_content: "8 = 2 × 4." } }),
    ],
  },
  "reasoning in the content": {
    messages: [
      user("Is 2 prime?"),
      assistant("<think>\nOnly 1 and 2 divide it.\n</think>\n\nYes."),
      user("And 4?"),
      assistant("<think>\n2 × 2\n</think>\n\nNo."),
    ],
  },
  "a tool's call": {
    messages: [
      user("Warm in Oslo?"),
      calls(call("weather", { city: "Oslo", days: 2 }, "c00000001")),
      result("12 degrees", "c00000001", "weather"),
      assistant("It is mild."),
    ],
    tools: [weather],
  },
  "two calls and an empty result": {
    messages: [
      system("Use the tools."),
      user("Oslo and Rome?"),
      {
        ...calls(call("weather", { city: "Oslo" }, "c00000001"), call("weather", { city: "Rome" }, "c00000002")),
        content: "I will look.",
        structured: "I will look.",
      },
      result("", "c00000001", "weather"),
      result('{"degrees": 21.0, "rain": null}', "c00000002", "weather"),
      assistant("Rome is warm."),
      user("Thanks"),
      assistant("You are welcome."),
    ],
    tools: [weather, pay],
  },
  "calls in two turns with reasoning": {
    messages: [
      user("Pay both."),
      { ...calls(call("pay", amounts, "c00000001")), fields: { reasoning_content: "The first bill." } },
      result("paid", "c00000001", "pay"),
      {
        ...calls(call("pay", { id: 2, sum: 0.5, to: "b", exact: true, list: [1, null, "é"] }, "c00000002")),
        fields: { reasoning_content: "The second." },
      },
      result('["paid", 3.0]', "c00000002", "pay"),
      assistant("Both are paid.", { fields: { reasoning_content: "Done." } }),
    ],
    tools: [pay],
  },
  "a call without arguments": {
    messages: [
      user("Time?"),
      calls(call("clock", {}, "c00000001")),
      result("12:00", "c00000001", "clock"),
      assistant("Noon."),
    ],
    tools: [
      {
        type: "function",
        function: { name: "clock", description: "Tells the time.", parameters: { type: "object", properties: {} } },
      },
    ],
  },
};
