/** The built-in templates. Oracles: DOMAIN.md's exact text of Hone's form, and the published forms of the others, by hand. */

import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import type { BuiltInTemplate } from "../../../src/templates/choice.ts";
import { createTemplate, suggestTemplate, templateTitles } from "../../../src/templates/choose.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer, sentencePieceTokenizer, writing } from "../../support/tokenizers.ts";
import { assistant, golden, system, textOf, tokenizerWith, tool, user, withAnswers } from "./support.ts";

const markers: Readonly<Record<BuiltInTemplate, readonly string[]>> = {
  hone: ["<|end|>"],
  chatml: ["<|im_start|>", "<|im_end|>"],
  llama3: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
  zephyr: [],
  alpaca: [],
  gemma: ["<start_of_turn>", "<end_of_turn>"],
  phi3: ["<|user|>", "<|assistant|>", "<|end|>", "<|placeholder1|>"],
  mistral: ["[INST]", "[/INST]"],
  plain: [],
};
const open = (name: BuiltInTemplate, bos: "post-processor" | "none" = "none", added = markers[name]) =>
  createTemplate({ kind: "built-in", name }, { tokenizer: tokenizerWith(added, bos), chatTemplate: null });

const chat = [system("S"), user("a"), assistant("b"), user("c"), assistant("d")];
const calls: Partial<Message> = { toolCalls: [{ name: "clock", arguments: { zone: "</s>" } }] };
const withTool = [user("a"), assistant("b", calls), tool("12"), assistant("c")];
const callText = '{"name":"clock","arguments":{"zone":"</s>"}}';

/** The rendering of a chat with a system message, then of one with a tool; answers stand between ⟦ and ⟧. */
const rows: [BuiltInTemplate, string, string][] = [
  [
    "hone",
    "<|system|>S<|end|>\n<|user|>a<|end|>\n<|assistant|>⟦b<|end|>⟧\n<|user|>c<|end|>\n<|assistant|>⟦d<|end|>⟧",
    `<|user|>a<|end|>\n<|assistant|>⟦b\n${callText}<|end|>⟧\n<|tool|>12<|end|>\n<|assistant|>⟦c<|end|>⟧`,
  ],
  [
    "chatml",
    "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦b<|im_end|>⟧\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n⟦d<|im_end|>⟧",
    `<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦b\n${callText}<|im_end|>⟧\n<|im_start|>tool\n12<|im_end|>\n<|im_start|>assistant\n⟦c<|im_end|>⟧`,
  ],
  [
    "llama3",
    "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n⟦b<|eot_id|>⟧<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n⟦d<|eot_id|>⟧",
    `<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n⟦b\n${callText}<|eot_id|>⟧<|start_header_id|>ipython<|end_header_id|>\n\n12<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n⟦c<|eot_id|>⟧`,
  ],
  [
    "zephyr",
    "<|system|>\nS</s>\n<|user|>\na</s>\n<|assistant|>\n⟦b</s>⟧\n<|user|>\nc</s>\n<|assistant|>\n⟦d</s>⟧",
    `<|user|>\na</s>\n<|assistant|>\n⟦b\n${callText}</s>⟧\n<|tool|>\n12</s>\n<|assistant|>\n⟦c</s>⟧`,
  ],
  [
    "alpaca",
    "S\n\n### Instruction:\na\n\n### Response:\n⟦b</s>⟧\n\n### Instruction:\nc\n\n### Response:\n⟦d</s>⟧",
    `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\na\n\n### Response:\n⟦b\n${callText}</s>⟧\n\n### Input:\n12\n\n### Response:\n⟦c</s>⟧`,
  ],
  [
    "gemma",
    "<start_of_turn>user\nS\n\na<end_of_turn>\n<start_of_turn>model\n⟦b<end_of_turn>⟧\n<start_of_turn>user\nc<end_of_turn>\n<start_of_turn>model\n⟦d<end_of_turn>⟧",
    `<start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n⟦b\n${callText}<end_of_turn>⟧\n<start_of_turn>user\n12<end_of_turn>\n<start_of_turn>model\n⟦c<end_of_turn>⟧`,
  ],
  [
    "phi3",
    "<|system|>\nS<|end|>\n<|user|>\na<|end|>\n<|assistant|>\n⟦b<|end|>⟧\n<|user|>\nc<|end|>\n<|assistant|>\n⟦d<|end|>⟧",
    `<|user|>\na<|end|>\n<|assistant|>\n⟦b\n${callText}<|end|>⟧\n<|tool|>\n12<|end|>\n<|assistant|>\n⟦c<|end|>⟧`,
  ],
  [
    "mistral",
    "[INST] S\n\na [/INST]⟦ b</s>⟧[INST] c [/INST]⟦ d</s>⟧",
    `[INST] a [/INST]⟦ b\n${callText}</s>⟧[INST] 12 [/INST]⟦ c</s>⟧`,
  ],
  ["plain", "S\na\n⟦b</s>⟧\nc\n⟦d</s>⟧", `a\n⟦b\n${callText}</s>⟧\n12\n⟦c</s>⟧`],
];

