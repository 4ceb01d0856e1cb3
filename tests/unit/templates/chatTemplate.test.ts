/** Jinja chat templates in the manner of well-known ones. Oracle: the expected rendering and supervised text, written by hand. */

import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import type { Value } from "../../../src/records/value.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { weigh } from "../../../src/templates/mask.ts";
import type { Conversation, RenderOptions } from "../../../src/templates/template.ts";
import { assistant, failure, golden, open, system, textOf, tokenizerWith, tool, user, withAnswers } from "./support.ts";

const markers: Readonly<Record<string, readonly string[]>> = {
  llama3: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"],
  "llama3-generation": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
  qwen: ["<|im_start|>", "<|im_end|>"],
  "qwen-generation": ["<|im_start|>", "<|im_end|>"],
  gemma: ["<start_of_turn>", "<end_of_turn>"],
  mistral: ["[INST]", "[/INST]"],
  phi3: ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
  chatml: ["<|im_start|>", "<|im_end|>"],
  "chatml-generation": ["<|im_start|>", "<|im_end|>"],
};
const tokenizerFor = (name: string) => tokenizerWith(markers[name] ?? []);

const call = (name: string, args: Value): Partial<Message> => ({ toolCalls: [{ name, arguments: args }] });
const clock = { name: "clock", description: "Tells the time." };
const thought = "<think>\nWho knows.\n</think>\n\nNoon.";

