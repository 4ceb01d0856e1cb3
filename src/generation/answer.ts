/** From a prompt to an answer in words: generation, and the text that a person should see. */

import type { Role } from "../records/example.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import type { BatchOptions, BatchRequest, GenerateBatch, Generation } from "./batch.ts";
import type { Generate, GenerationRequest } from "./generate.ts";
import type { Prompt } from "./prompt.ts";

interface TextParts {
  readonly vocabulary: Vocabulary;
  /** Ids that end an answer besides the template's, from the model's generation_config.json. */
  readonly stopIds?: readonly number[];
}

export interface AnswererParts extends TextParts {
  readonly generate: Generate;
}

export interface BatchAnswererParts extends TextParts {
  readonly generateBatch: GenerateBatch;
}

export interface AnswerOptions extends Pick<GenerationRequest, "maxTokens" | "sampling" | "seed" | "signal"> {
  /** Called with final text only: whole characters that are not part of the end marker. */
  readonly onText?: (text: string) => void;
}

/** A token in readable form. */
export interface ShownToken {
  readonly id: number;
  /** Its bytes as text; a byte that is no whole character is written as <0xE2>. */
  readonly text: string;
  /** Whether it is a special token, such as the end of a turn. */
  readonly special: boolean;
}

/** The exact prompt that the model read, with the same token ids. */
export interface ReadPrompt {
  /** The text after the tokenizer's normalisation, template marks included. */
  readonly text: string;
  /** Consecutive spans with the role of their speaker, null for template marks; `end` is a UTF-16 offset. */
  readonly stretches: readonly { readonly end: number; readonly role: Role | null }[];
  readonly tokens: readonly (ShownToken & { readonly role: Role | null })[];
}

export interface GeneratedAnswer {
  readonly text: string;
  readonly finish: Generation["finish"];
  readonly prompt: ReadPrompt;
  /** The answer's tokens, with an end marker that is plain text but without a stop token. */
  readonly written: readonly ShownToken[];
}

/** Length of the longest suffix of `text` that is a prefix of `marker`. */
function markerOverlap(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/**
 * Writes the text of an answer from its tokens: without the template's answer prefix, and without an end marker that is plain
 * text, so that rendering it as a message gives the same prompt again. `onText` gets final text only.
 */
function createWriter(
  { vocabulary }: TextParts,
  { ids, answerBegins, endMarker }: Prompt,
  onText: ((text: string) => void) | undefined,
): { push(id: number): void; end(): string } {
  const decoder = vocabulary.createStreamDecoder(ids.at(-1));
  let text = "";
  let begun = false;
  let shown = 0;
  const append = (piece: string, last: boolean) => {
    text += piece;
    if (!begun && !last && text.length < answerBegins.length) return;
    if (!begun && text.startsWith(answerBegins)) text = text.slice(answerBegins.length);
    begun = true;
    if (last && endMarker && text.endsWith(endMarker)) text = text.slice(0, -endMarker.length);
    const certain = last ? text.length : text.length - markerOverlap(text, endMarker);
    if (certain > shown) onText?.(text.slice(shown, certain));
    shown = Math.max(shown, certain);
  };
  return {
    push: (id) => append(decoder.push(id), false),
    end() {
      append(decoder.end(), true);
      return text;
    },
  };
}

/** Generates the answer to a prompt. */
export async function answer(
  parts: AnswererParts,
  prompt: Prompt,
  { onText, ...options }: AnswerOptions,
): Promise<GeneratedAnswer> {
  const { generate, vocabulary, stopIds: own = [] } = parts;
  const writer = createWriter(parts, prompt, onText);
  const { ids, finish } = await generate({
    ...options,
    prompt: prompt.ids,
    stopIds: [...prompt.stopIds, ...own],
    onToken: writer.push,
  });
  const text = writer.end();
  const show = (id: number): ShownToken => ({ id, text: vocabulary.show(id), special: vocabulary.isSpecial(id) });
  return { text, finish, prompt: readPrompt(prompt, show), written: ids.map(show) };
}

export interface BatchQuestion extends Pick<BatchRequest, "maxTokens" | "sampling" | "seed"> {
  readonly prompt: Prompt;
}

export interface BatchAnswer {
  readonly text: string;
  readonly finish: Generation["finish"];
}

/** Generates the answers to several prompts, in their order; `onAnswer` is called when one has ended. */
export async function answerBatch(
  parts: BatchAnswererParts,
  questions: readonly BatchQuestion[],
  options: BatchOptions = {},
): Promise<BatchAnswer[]> {
  const writers = questions.map(({ prompt }) => createWriter(parts, prompt, undefined));
  const requests = questions.map(
    ({ prompt, ...question }, i): BatchRequest => ({
      ...question,
      prompt: prompt.ids,
      stopIds: [...prompt.stopIds, ...(parts.stopIds ?? [])],
      onToken: (id) => writers[i]?.push(id),
    }),
  );
  const generations = await parts.generateBatch(requests, options);
  return generations.map(({ finish }, i) => ({ text: writers[i]?.end() ?? "", finish }));
}

/** The prompt in readable form, from the ids that the model read. */
function readPrompt({ ids, text, starts, spans }: Prompt, show: (id: number) => ShownToken): ReadPrompt {
  let at = 0;
  const tokens = Array.from(ids, (id, index) => {
    while (at < spans.length - 1 && (spans[at]?.end ?? 0) <= (starts[index] ?? 0)) at++;
    return { ...show(id), role: spans[at]?.role ?? null };
  });
  return { text, stretches: spans, tokens };
}
