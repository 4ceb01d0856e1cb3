/** Compares tokens of odd texts and rendered conversations of a GGUF file in llama.cpp with Hone. */

import type { LoadedModel } from "../../../src/engine/library.ts";
import type { ExportedTemplate } from "../../../src/export/template.ts";
import { createPrompt } from "../../../src/generation/prompt.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import { quote } from "../../../src/tensor/quote.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { sixtyTexts } from "../nasty.ts";
import type { LlamaModel } from "./llama.ts";

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

export function tokenizerOf({ opened }: LoadedModel): Tokenizer {
  const { config, tokenizerJson, tokenizerConfig } = opened;
  const { model_type } = Object(config);
  return createTokenizer(tokenizerJson, tokenizerConfig, {
    modelType: typeof model_type === "string" ? model_type : null,
  });
}

/** llama.cpp's ids of a text, without and with tokens in it. */
export interface TextIds {
  readonly text: string;
  readonly content: readonly number[];
  readonly control: readonly number[];
}

/** A conversation as llama.cpp renders it, and its ids. */
export interface PromptIds {
  readonly messages: readonly Message[];
  readonly text: string;
  readonly ids: readonly number[];
}

export interface TextVerdict {
  /** Texts with equal tokens. */
  readonly equal: number;
  /** Texts with other tokens, as a note of the export says. */
  readonly noted: number;
  readonly faults: readonly string[];
  readonly tokens: readonly TextIds[];
  readonly prompts: readonly PromptIds[];
}

/** The model's tokenizer, and that of its GGUF file as Hone opens it. */
interface Tokenizers {
  readonly own: Tokenizer;
  readonly again: Tokenizer;
}

const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((id, i) => id === b[i]);

/** Notes of the export that name differences of tokens. */
const isOfTokens = (note: string) => /tokens|space after each special token/.test(note);

/**
 * A text with other tokens than the model's is a fault, unless a note of the export says so and Hone, which opens the file
 * again, has llama.cpp's tokens.
 */
export function compareTexts(
  theirs: LlamaModel,
  { own, again }: Tokenizers,
  template: ExportedTemplate,
  notes: readonly string[],
): TextVerdict {
  const faults: string[] = [];
  const tokens: TextIds[] = [];
  const prompts: PromptIds[] = [];
  const named = notes.some(isOfTokens);
  let [equal, noted] = [0, 0];
  for (const text of sixtyTexts([...own.addedTokens.keys()])) {
    const ids = { content: theirs.tokenize(text, false), control: theirs.tokenize(text, true) };
    tokens.push({ text, ...ids });
    const kinds = (["content", "control"] as const).map((kind) => {
      const found = ids[kind];
      if (same(found, idsOf(own, text, kind))) return "equal";
      return named && same(found, idsOf(again, text, kind)) ? "noted" : kind;
    });
    const other = kinds.filter((kind) => kind === "content" || kind === "control");
    if (other.length > 0) faults.push(`other tokens as ${other.join(" and ")}: ${quote(text)}`);
    else if (kinds.includes("noted")) noted += 1;
    else equal += 1;
  }
  if (theirs.addsBos !== own.addBos) faults.push(`llama.cpp ${theirs.addsBos ? "adds" : "does not add"} BOS`);
  if (theirs.template !== template.source) faults.push("llama.cpp reads another template");
  for (const id of template.stopIds) if (!theirs.endsAnswer(id)) faults.push(`token ${id} does not end an answer`);
  faults.push(...compareTemplate(theirs, { own, again }, template, named, prompts));
  return { equal, noted, faults, tokens, prompts };
}

/** Texts of the rendered conversations, and their ids. */
function compareTemplate(
  theirs: LlamaModel,
  { own: tokenizer, again }: Tokenizers,
  { source }: ExportedTemplate,
  named: boolean,
  prompts: PromptIds[],
): string[] {
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
      prompts.push({ messages, text: found, ids });
      if (same(ids, [...prompt.ids]) || (named && same(ids, [...bos, ...idsOf(again, found, "control")]))) return [];
      return [`the prompt of ${name} has other tokens`];
    } catch (error) {
      // A template may refuse a role, in both programs.
      if (error instanceof TemplateError) return [];
      throw error;
    }
  });
}