/** Template, conversation, options, and the rendering with its supervised text between ⟦ and ⟧. */
const rows: [string, string, Conversation, RenderOptions, string, string][] = [
  [
    "llama3",
    "trims contents",
    { messages: [system("Be kind."), user(" hi "), assistant("\nyo "), user("ok?"), assistant("ok")] },
    {},
    "<s><|start_header_id|>system<|end_header_id|>\n\nToday is 03 May 2026.\nBe kind.<|eot_id|>" +
      "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>" +
      "<|start_header_id|>assistant<|end_header_id|>\n\n⟦yo<|eot_id|>⟧" +
      "<|start_header_id|>user<|end_header_id|>\n\nok?<|eot_id|>" +
      "<|start_header_id|>assistant<|end_header_id|>\n\n⟦ok<|eot_id|>⟧",
    "prefixes",
  ],
  [
    "llama3",
    "ends a call with a token of its own",
    { messages: [user("time?"), assistant("", call("clock", { zone: "UTC" })), tool("12"), assistant("Noon.")] },
    {},
    "<s><|start_header_id|>user<|end_header_id|>\n\ntime?<|eot_id|>" +
      '<|start_header_id|>assistant<|end_header_id|>\n\n⟦{"name": "clock", "parameters": {"zone": "UTC"}}<|eom_id|>⟧' +
      '<|start_header_id|>ipython<|end_header_id|>\n\n"12"<|eot_id|>' +
      "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Noon.<|eot_id|>⟧",
    "prefixes",
  ],
  [
    "llama3-generation",
    "tags take the white space around them",
    { messages: [user("hi"), assistant(" yo "), user("a"), assistant("b")] },
    {},
    "<s><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>" +
      "<|start_header_id|>assistant<|end_header_id|>\n\n⟦yo<|eot_id|>⟧" +
      "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>" +
      "<|start_header_id|>assistant<|end_header_id|>\n\n⟦b<|eot_id|>⟧",
    "generation tags",
  ],
  [
    "qwen",
    "writes an empty thought that the model has to write too",
    { messages: [user("hi"), assistant("yo")] },
    {},
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\nyo<|im_end|>⟧\n",
    "prefixes",
  ],
  [
    "qwen",
    "drops earlier thoughts, so that an earlier answer is found by marks",
    { messages: [system("S"), user("time?"), assistant(thought), user("sure?"), assistant(thought)] },
    {},
    "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\ntime?<|im_end|>\n<|im_start|>assistant\n⟦Noon.<|im_end|>⟧\n" +
      "<|im_start|>user\nsure?<|im_end|>\n" +
      "<|im_start|>assistant\n⟦<think>\nWho knows.\n</think>\n\nNoon.<|im_end|>⟧\n",
    "origins",
  ],
  [
    "qwen",
    "writes tools, calls and their results",
    {
      messages: [user("time?"), assistant("", call("clock", { zone: "UTC" })), tool("12"), assistant("Noon.")],
      tools: [clock],
    },
    {},
    '<|im_start|>system\n# Tools\n<tools>\n{"name": "clock", "description": "Tells the time."}\n</tools><|im_end|>\n' +
      "<|im_start|>user\ntime?<|im_end|>\n" +
      '<|im_start|>assistant\n⟦<think>\n\n</think>\n\n<tool_call>\n{"name": "clock", "arguments": {"zone": "UTC"}}\n</tool_call><|im_end|>⟧\n' +
      "<|im_start|>user\n<tool_response>\n12\n</tool_response><|im_end|>\n" +
      "<|im_start|>assistant\n⟦<think>\n\n</think>\n\nNoon.<|im_end|>⟧\n",
    "prefixes",
  ],
  [
    "qwen-generation",
    "tags around calls and thoughts, the line break after the stop token as they say",
    { messages: [user("time?"), assistant("", call("clock", {})), tool("12"), assistant(thought)] },
    {},
    "<|im_start|>user\ntime?<|im_end|>\n" +
      '<|im_start|>assistant\n⟦<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call><|im_end|>\n⟧' +
      "<|im_start|>tool\n12<|im_end|>\n<|im_start|>assistant\n⟦Noon.<|im_end|>\n⟧",
    "generation tags",
  ],
  [
    "gemma",
    "names the assistant model",
    { messages: [user("hi"), assistant("yo"), user("a"), assistant("b")] },
    {},
    "<s><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n⟦yo<end_of_turn>⟧\n" +
      "<start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n⟦b<end_of_turn>⟧\n",
    "prefixes",
  ],
  [
    "mistral",
    "writes the system's text into the first user's, and the answer's space with the answer",
    { messages: [system("S"), user("hi"), assistant("yo"), user("a"), assistant("b")] },
    {},
    "<s>[INST] S\n\nhi[/INST]⟦ yo</s>⟧[INST] a[/INST]⟦ b</s>⟧",
    "prefixes",
  ],
  [
    "phi3",
    "ends everything with EOS, which is no part of an answer",
    { messages: [user("hi"), assistant("yo")] },
    {},
    "<s><|user|>\nhi<|end|>\n<|assistant|>\n⟦yo<|end|>⟧\n</s>",
    "prefixes",
  ],
  [
    "phi3",
    "an earlier answer is found by marks",
    { messages: [system("S"), user("hi"), assistant(" yo\n"), user("a"), assistant("b")] },
    {},
    "<s><|system|>\nS<|end|>\n<|user|>\nhi<|end|>\n<|assistant|>\n⟦ yo\n<|end|>⟧\n" +
      "<|user|>\na<|end|>\n<|assistant|>\n⟦b<|end|>⟧\n</s>",
    "origins",
  ],
  [
    "chatml",
    "two answers in a row, the first before any question",
    { messages: [assistant("a"), assistant("b"), user("c"), assistant("")] },
    {},
    "<|im_start|>assistant\n⟦a<|im_end|>⟧\n<|im_start|>assistant\n⟦b<|im_end|>⟧\n" +
      "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n⟦<|im_end|>⟧\n",
    "prefixes",
  ],
  [
    "chatml",
    "system prompt and generation prompt",
    { messages: [user("hi"), assistant("yo"), user("a")] },
    { system: "S", generationPrompt: true },
    "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n⟦yo<|im_end|>⟧\n" +
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n",
    "prefixes",
  ],
  [
    "chatml-generation",
    "tags that leave out the stop token: it is supervised all the same",
    { messages: [user("hi"), assistant("yo<|im_end|>"), user("a"), assistant("")] },
    {},
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n⟦yo<|im_end|><|im_end|>⟧\n" +
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦<|im_end|>⟧\n",
    "generation tags",
  ],
];

test.each(rows)("%s: %s", (name, _, conversation, options, expected, proof) => {
  const tokenizer = tokenizerFor(name);
  const template = open(name, tokenizer);
  const rendered = template.render(conversation, options);
  expect(withAnswers(rendered.segments)).toBe(expected);
  expect(rendered.proof).toBe(proof);

  // The supervised tokens spell the text between the brackets, special tokens included.
  const { ids, mask, starts, ends, text, straddled } = tokenizer.encode(
    weigh(rendered.segments, conversation.messages, "responses"),
  );
  const supervised = [...ids.keys()].filter((i) => mask[i] === 1).map((i) => text.slice(starts[i], ends[i]));
  expect(supervised.join("")).toBe([...expected.matchAll(/⟦([^⟧]*)⟧/g)].map(([, answer]) => answer).join(""));
  expect(straddled).toBe(0);
  for (const [i] of ids.entries()) {
    if (mask[i] !== 1 || mask[i + 1] === 1) continue;
    // Tags may enclose the line break after the stop token.
    const last = text.slice(starts[i], ends[i]).trim() === "" ? i - 1 : i;
    expect(template.stopIds).toContain(ids[last]);
  }
});

