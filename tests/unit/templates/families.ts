/** Templates in the manner of known families, and for each the texts that it must write: files of tests/golden/templates/families. */

import type { Message } from "../../../src/records/example.ts";
import type { Value } from "../../../src/records/value.ts";
import type { Conversation } from "../../../src/templates/template.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer, writing } from "../../support/tokenizers.ts";
import { assistant, system, user } from "./support.ts";

const files = import.meta.glob<string>("../../golden/templates/families/*", {
  query: "?raw",
  import: "default",
  eager: true,
});

const call = (name: string, args: Value, id: string) => ({ id, name, arguments: args });
/** A message of calls alone, whose file has null for the content. */
const calls = (...toolCalls: NonNullable<Message["toolCalls"]>): Message =>
  assistant("", { structured: null, toolCalls });
const result = (content: string, id: string): Message => ({
  role: "tool",
  content,
  toolCallId: id,
  fields: { tool_call_id: id },
});
const described = (name: string, properties: Value): Value => ({
  type: "function",
  function: { name, parameters: { type: "object", properties } },
});

const weather = described("weather", { city: { type: "string" } });
const pay = described("pay", { id: { type: "integer" } });
const step = (nth: number, name: string, thought: string): readonly [Message, Message] => [
  { ...calls(call("pay", { id: nth }, `c0000000${nth}`)), fields: { [name]: thought } },
  result("paid", `c0000000${nth}`),
];
const reasoned = (name: string, second: string) => [
  user("Is 7 prime?"),
  assistant("Yes.", { fields: { [name]: "Only 1 and 7 divide it." } }),
  user("And 8?"),
  assistant(second, { fields: { [name]: "8 = 2 × 4." } }),
];

/** Conversations by the names that the expectations use. */
export const spoken: Readonly<Record<string, Conversation>> = {
  "one turn": { messages: [user("Name a bird."), assistant("A wren.")] },
  "several turns": {
    messages: [system("Be brief."), user("Hi"), assistant("Hello."), user("Bye"), assistant("Bye!")],
  },
  "no thoughts": {
    messages: [system("Be brief. /no_think"), user("Hi"), assistant("Hello."), user("Bye"), assistant("Bye!")],
  },
  "white space": { messages: [user("  And?  \n"), assistant("\n\n    return x  \n"), user("b"), assistant(" c ")] },
  reasoning: { messages: reasoned("reasoning_content", "No.") },
  thinking: { messages: reasoned("thinking", "No.") },
  "reasoning in the content": {
    messages: [
      user("Is 2 prime?"),
      assistant("<think>\nOnly 1 and 2 divide it.\n</think>\n\nYes."),
      user("And 4?"),
      assistant("<think>\n2 × 2\n</think>\n\nNo."),
    ],
  },
  "one call": {
    messages: [
      user("Warm in Oslo?"),
      calls(call("weather", { city: "Oslo" }, "c00000001")),
      result("", "c00000001"),
      assistant("It did not say."),
    ],
    tools: [weather],
  },
  "two calls": {
    messages: [
      user("Oslo and Rome?"),
      {
        ...calls(call("weather", { city: "Oslo" }, "c00000001"), call("weather", { city: "Rome" }, "c00000002")),
        content: "I will look.",
        structured: "I will look.",
      },
      result("", "c00000001"),
      result('{"degrees": 21.0}', "c00000002"),
      assistant("Rome is warm."),
    ],
    tools: [weather],
  },
  "two steps": {
    messages: [
      user("Pay both."),
      ...step(1, "reasoning_content", "The first."),
      ...step(2, "reasoning_content", "The second."),
      assistant("Paid.", { fields: { reasoning_content: "Both." } }),
    ],
    tools: [pay],
  },
  "two steps and a question": {
    messages: [
      user("Pay both."),
      ...step(1, "reasoning_content", "The first."),
      ...step(2, "reasoning_content", "The second."),
      assistant("Paid.", { fields: { reasoning_content: "Both." } }),
      user("Thanks"),
      assistant("Welcome."),
    ],
    tools: [pay],
  },
  "a call at the end": {
    messages: [user("Pay."), ...step(1, "thinking", "The first."), ...step(2, "thinking", "The second.").slice(0, 1)],
    tools: [pay],
  },
  "calls in the content": {
    messages: [
      user("Warm in Oslo?"),
      assistant('<think>\nI must look.\n</think>\n<tool_call>{"city": "Oslo"}</tool_call>'),
      { role: "tool", content: "" },
      assistant("It did not say."),
    ],
    tools: [weather],
  },
};

