/** From a question to an answer in words: template, tokens, generation, and the text that a person should see. */

import type { Message } from "../data/example.ts";
import { weigh } from "../data/templates/mask.ts";
import type { Template } from "../data/templates/template.ts";
import type { Tokenizer } from "../data/tokenizer/tokenizer.ts";
import type { Generate, Generation, GenerationRequest } from "./generate.ts";

export interface AnswererParts {
  readonly generate: Generate;
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly systemPrompt: string | null;
}

export interface AnswerOptions extends Pick<GenerationRequest, "maxTokens" | "sampling" | "seed" | "signal"> {
  /** Text as it becomes certain: whole characters, and never a part of the end marker. */
  readonly onText?: (text: string) => void;
}

export interface GeneratedAnswer {
  readonly text: string;
  readonly tokens: number;
  readonly finish: Generation["finish"];
}

/** Length of the longest end of `text` that `marker` may begin with. */
function heldBack(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/**
 * Asks a model one conversation, rendered exactly as in training. Where the template's end marker is plain text for this
 * tokenizer, it is taken off the answer.
 */
export async function answer(
  { generate, tokenizer, template, systemPrompt }: AnswererParts,
  messages: readonly Message[],
  { onText, ...options }: AnswerOptions,
): Promise<GeneratedAnswer> {
  const { segments } = template.render({ messages }, { system: systemPrompt, generationPrompt: true });
  const prompt = tokenizer.encode(weigh(segments, messages, "responses")).ids;
  const decoder = tokenizer.createStreamDecoder();
  let text = "";
  let shown = 0;
  const take = (piece: string, last: boolean) => {
    text += piece;
    if (last && template.endMarker && text.endsWith(template.endMarker))
      text = text.slice(0, -template.endMarker.length);
    const certain = last ? text.length : text.length - heldBack(text, template.endMarker);
    if (certain > shown) onText?.(text.slice(shown, certain));
    shown = Math.max(shown, certain);
  };
  const { ids, finish } = await generate({
    ...options,
    prompt,
    stopIds: template.stopIds,
    onToken: (id) => take(decoder.push(id), false),
  });
  take(decoder.end(), true);
  return { text, tokens: ids.length, finish };
}