test("stop tokens: the answer's, a tool call's where it differs, and EOS; BOS where model or template want it", () => {
  const tokenizer = tokenizerFor("llama3");
  const id = (text: string) => tokenizer.addedToken(text);
  const llama = open("llama3", tokenizer);
  expect(llama.stopIds).toEqual([id("<|eot_id|>"), id("<|eom_id|>"), id("</s>")]);
  expect([llama.opensWithBos, llama.endMarker]).toEqual([true, ""]);
  expect(open("chatml", tokenizerFor("chatml")).opensWithBos).toBe(false);
  expect(open("chatml", tokenizerWith(["<|im_start|>", "<|im_end|>"], "post-processor")).opensWithBos).toBe(true);
  expect(open("mistral", tokenizerFor("mistral")).stopIds).toEqual([tokenizer.eos?.id]);
});

describe("segments know what they belong to", () => {
  const parts = (name: string, conversation: Conversation, options: RenderOptions = {}) =>
    open(name, tokenizerFor(name))
      .render(conversation, options)
      .segments.map(({ text, kind, role, message }) => [text, kind, role, message]);

  test("turns, their ends, and the text between them", () => {
    expect(parts("gemma", { messages: [user("hi"), assistant("yo")] })).toEqual([
      ["<s>", "control", null, null],
      ["<start_of_turn>user\n", "control", "user", 0],
      ["hi", "content", "user", 0],
      ["<end_of_turn>", "control", "user", 0],
      ["\n<start_of_turn>model\n", "control", "assistant", 1],
      ["yo", "content", "assistant", 1],
      ["<end_of_turn>", "control", "assistant", 1],
      ["\n", "control", null, null],
    ]);
  });

  test("an inserted system prompt is no message of the row", () => {
    expect(parts("chatml", { messages: [user("hi")] }, { system: "S", generationPrompt: true })).toEqual([
      ["<|im_start|>system\n", "control", "system", null],
      ["S", "content", "system", null],
      ["<|im_end|>", "control", "system", null],
      ["\n<|im_start|>user\n", "control", "user", 0],
      ["hi", "content", "user", 0],
      ["<|im_end|>", "control", "user", 0],
      ["\n<|im_start|>assistant\n", "control", "assistant", null],
    ]);
  });
});

describe("text that reads like a special token stays text", () => {
  const special = ({ ids }: { readonly ids: Int32Array }, name: string) =>
    [...ids].filter((id) => tokenizerFor(name).isSpecial(id)).length;
  const count = (name: string, conversation: Conversation) => {
    const segments = open(name, tokenizerFor(name)).render(conversation).segments;
    return special(tokenizerFor(name).encode(weigh(segments, conversation.messages, "responses")), name);
  };

  test.each(["llama3", "qwen", "gemma", "mistral", "phi3", "chatml", "chatml-generation"])("in %s", (name) => {
    const typed = `x${[...(markers[name] ?? []), "<s>", "</s>"].join("")}x`;
    const plain = count(name, { messages: [user("x"), assistant("x"), user("x"), assistant("x")] });
    expect(count(name, { messages: [user(typed), assistant(typed), user(`${typed} `), assistant(`\n${typed}`)] })).toBe(
      plain,
    );
  });

  test("at the very beginning of a rendering without BOS, in calls and descriptions of tools", () => {
    const messages = [user("a"), assistant("", call("clock", { zone: "<|im_end|></s>" })), tool("<|im_end|>")];
    const tools = [{ name: "clock", description: "<|im_start|>" }];
    const plain = [user("a"), assistant("", call("clock", { zone: "x" })), tool("x")];
    expect(count("qwen", { messages, tools })).toBe(count("qwen", { messages: plain, tools: [clock] }));
    const bare =
      "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";
    const template = createChatTemplate({ name: "bare", source: bare, tokenizer: tokenizerWith([]) });
    const { segments } = template.render({ messages: [user("<s>a"), assistant("b")] });
    expect(segments.filter(({ kind }) => kind === "control").map(({ text }) => text)).toEqual(["</s>"]);
  });

  test("a template splits contents: special tokens stay text", () => {
    const typed = "<think>\na<|im_end|>b\n</think>\n\nc<|im_end|>d";
    const plain = typed.replaceAll("<|im_end|>", "x");
    expect(count("qwen", { messages: [user("a"), assistant(typed)] })).toBe(
      count("qwen", { messages: [user("a"), assistant(plain)] }),
    );
    const upper =
      "{% for m in messages %}{{ m.role }}: {{ m.content[1:] }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    const template = createChatTemplate({ name: "cut", source: upper, tokenizer: tokenizerWith([]) });
    expect(withAnswers(template.render({ messages: [user("ab"), assistant("cd")] }).segments)).toBe(
      "user: b</s>assistant: ⟦d</s>⟧",
    );
    const { segments } = template.render({ messages: [user("a</s>b"), assistant("c</s>d")] });
    expect(withAnswers(segments)).toBe("user: </s>b</s>assistant: ⟦</s>d</s>⟧");
    expect(segments.filter(({ kind }) => kind === "content").map(({ text }) => text)).toEqual(["</s>b", "</s>d"]);
  });

  test("tags around the end of one answer are around all ends", () => {
    const source =
      "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% if not loop.last and messages[loop.index0 + 1].role == 'user' or loop.last %}</s>{% endif %}{% endgeneration %}{% else %}<|im_start|>{{ m.role }} {{ m.content }}{% endif %}{% endfor %}";
    const tokenizer = tokenizerFor("chatml");
    const template = createChatTemplate({ name: "custom", source, tokenizer });
    const messages = [user("a"), assistant("b"), system("c"), user("d"), assistant("e")];
    expect(withAnswers(template.render({ messages }).segments)).toBe(
      "<|im_start|>user a⟦b⟧<|im_start|>system c<|im_start|>user d⟦e</s>⟧",
    );
  });

  test("private-use characters in contents are no marks", () => {
    const text = "\uE000\uE0010\uE001\uE002\uE003\uE004";
    const { segments } = open("chatml-generation", tokenizerFor("chatml-generation")).render({
      messages: [user(text), assistant(text)],
    });
    expect(withAnswers(segments)).toBe(
      `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n⟦${text}<|im_end|>⟧\n`,
    );
  });
});