describe.each(rows)("%s", (name, plain, tooled) => {
  const template = open(name);

  test("writes a chat, and supervises the answers with their end markers", () => {
    const rendered = template.render({ messages: chat });
    expect(withAnswers(rendered.segments)).toBe(plain);
    expect(rendered.proof).toBe("structure");
    expect(template.name).toBe(templateTitles[name]);
    expect(template.endMarker).toBe("");
  });

  test("writes a tool's result, and its call as JSON that stays text", () => {
    const { segments } = template.render({ messages: withTool });
    expect(withAnswers(segments)).toBe(tooled);
    expect(segments.find(({ text }) => text === callText)).toMatchObject({ kind: "content", message: 1, answer: true });
  });

  test("BOS comes first where the model wants it", () => {
    const wanting = open(name, "post-processor");
    expect(wanting.opensWithBos).toBe(true);
    expect(template.opensWithBos).toBe(false);
    expect(textOf(wanting.render({ messages: chat }).segments)).toBe(`<s>${plain.replaceAll(/[⟦⟧]/g, "")}`);
  });

  test("each segment of a message names it, and its texts are the message's", () => {
    const { segments } = template.render({ messages: chat });
    chat.forEach((message, index) => {
      const own = segments.filter((segment) => segment.message === index && segment.kind === "content");
      expect(own.map(({ text, role }) => [text, role])).toEqual([[message.content, message.role]]);
    });
  });

  test("the generation prompt is the beginning of the answered chat", () => {
    const whole = textOf(template.render({ messages: chat }).segments);
    for (const count of [2, 4]) {
      const { segments } = template.render({ messages: chat.slice(0, count) }, { generationPrompt: true });
      expect(whole.startsWith(textOf(segments))).toBe(true);
      expect(segments.at(-1)?.answer).toBe(false);
    }
  });
});

test("Hone's own form is the card's, exactly", () => {
  const { segments } = open("hone").render({
    messages: [system("You are a helpful assistant."), user("{instruction}"), assistant("{response}")],
  });
  expect(textOf(segments)).toBe(
    "<|system|>You are a helpful assistant.<|end|>\n<|user|>{instruction}<|end|>\n<|assistant|>{response}<|end|>",
  );
});

describe("the stop token", () => {
  const eos = tokenizerWith([]).eos?.id;
  const id = (text: string, added: readonly string[]) => tokenizerWith(added).addedToken(text);

  test("is the end marker where the tokenizer knows it as one token, then EOS", () => {
    expect(open("hone").stopIds).toEqual([id("<|end|>", ["<|end|>"]), tokenizerWith(["<|end|>"]).eos?.id]);
  });

  test("is EOS after the marker as plain text where it does not", () => {
    const template = open("chatml", "none", []);
    expect(template.stopIds).toEqual([eos]);
    expect(template.endMarker).toBe("<|im_end|>");
    expect(withAnswers(template.render({ messages: [user("a"), assistant("b")] }).segments)).toBe(
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦b<|im_end|></s>⟧",
    );
  });

  test("a tokenizer with neither is refused", () => {
    const { json, config } = byteLevelTokenizer({ added: ["<|im_end|>"], bos: "none" });
    const tokenizer = createTokenizer(json, { ...config, eos_token: null });
    const create = (name: BuiltInTemplate) =>
      createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null });
    expect(() => create("hone")).toThrow(/neither "<\|end\|>" nor an end-of-sequence token.*Name eos_token/);
    expect(() => create("zephyr")).toThrow(/no end-of-sequence token.*Name eos_token/);
    expect(create("chatml").stopIds).toEqual([tokenizer.addedToken("<|im_end|>")]);
  });
});

test("a header that contains BOS gets no second one", () => {
  const { json, config } = byteLevelTokenizer({ added: ["<|im_start|>", "<|im_end|>"] });
  const tokenizer = createTokenizer(writing(json, "<|im_start|>"), { ...config, bos_token: "<|im_start|>" });
  const template = createTemplate({ kind: "built-in", name: "chatml" }, { tokenizer, chatTemplate: null });
  expect(template.opensWithBos).toBe(true);
  expect(textOf(template.render({ messages: [user("a")] }).segments)).toBe("<|im_start|>user\na<|im_end|>");
});

