/** Templates with several generation blocks in an answer. Oracle: the supervised text between ⟦ and ⟧, written by hand. */

import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { weigh } from "../../../src/templates/mask.ts";
import { assistant, failure, tokenizerWith, tool, user, withAnswers } from "./support.ts";

const tokenizer = tokenizerWith(["<|user|>", "<|assistant|>", "<|tool|>", "<|end|>"]);
const open = (source: string) => createChatTemplate({ name: "blocks", source, tokenizer, own: true });

/** A loop over the messages; `answer` writes an assistant's turn after its header. */
const loop = (answer: string) =>
  `{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|assistant|>' }}${answer}{% else %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}`;
const block = (body: string) => `{% generation %}${body}{% endgeneration %}`;
const end = "{{ '<|end|>' }}";

const two = [user("Hi"), assistant("Hello."), user("Bye"), assistant("Bye!")];
const thoughtful = [user("Hi"), assistant("Hello.", { fields: { reasoning_content: "Be kind" } })];
const calling: Message[] = [
  user("Pay."),
  assistant("I will.", { toolCalls: ["a", "b"].map((name) => ({ name, arguments: {} })) }),
  tool("paid"),
  assistant("Paid."),
];
const turns = (first: string, second: string) =>
  `<|user|>Hi<|end|><|assistant|>${first}<|user|>Bye<|end|><|assistant|>${second}`;

const rows: [string, string, readonly Message[], string][] = [
  [
    "two blocks side by side are one span",
    loop(block("{{ m.content }}") + block(end)),
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "two blocks with text between are two spans",
    loop(`${block("{{ m.content }}")} | ${block(end)}`),
    two,
    turns("⟦Hello.⟧ | ⟦<|end|>⟧", "⟦Bye!⟧ | ⟦<|end|>⟧"),
  ],
  [
    "an end token that no block encloses belongs to the last one",
    loop(`${block("{{ m.content[:2] }}")}${block("{{ m.content[2:] }}")}${end}`),
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "reasoning and answer, with the tag between outside of them",
    loop(`<think>${block("{{ m.reasoning_content }}")}</think>${block("{{ m.content }}")}${end}`),
    thoughtful,
    "<|user|>Hi<|end|><|assistant|><think>⟦Be kind⟧</think>⟦Hello.<|end|>⟧",
  ],
  [
    "a block in a macro",
    `{% macro say(text) %}${block(`{{ text }}${end}`)}{% endmacro %}${loop("{{ say(m.content) }}")}`,
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "two macros, one inside the other, each with a block",
    `{% macro stop() %}${block(end)}{% endmacro %}{% macro say(text) %}${block("{{ text }}")}!{{ stop() }}{% endmacro %}${loop("{{ say(m.content) }}")}`,
    two,
    turns("⟦Hello.⟧!⟦<|end|>⟧", "⟦Bye!⟧!⟦<|end|>⟧"),
  ],
  [
    "a block in the body of a call",
    `{% macro wrap() %}({{ caller() }}){% endmacro %}${loop(`{% call wrap() %}${block("{{ m.content }}")}{% endcall %}${block(end)}`)}`,
    two,
    turns("(⟦Hello.⟧)⟦<|end|>⟧", "(⟦Bye!⟧)⟦<|end|>⟧"),
  ],
  [
    "a block in a text that is set and written later",
    loop(`{% set text %}${block("{{ m.content }}")}{% endset %}{{ text }}${block(end)}`),
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "a block for each call, with text between",
    loop(
      `{% if m.tool_calls %}{% for c in m.tool_calls %}${block("{{ c.function.name }}()")}{{ ',' if not loop.last }}{% endfor %}${block(end)}{% else %}${block(`{{ m.content }}${end}`)}{% endif %}`,
    ),
    calling,
    "<|user|>Pay.<|end|><|assistant|>⟦a()⟧,⟦b()<|end|>⟧<|tool|>paid<|end|><|assistant|>⟦Paid.<|end|>⟧",
  ],
  [
    "a loop that breaks after a block",
    loop(
      `{% for c in m.tool_calls or [] %}${block("{{ c.function.name }}()")}{% break %}{% endfor %}${block(`{{ m.content }}${end}`)}`,
    ),
    calling.map((message) => ({ ...message, ...(message.toolCalls && { toolCalls: message.toolCalls.slice(0, 1) }) })),
    "<|user|>Pay.<|end|><|assistant|>⟦a()I will.<|end|>⟧<|tool|>paid<|end|><|assistant|>⟦Paid.<|end|>⟧",
  ],
  [
    "a loop that continues past the last block",
    `{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|assistant|>' }}${block("{{ m.content }}")}${block(end)}{% continue %}{% endif %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endfor %}`,
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "empty blocks before, between and after",
    loop(`${block("")}${block("{{ m.content }}")}${block("")}${block(end)}${block("{{ '' }}")}`),
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "a block in every turn, with text in the assistant's alone",
    `{% for m in messages %}{{ '<|' + m.role + '|>' }}${block(`{% if m.role == 'assistant' %}{{ m.content }}${end}{% endif %}`)}{% if m.role == 'user' %}{{ m.content }}${end}{% endif %}{% endfor %}`,
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "an answer without text, whose end token is all that it has",
    loop(block("{{ m.content }}") + block(end)),
    [user("Hi"), assistant(""), user("Bye"), assistant("Bye!")],
    turns("⟦<|end|>⟧", "⟦Bye!<|end|>⟧"),
  ],
  [
    "blocks around the last answer alone",
    loop(`{% if loop.last %}${block("{{ m.content }}")}${block(end)}{% else %}{{ m.content }}${end}{% endif %}`),
    two,
    turns("Hello.<|end|>", "⟦Bye!<|end|>⟧"),
  ],
  [
    "EOS in a block after the loop",
    `${loop(block(`{{ m.content }}${end}`))}${block("{{ eos_token }}")}`,
    two,
    turns("⟦Hello.<|end|>⟧", "⟦Bye!<|end|></s>⟧"),
  ],
  [
    "a variable that a block sets is not seen after it",
    loop(`${block("{% set x = 'y' %}{{ m.content }}{{ x }}")}{{ x }}${block(end)}`),
    two,
    turns("⟦Hello.y<|end|>⟧", "⟦Bye!y<|end|>⟧"),
  ],
];

test.each(rows)("%s", (_, source, messages, expected) => {
  const { segments, proof } = open(source).render({ messages });
  expect(withAnswers(segments)).toBe(expected);
  expect(proof).toBe("generation tags");
  const { ids, mask, starts, ends, text } = tokenizer.encode(weigh(segments, messages, "responses"));
  const supervised = [...ids.keys()].filter((i) => mask[i] === 1).map((i) => text.slice(starts[i], ends[i]));
  expect(supervised.join("")).toBe([...expected.matchAll(/⟦([^⟧]*)⟧/g)].map(([, answer]) => answer).join(""));
});

describe("blocks that cannot be matched with answers are refused", () => {
  const refused: [string, string][] = [
    ["around a user's message", `{% for m in messages %}${block("{{ m.content }}<|end|>")}{% endfor %}`],
    ["around two turns", `${block(loop(`{{ m.content }}${end}`))}`],
  ];
  test.each(refused)("%s", (_, source) => {
    expect(failure(() => open(source).render({ messages: two })).message).toMatch(/generation tags enclose/);
  });
});
