/**
 * Failure 11 of DOMAIN.md: the exported model never stops, because of its template and stop tokens. Oracles: the text
 * of the run's own template, rendered by @huggingface/jinja from the exported source; and, for the form of the card,
 * the text by hand.
 */

import { Template as Jinja } from "@huggingface/jinja";
import { describe, expect, test } from "vitest";
import { expressTemplate, requireSame } from "../../../src/export/template.ts";
import type { Message } from "../../../src/records/example.ts";
import type { BuiltInTemplate, TemplateChoice } from "../../../src/templates/choice.ts";
import { createTemplate, templateTitles } from "../../../src/templates/choose.ts";
import { templateSource } from "../../../src/templates/source.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer, sentencePieceTokenizer } from "../../support/tokenizers.ts";
import { golden, textOf, tokenizerWith } from "../templates/support.ts";

const names = Object.keys(templateTitles) as BuiltInTemplate[];
const everyMark = [
  ...["<|end|>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
  ...["<start_of_turn>", "<end_of_turn>", "<|user|>", "<|assistant|>", "<|endoftext|>", "[INST]", "[/INST]"],
];
const sentencePiece = () => {
  const { json, config } = sentencePieceTokenizer({ added: everyMark });
  return createTokenizer(json, config);
};
const tokenizers: [string, () => Tokenizer][] = [
  ["that knows every mark and wants no BOS", () => tokenizerWith(everyMark)],
  ["that knows no mark and wants BOS", () => tokenizerWith([], "post-processor")],
  ["in SentencePiece's manner", sentencePiece],
];
const prompts = [null, "Be brief.\nSay 'I don't know' or \"no\" \\ {% nothing %} when é is asked."];

/** Renders a conversation in transformers' form, as other programs do. */
function render(source: string, messages: readonly Message[], rest: Record<string, unknown> = {}): string {
  const given = messages.map(({ role, content, toolCalls }) => ({
    role,
    content,
    ...(toolCalls && {
      tool_calls: toolCalls.map((call) => ({
        type: "function",
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
  }));
  return new Jinja(source).render({ messages: given, bos_token: "<s>", eos_token: "</s>", ...rest });
}

const user: Message = { role: "user", content: "  Say <|end|> and 'hello'.\n" };
const assistant: Message = { role: "assistant", content: "hello\n\nagain " };
const tools = [{ type: "function", function: { name: "clock", parameters: { zone: ["UTC", 1.5, null, true] } } }];
const chats: readonly (readonly Message[])[] = [
  [user],
  [{ role: "system", content: "S" }, user, assistant, user],
  [{ role: "system", content: "S" }, assistant, user, assistant],
  [
    user,
    { role: "assistant", content: "", toolCalls: [{ name: "clock", arguments: { zone: "U\"T'C", at: [1, 2] } }] },
    { role: "tool", content: "12" },
    { role: "assistant", content: "b", toolCalls: [{ name: "a", arguments: {} }, ...[{ name: "b", arguments: {} }]] },
    { role: "tool", content: "13" },
    assistant,
  ],
];

describe.each(names)("%s", (name) => {
  const choice: TemplateChoice = { kind: "built-in", name };
  test.each(tokenizers)("the Jinja writes what was trained, with a tokenizer %s", (_, make) => {
    const tokenizer = make();
    const trained = createTemplate(choice, { tokenizer, chatTemplate: null });
    for (const systemPrompt of prompts) {
      const { source, stopIds } = expressTemplate({ choice, systemPrompt }, { tokenizer, chatTemplate: null });
      expect(stopIds).toEqual(trained.stopIds);
      for (const messages of chats) {
        for (const withTools of [false, true]) {
          for (const generationPrompt of [false, true]) {
            const conversation = withTools ? { messages, tools } : { messages };
            const wanted = textOf(trained.render(conversation, { system: systemPrompt, generationPrompt }).segments);
            const rest = { tools: withTools ? tools : null, add_generation_prompt: generationPrompt };
            expect(render(source, messages, rest)).toBe(wanted);
          }
        }
      }
    }
  });
});

test("Hone's own form is the card's, exactly, and a generation prompt ends where the answer begins", () => {
  const tokenizer = tokenizerWith(["<|end|>"]);
  const choice: TemplateChoice = { kind: "built-in", name: "hone" };
  const systemPrompt = "You are a helpful assistant.";
  const { source } = expressTemplate({ choice, systemPrompt }, { tokenizer, chatTemplate: null });
  const messages: Message[] = [{ role: "user", content: "{instruction}" }];
  expect(render(source, messages, { add_generation_prompt: true })).toBe(
    "<|system|>You are a helpful assistant.<|end|>\n<|user|>{instruction}<|end|>\n<|assistant|>",
  );
  expect(render(source, [...messages, { role: "assistant", content: "{response}" }])).toBe(
    "<|system|>You are a helpful assistant.<|end|>\n<|user|>{instruction}<|end|>\n<|assistant|>{response}<|end|>",
  );
});

describe("the model's own and the user's", () => {
  const marks = ["<|im_start|>", "<|im_end|>"];
  test.each([
    ["chatml", marks, "<|im_end|>"],
    ["chatml-generation", marks, "<|im_end|>"],
    ["llama3", ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"], "<|eot_id|>"],
  ])("%s is exported unchanged, with its stop tokens", (name, added, stop) => {
    const tokenizer = tokenizerWith(added);
    const source = golden(name);
    for (const choice of [{ kind: "model" } as const, { kind: "custom", source } as const]) {
      const exported = expressTemplate({ choice, systemPrompt: null }, { tokenizer, chatTemplate: source });
      expect(exported.source).toBe(source);
      expect(exported.stopToken).toBe(stop);
      expect(exported.stopIds[0]).toBe(tokenizer.addedToken(stop));
    }
  });

  test("the run's system prompt comes before chats without one", () => {
    const tokenizer = tokenizerWith(marks);
    const model = { tokenizer, chatTemplate: golden("chatml") };
    const { source } = expressTemplate({ choice: { kind: "model" }, systemPrompt: "Be brief." }, model);
    const brief = "<|im_start|>system\nBe brief.<|im_end|>\n";
    expect(render(source, [user]).startsWith(brief)).toBe(true);
    expect(render(source, [{ role: "system", content: "S" }, user])).not.toContain("Be brief.");
  });

  test("also where the source begins with line breaks, which stay", () => {
    const source = `\n\n${golden("chatml")}`;
    const model = { tokenizer: tokenizerWith(marks), chatTemplate: source };
    const exported = expressTemplate({ choice: { kind: "model" }, systemPrompt: "Be brief." }, model);
    expect(render(exported.source, [user])).toMatch(/^\n\n<\|im_start\|>system\nBe brief\./);
  });

  test.each<[string, BuiltInTemplate, string | null, RegExp]>([
    ["another text", "plain", null, /cannot use its template.* it writes ".*in training it was ".*Export the adapter/s],
    [
      "another stop token",
      "hone",
      null,
      /cannot use its template.* ends an answer with token \d+, but in training it was token \d+/s,
    ],
    ["no system prompt", "chatml", "Be brief.", /cannot use its template/],
  ])("one that would write %s than was trained is refused, with the way out", (_, name, systemPrompt, message) => {
    const tokenizer = tokenizerWith([...marks, "<|end|>"]);
    const open = (choice: BuiltInTemplate) =>
      createTemplate({ kind: "built-in", name: choice }, { tokenizer, chatTemplate: null });
    const trained = name === "plain" ? open("alpaca") : open("chatml");
    expect(() => requireSame(trained, trained, null)).not.toThrow();
    expect(() => requireSame(trained, open(name), systemPrompt)).toThrow(message);
  });
});

describe("a template without a stop token is refused, with the way out", () => {
  const bare = () => {
    const { json } = byteLevelTokenizer();
    return createTokenizer(json, null);
  };
  test.each(names)("%s on a tokenizer that has none", (name) => {
    expect(() =>
      expressTemplate(
        { choice: { kind: "built-in", name }, systemPrompt: null },
        { tokenizer: bare(), chatTemplate: null },
      ),
    ).toThrow(/was not exported.*no answer could ever stop.*eos_token.*adapter/);
  });
  test("a user's own without an end marker", () => {
    const source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\n{% endfor %}";
    const model = { tokenizer: tokenizerWith(["<|im_start|>"]), chatTemplate: null };
    expect(() => expressTemplate({ choice: { kind: "custom", source }, systemPrompt: null }, model)).toThrow(
      /was not exported.*no answer could ever stop/,
    );
  });
  test("the model's own, which the model no longer has", () => {
    const model = { tokenizer: tokenizerWith([]), chatTemplate: null };
    expect(() => expressTemplate({ choice: { kind: "model" }, systemPrompt: null }, model)).toThrow(
      /has no chat template/,
    );
  });
});

test("a note reports an end marker that is only text", () => {
  const model = { tokenizer: tokenizerWith([]), chatTemplate: null };
  const exported = expressTemplate({ choice: { kind: "built-in", name: "hone" }, systemPrompt: null }, model);
  expect(exported.notes).toEqual([expect.stringMatching(/^Answers end with the text <\|end\|> before <\/s>/)]);
  expect(exported.stopToken).toBe("</s>");
  expect(templateSource({ kind: "built-in", name: "hone" }, model, null)).toContain("<|end|></s>");
});