describe("system prompts and tools", () => {
  test("the recipe's system prompt goes before rows without one", () => {
    const hone = open("hone");
    const rendered = (messages: Message[], option: string | null) =>
      textOf(hone.render({ messages }, { system: option }).segments);
    expect(rendered([user("a")], "given")).toBe("<|system|>given<|end|>\n<|user|>a<|end|>");
    expect(rendered([system("own"), user("a")], "given")).toBe("<|system|>own<|end|>\n<|user|>a<|end|>");
    expect(rendered([user("a")], "")).toBe("<|user|>a<|end|>");
    const segments = hone.render({ messages: [user("a")] }, { system: "given" }).segments;
    expect(segments.map(({ role, message }) => [role, message])).toEqual([
      ["system", null],
      ["system", null],
      ["system", null],
      ["user", 0],
      ["user", 0],
      ["user", 0],
    ]);
  });

  test("without a user's message, a form without a system role writes the system text as a user's turn", () => {
    expect(withAnswers(open("gemma").render({ messages: [system("S"), assistant("b")] }).segments)).toBe(
      "<start_of_turn>user\nS<end_of_turn>\n<start_of_turn>model\n⟦b<end_of_turn>⟧",
    );
  });

  test("descriptions of tools end the system's turn, as text", () => {
    const tools = [{ name: "a</s>" }, { name: "b" }];
    const lines = 'Tools:\n{"name":"a</s>"}\n{"name":"b"}';
    const rendered = (name: BuiltInTemplate, messages: Message[]) => open(name).render({ messages, tools }).segments;
    expect(textOf(rendered("hone", [system("S"), user("a")]))).toBe(`<|system|>S\n\n${lines}<|end|>\n<|user|>a<|end|>`);
    expect(textOf(rendered("hone", [user("a")]))).toBe(`<|system|>${lines}<|end|>\n<|user|>a<|end|>`);
    expect(textOf(rendered("mistral", [user("a")]))).toBe(`[INST] ${lines}\n\na [/INST]`);
    expect(rendered("hone", [user("a")]).find(({ text }) => text === lines)?.kind).toBe("content");
  });
});

describe("choosing", () => {
  test("a model without a template of its own", () => {
    const model = { tokenizer: tokenizerWith(markers.chatml), chatTemplate: null };
    expect(() => createTemplate({ kind: "model" }, model)).toThrow(
      /has no chat template of its own\. Choose a built-in one, such as ChatML/,
    );
    expect(() => createTemplate({ kind: "custom", source: "  " }, model)).toThrow(TemplateError);
  });

  test("the model's own and the user's", () => {
    const model = { tokenizer: tokenizerWith(markers.chatml), chatTemplate: golden("chatml") };
    const texts = [{ kind: "model" } as const, { kind: "custom", source: golden("chatml") } as const].map((choice) => {
      const template = createTemplate(choice, model);
      return [template.name, textOf(template.render({ messages: [user("a")] }).segments)];
    });
    expect(texts).toEqual([
      ["the model's own", "<|im_start|>user\na<|im_end|>\n"],
      ["custom", "<|im_start|>user\na<|im_end|>\n"],
    ]);
  });

  const seedlingMarkers = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];
  const suggestions: [string, readonly string[], string | null, ReturnType<typeof suggestTemplate>][] = [
    ["the model's own", markers.chatml, golden("chatml"), { kind: "model" }],
    ["ChatML", markers.chatml, golden("unspannable"), { kind: "built-in", name: "chatml" }],
    ["Llama 3", markers.llama3, null, { kind: "built-in", name: "llama3" }],
    ["Gemma", markers.gemma, null, { kind: "built-in", name: "gemma" }],
    ["Phi-3", markers.phi3, null, { kind: "built-in", name: "phi3" }],
    ["Mistral", markers.mistral, null, { kind: "built-in", name: "mistral" }],
    ["Hone's for Hone's markers", ["<|user|>", "<|assistant|>", "<|end|>"], null, { kind: "built-in", name: "hone" }],
    ["Hone's where there is an end of text too", seedlingMarkers, null, { kind: "built-in", name: "hone" }],
    ["Hone's for none", [], "{{ broken", { kind: "built-in", name: "hone" }],
  ];
  test.each(suggestions)("suggests %s", (_, added, chatTemplate, expected) => {
    expect(suggestTemplate({ tokenizer: tokenizerWith(added), chatTemplate })).toEqual(expected);
  });

  test("SentencePiece tokenizers too", () => {
    const { json, config } = sentencePieceTokenizer();
    expect(suggestTemplate({ tokenizer: createTokenizer(json, config), chatTemplate: golden("mistral") })).toEqual({
      kind: "model",
    });
  });
});
