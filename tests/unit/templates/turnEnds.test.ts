/** Tokens that end an earlier turn and also stand within an answer, as in gpt-oss. Oracle: the template, read by hand. */

import { expect, test } from "vitest";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { tokenizerWith } from "./support.ts";

const tokenizer = tokenizerWith(["<|start|>", "<|end|>", "<|return|>"]);
const idOf = (text: string) => tokenizer.addedToken(text);

/** Reasoning in a turn of its own before the last answer; the last answer ends in `<|return|>`, the others in `<|end|>`. */
const channels =
  "{% for m in messages %}{% if m.role == 'assistant' and loop.last %}" +
  "{% if m.reasoning_content %}<|start|>assistant think: {{ m.reasoning_content }}<|end|>{% endif %}" +
  "<|start|>assistant {{ m.content }}<|return|>" +
  "{% else %}<|start|>{{ m.role }} {{ m.content }}<|end|>{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}<|start|>assistant {% endif %}";

test("generation does not stop at a token within an answer, and an earlier answer may end in it", () => {
  const template = createChatTemplate({ name: "channels", source: channels, tokenizer });
  expect(template.stopIds).toEqual([idOf("<|return|>"), idOf("</s>")]);
  expect(template.turnEnds).toEqual([idOf("<|end|>")]);
});

test("a token that ends earlier answers and stands in none is a stop", () => {
  const source = channels.replace(/\{% if m\.reasoning_content %\}.*?\{% endif %\}/, "");
  const template = createChatTemplate({ name: "two ends", source, tokenizer });
  expect(template.stopIds).toEqual([idOf("<|return|>"), idOf("</s>"), idOf("<|end|>")]);
  expect(template.turnEnds).toBeUndefined();
});