/** A conversation as a line of a file in OpenAI's form. */
export const lineOf = ({ messages, tools }: Conversation): string =>
  JSON.stringify({
    messages: messages.map(({ role, content, structured, fields, toolCalls }) => ({
      role,
      content: structured === null ? null : content,
      ...fields,
      ...(toolCalls && {
        tool_calls: toolCalls.map(({ id, name, arguments: args }) => ({
          ...{ id, type: "function" },
          function: { name, arguments: args },
        })),
      }),
    })),
    tools,
  });

export interface Expectation {
  readonly conversation: string;
  /** The rendering with its answers between ⟦ and ⟧; or the reason of a refusal. */
  readonly text: string;
  /** "refused" where the template or Hone refuses the conversation. */
  readonly proof: string;
  /** Message and field of each text that the template leaves out, as "1.reasoning_content". */
  readonly dropped: string;
}

export interface Family {
  readonly name: string;
  readonly source: string;
  /** The source with generation tags where its comments `{#<#}` and `{#>#}` stand. */
  readonly tagged: string;
  readonly tokenizer: Tokenizer;
  /** The same tokenizer for a model whose sequences all begin with BOS; null without BOS. */
  readonly adding: Tokenizer | null;
  readonly bos: string | null;
  readonly eos: string;
  readonly stops: readonly string[];
  readonly expected: readonly Expectation[];
}

const file = (name: string) => {
  const text = files[`../../golden/templates/families/${name}`];
  if (text === undefined) throw new Error(`There is no file "${name}".`);
  return text;
};

/** Reads `KEY VALUE` lines, then `=== conversation | proof | dropped` lines, each with its text until the next one. */
function readFamily(name: string): Family {
  const [head = "", ...sections] = file(`${name}.txt`).replace(/\n$/, "").split(/^=== /m);
  const values = new Map(
    head
      .trim()
      .split("\n")
      .map((line) => [line.split(" ")[0], line.split(" ").slice(1)]),
  );
  const of = (key: string) => (values.get(key) ?? []).filter((value) => value !== "none");
  const marked = file(`${of("template")[0] ?? name}.jinja`);
  const [bos = null] = of("bos");
  const [eos = "</s>"] = of("eos");
  const added = new Set([...of("tokens"), ...(bos === null ? [] : [bos]), eos]);
  const { json, config } = byteLevelTokenizer({
    added: [...added].filter((token) => token !== "<s>" && token !== "</s>"),
    bos: "none",
  });
  const next = Math.max(...json.added_tokens.map(({ id }) => id)) + 1;
  const plain = of("plain").map((content, i) => ({ ...json.added_tokens[0], content, special: false, id: next + i }));
  const files = { ...json, added_tokens: [...json.added_tokens, ...plain] };
  const named = { ...config, bos_token: bos, eos_token: eos };
  return {
    name,
    source: marked.replaceAll("{#<#}", "").replaceAll("{#>#}", ""),
    tagged: marked.replaceAll("{#<#}", "{%- generation %}").replaceAll("{#>#}", "{%- endgeneration %}"),
    tokenizer: createTokenizer(files, named),
    adding: bos === null ? null : createTokenizer(writing(files, bos), named),
    bos,
    eos,
    stops: of("stops"),
    expected: sections.map((section, i) => {
      const [title = "", ...lines] = section.split("\n");
      const [conversation = "", proof = "", dropped = ""] = title.split("|").map((part) => part.trim());
      const text = lines.join("\n");
      return { conversation, proof, dropped, text: i === sections.length - 1 ? text : text.replace(/\n$/, "") };
    }),
  };
}

export const families: readonly Family[] = Object.keys(files)
  .filter((path) => path.endsWith(".txt"))
  .map((path) => readFamily(path.replace(/^.*\/|\.txt$/g, "")));
