/** 2,000 broken templates: each is opened and renders, or is refused in a sentence of ours, within ten seconds. */

import { expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import type { Value } from "../../../src/records/value.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { weigh } from "../../../src/templates/mask.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { cpuTime } from "../../support/cpuTime.ts";
import { isLong } from "../../support/long.ts";
import { assistant, golden, system, textOf, tokenizerWith, user } from "./support.ts";

const names = ["chatml", "chatml-generation", "qwen", "llama3", "llama3-generation", "gemma", "mistral", "phi3"];
const tokenizer = tokenizerWith([
  ...["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<|user|>", "<|assistant|>"],
  ...["<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]"],
]);

const call = { name: "clock", arguments: { zone: "UTC" } };
const conversations: { messages: Message[]; tools?: Value[] }[] = [
  { messages: [user("Hi"), assistant("Hello")] },
  { messages: [system("Be kind."), user(" Hi\n"), assistant("<think>x</think>Hello"), user("More"), assistant("Yes")] },
  {
    messages: [user("What time?"), assistant("", { toolCalls: [call] })],
    tools: [{ type: "function", function: call }],
  },
  { messages: [] },
];

/** Pieces that break a template, or make it work without end. */
const pieces = [
  ...["{{", "}}", "{%", "%}", "{#", "#}", "-", "(", ")", "[", "]", "'", '"', "|", "~", ".", ",", ":", "=", "\n", "\\"],
  ...[" not ", " and ", " in ", " is ", " if ", " else ", " loop.index ", " 9999999999 ", " -1 ", " none ", "messages"],
  ...["{% for m in messages %}", "{% endfor %}", "{% if messages %}", "{% endif %}", "{% set messages = [] %}"],
  ...["{% for i in range(9999) %}", "{{ messages | tojson }}", " | join(messages)", " | replace('', 'xx')", " | sort"],
  ...["{% macro a() %}{{ a() }}{% endmacro %}", "{{ a() }}", "{% generation %}", "{% endgeneration %}", "[::-1]"],
  ...["{{ raise_exception(messages) }}", " | indent(9999)", ".split('')", "{% break %}", "\ue000", "\ud800"],
];

/** Complete statements, to insert between two tags. */
const statements = [
  "{{ messages | tojson }}",
  "{{ messages | length }}",
  "{% for i in range(999) %}{{ i }}{% endfor %}",
  "{% set messages = messages + messages %}",
  "{% macro a(n) %}{{ a(n) }}{% endmacro %}",
  "{% macro b(n) %}{{ n }}{% endmacro %}{{ b(messages) }}",
  "{% set n = namespace(t='x') %}{% for i in range(30) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
  "{% if messages %}{{ messages[-1].content[::-1] }}{% endif %}",
  "{% filter upper %}a{% endfilter %}",
  "{{ 'a' | indent(9) | replace('', 'b') }}",
  "{# nothing #}",
  "\ue000",
];

function mutated(source: string, random: Random): string {
  let text = source;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(text.length + 1);
    const to = at + random.below(30);
    const piece = pieces[random.below(pieces.length)] ?? "";
    const kind = random.below(10);
    const tag = text.indexOf("{%", at);
    if (kind > 4 && tag !== -1)
      text = text.slice(0, tag) + statements[random.below(statements.length)] + text.slice(tag);
    else if (kind === 0) text = text.slice(0, at) + piece + text.slice(at);
    else if (kind === 1) text = text.slice(0, at) + text.slice(to);
    else if (kind === 2) text = text.slice(0, at) + text.slice(at, to).repeat(1 + random.below(60)) + text.slice(to);
    else if (kind === 3) text = text.slice(0, at) + piece.repeat(random.below(200)) + text.slice(to);
    else text = text.slice(0, at) + text.slice(to) + text.slice(at, to);
  }
  return text;
}

const rawWords =
  /Maximum call stack|too much recursion|Cannot read prop|is not iterable|[a-z]Value\b|\[object |Unexpected token|call stack/;

function expectRefusal(error: unknown, what: string): void {
  expect(error, what).toBeInstanceOf(TemplateError);
  if (!(error instanceof TemplateError)) return;
  expect(error.message.length, `${what}: ${error.message}`).toBeLessThanOrEqual(400);
  expect(error.message, what).not.toMatch(rawWords);
}

// Groups of two hundred templates, so that a failing one is found quickly.
test.each(Array.from({ length: isLong ? 10 : 1 }, (_, i) => i))(
  "two hundred broken templates, %i",
  (nth) => {
    const random = createRandom(14_000 + nth);
    let opened = 0;
    for (let i = 0; i < 200; i++) {
      const source = mutated(golden(names[i % names.length] ?? "chatml"), random);
      const what = `template ${i}`;
      const began = cpuTime();
      try {
        const template = createChatTemplate({ name: "broken", source, tokenizer });
        opened++;
        for (const { messages, tools } of conversations) {
          try {
            const { segments } = template.render({ messages, ...(tools && { tools }) });
            const weighted = weigh(segments, messages, "responses");
            expect(textOf(weighted), what).toBe(textOf(segments));
            for (const { message, answer } of segments) {
              expect(message === null || messages[message] !== undefined, what).toBe(true);
              if (answer) expect(messages[message ?? -1]?.role, what).toBe("assistant");
            }
          } catch (error) {
            expectRefusal(error, what);
          }
        }
      } catch (error) {
        expectRefusal(error, what);
      }
      expect(cpuTime() - began, what).toBeLessThan(5 * 10_000);
    }
    expect(opened).toBeGreaterThan(20);
  },
  600_000,
);
