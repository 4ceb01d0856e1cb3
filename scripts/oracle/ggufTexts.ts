/** Compares tokens of odd texts and rendered conversations of a GGUF file in llama.cpp with Hone. */

import type { LoadedModel } from "../../src/engine/library.ts";
import type { ExportedTemplate } from "../../src/export/template.ts";
import { createPrompt } from "../../src/generation/prompt.ts";
import { createChatTemplate } from "../../src/templates/chatTemplate.ts";
import { TemplateError } from "../../src/templates/template.ts";
import { quote } from "../../src/tensor/quote.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { tokenizerOf } from "./ggufs.ts";
import type { LlamaModel } from "./llama.ts";
import { sixtyTexts } from "./nasty.ts";

type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

const user: Message = { role: "user", content: 'What is 2 + 2?\r\nSay  it — "briefly" 👍🏽 <b>{{x}}</b>' };
const assistant: Message = { role: "assistant", content: "It is 4." };
const system: Message = { role: "system", content: "Answer\nin one word, 'please'." };

/** Conversations that end with a user's turn. */
const conversations: readonly (readonly Message[])[] = [
  [user],
  [system, user],
  [user, assistant, user],
  [system, user, assistant, { role: "user", content: "" }],
];

const place = { role: null, message: null, answer: false, supervised: false, weight: 0 } as const;

/** Hone's ids of a text; special tokens stand in control text only. */
export const idsOf = (tokenizer: Tokenizer, text: string, kind: "content" | "control"): number[] => [
  ...tokenizer.encode([{ ...place, text, kind }]).ids,
];

export interface TextVerdict {
  /** Texts with equal tokens. */
  readonly equal: number;
  readonly faults: readonly string[];
}

export function compareTexts(theirs: LlamaModel, model: LoadedModel, template: ExportedTemplate): TextVerdict {
  const tokenizer = tokenizerOf(model);
  const faults: string[] = [];
  let equal = 0;
  for (const text of sixtyTexts([...tokenizer.addedTokens.keys()])) {
    const differing = (["content", "control"] as const).filter((kind) => {
      const found = theirs.tokenize(text, kind === "control");
      return JSON.stringify(found) !== JSON.stringify(idsOf(tokenizer, text, kind));
    });
    if (differing.length === 0) equal += 1;
    else faults.push(`other tokens as ${differing.join(" and ")}: ${quote(text)}`);
  }
  if (theirs.addsBos !== tokenizer.addBos) faults.push(`llama.cpp ${theirs.addsBos ? "adds" : "does not add"} BOS`);
  if (theirs.template !== template.source) faults.push("llama.cpp reads another template");
  for (const id of template.stopIds) if (!theirs.endsAnswer(id)) faults.push(`token ${id} does not end an answer`);
  return { equal, faults: [...faults, ...compareTemplate(theirs, tokenizer, template)] };
}

/** Texts of the rendered conversations, and their ids. */
function compareTemplate(theirs: LlamaModel, tokenizer: Tokenizer, { source }: ExportedTemplate): string[] {
  const template = createChatTemplate({ name: "exported", source, tokenizer, own: true });
  return conversations.flatMap((messages): string[] => {
    const name = messages.map(({ role }) => role).join(", ");
    const variables = {
      messages,
      add_generation_prompt: true,
      bos_token: tokenizer.bos?.text ?? "",
      eos_token: tokenizer.eos?.text ?? "",
    };
    try {
      const prompt = createPrompt({ tokenizer, template, systemPrompt: null }, messages);
      const rendered = template
        .render({ messages }, { system: null, generationPrompt: true })
        .segments.map(({ text }) => text)
        .join("");
      const found = theirs.render(variables);
      if (found !== rendered) return [`the template renders ${name} as ${quote(found)}, not ${quote(rendered)}`];
      const bos = tokenizer.bos && theirs.addsBos && !found.startsWith(tokenizer.bos.text) ? [tokenizer.bos.id] : [];
      const ids = [...bos, ...theirs.tokenize(found, true)];
      return JSON.stringify(ids) === JSON.stringify([...prompt.ids]) ? [] : [`the prompt of ${name} has other tokens`];
    } catch (error) {
      // A template may refuse a role, in both programs.
      if (error instanceof TemplateError) return [];
      throw error;
    }
  });
}