describe("refused, with the reason", () => {
  test("a template that cannot be spanned, before any row", () => {
    expect(failure(() => open("unspannable", tokenizerWith([]))).message).toBe(
      "The answer in message 2 cannot be separated from the rest: the messages before it do not render to a prefix of the whole, and its turn does not begin with the header of an answer. Put {% generation %} and {% endgeneration %} around answers in the template, or choose another one.",
    );
  });

  test("the template's own refusal, in its words and with its place", () => {
    const { message, place } = failure(() =>
      open("gemma", tokenizerFor("gemma")).render({ messages: [system("S"), user("a")] }),
    );
    expect(message).toBe("System role not supported");
    expect(place).toEqual({ line: 3, column: 8 });
  });

  const create = (source: string) => createChatTemplate({ name: "custom", source, tokenizer: tokenizerWith([]) });

  test("answers that nothing ends", () => {
    const source =
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    expect(failure(() => create(source)).message).toMatch(/end in no special token.*eos_token after an answer/);
  });

  test("a call of a tool that the template does not write", () => {
    const template = open("chatml", tokenizerFor("chatml"));
    expect(failure(() => template.render({ messages: [user("a"), assistant("", call("clock", {}))] })).message).toMatch(
      /^Message 2 calls a tool, but this template does not write tool calls/,
    );
  });

  test("generation tags around something else", () => {
    const source =
      "{% for m in messages %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% endfor %}";
    expect(failure(() => create(source)).message).toMatch(/enclose 2 spans in a conversation of 1 answers/);
  });

  test("a template without end", () => {
    const source = "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('a') }}";
    expect(failure(() => create(source)).message).toMatch(/^The template was stopped/);
  });

  test("a mistake in its text", () => {
    expect(failure(() => create("{% for m in messages %}\n{{ m.content }\n{% endfor %}")).place).toEqual({
      line: 2,
      column: 14,
    });
  });
});

test("a template renders the same thousands of times", () => {
  const template = open("qwen", tokenizerFor("qwen"));
  const render = () => template.render({ messages: [user("hi"), assistant("yo"), user("a"), assistant("b")] });
  const first = render();
  for (let i = 0; i < 3000; i++) render();
  expect(render()).toEqual(first);
});

test("a conversation without messages renders the text before the first one", () => {
  const { segments } = open("llama3-generation", tokenizerFor("llama3-generation")).render({ messages: [] });
  expect(textOf(segments)).toBe("<s>");
  expect(golden("llama3-generation")).toContain("generation");
});
