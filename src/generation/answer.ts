/** From a prompt to an answer in words: generation, and the text that a person should see. */

import type { Role } from "../records/example.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import type { Generate, Generation, GenerationRequest } from "./generate.ts";
import type { Prompt } from "./prompt.ts";

export interface AnswererParts {
  readonly generate: Generate;
  readonly vocabulary: Vocabulary;
}

export interface AnswerOptions extends Pick<GenerationRequest, "maxTokens" | "sampling" | "seed" | "signal"> {
  /** Text as it becomes certain: whole characters, and never a part of the end marker. */
  readonly onText?: (text: string) => void;
}

/** A token as people read it. */
export interface ShownToken {
  readonly id: number;
  /** Its bytes as text; what is no character by itself is shown as <0xE2>. */
  readonly text: string;
  /** Whether it stands for no text, as what ends a turn does. */
  readonly special: boolean;
}

/** What a model read before it wrote, exactly: these ids were given to it. */
export interface ReadPrompt {
  /** As the tokenizer reads it, the template's marks included. */
  readonly text: string;
  /** Whose words the text is, each stretch from the end of the one before; null for the template's own marks. UTF-16 offsets. */
  readonly stretches: readonly { readonly end: number; readonly role: Role | null }[];
  readonly tokens: readonly (ShownToken & { readonly role: Role | null })[];
}

export interface GeneratedAnswer {
  readonly text: string;
  readonly finish: Generation["finish"];
  readonly prompt: ReadPrompt;
  /** Its tokens, an end marker that is plain text included; a token that ended it is not. */
  readonly written: readonly ShownToken[];
}

/** Length of the longest end of `text` that is a beginning of `marker`. */
function overlapWith(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/**
 * Generates the answer to a prompt. Takes off the text that the template begins every answer with, and the end marker
 * where that is plain text for this tokenizer: rendered as a message, the text gives the same tokens again.
 */
export async function answer(
  { generate, vocabulary }: AnswererParts,
  prompt: Prompt,
  { onText, ...options }: AnswerOptions,
): Promise<GeneratedAnswer> {
  const { answerBegins, endMarker, stopIds } = prompt;
  const decoder = vocabulary.createStreamDecoder();
  let text = "";
  let begun = false;
  let shown = 0;
  const take = (piece: string, last: boolean) => {
    text += piece;
    if (!begun && !last && text.length < answerBegins.length) return;
    if (!begun && text.startsWith(answerBegins)) text = text.slice(answerBegins.length);
    begun = true;
    if (last && endMarker && text.endsWith(endMarker)) text = text.slice(0, -endMarker.length);
    const certain = last ? text.length : text.length - overlapWith(text, endMarker);
    if (certain > shown) onText?.(text.slice(shown, certain));
    shown = Math.max(shown, certain);
  };
  const { ids, finish } = await generate({
    ...options,
    prompt: prompt.ids,
    stopIds,
    onToken: (id) => take(decoder.push(id), false),
  });
  take(decoder.end(), true);
  const show = (id: number): ShownToken => ({ id, text: vocabulary.show(id), special: vocabulary.isSpecial(id) });
  return { text, finish, prompt: readPrompt(prompt, show), written: ids.map(show) };
}

/** The prompt for people, from the very ids that the model was given. */
function readPrompt({ ids, text, starts, spans }: Prompt, show: (id: number) => ShownToken): ReadPrompt {
  let at = 0;
  const tokens = Array.from(ids, (id, index) => {
    while (at < spans.length - 1 && (spans[at]?.end ?? 0) <= (starts[index] ?? 0)) at++;
    return { ...show(id), role: spans[at]?.role ?? null };
  });
  return { text, stretches: spans, tokens };
}
