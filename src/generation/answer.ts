/** Answers a conversation: template, tokens, generation, and the text for the user. */

import type { Message, Role } from "../records/example.ts";
import { weigh } from "../templates/mask.ts";
import type { Template } from "../templates/template.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Generate, Generation, GenerationRequest } from "./generate.ts";

export interface AnswererParts {
  readonly generate: Generate;
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly systemPrompt: string | null;
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
 * Answers one conversation, rendered exactly as in training. The answer is returned without the template's answer prefix, and
 * without an end marker that is plain text: rendering it as a message gives the same prompt again.
 */
export async function answer(
  { generate, tokenizer, template, systemPrompt }: AnswererParts,
  messages: readonly Message[],
  { onText, ...options }: AnswerOptions,
): Promise<GeneratedAnswer> {
  const { segments } = template.render({ messages }, { system: systemPrompt, generationPrompt: true });
  const encoding = tokenizer.encode(weigh(segments, messages, "responses"));
  const decoder = tokenizer.createStreamDecoder();
  let text = "";
  let begun = false;
  let shown = 0;
  const append = (piece: string, last: boolean) => {
    text += piece;
    if (!begun && !last && text.length < template.answerBegins.length) return;
    if (!begun && text.startsWith(template.answerBegins)) text = text.slice(template.answerBegins.length);
    begun = true;
    if (last && template.endMarker && text.endsWith(template.endMarker))
      text = text.slice(0, -template.endMarker.length);
    const certain = last ? text.length : text.length - markerOverlap(text, template.endMarker);
    if (certain > shown) onText?.(text.slice(shown, certain));
    shown = Math.max(shown, certain);
  };
  const { ids, finish } = await generate({
    ...options,
    prompt: encoding.ids,
    stopIds: template.stopIds,
    onToken: (id) => append(decoder.push(id), false),
  });
  append(decoder.end(), true);
  const show = (id: number): ShownToken => ({ id, text: tokenizer.show(id), special: tokenizer.isSpecial(id) });
  return { text, finish, prompt: readPrompt(encoding, segments, show), written: ids.map(show) };
}

/** The prompt in readable form, from the encoding that the model read. */
function readPrompt(
  { ids, text, starts, segmentEnds }: Encoding,
  segments: readonly Segment[],
  show: (id: number) => ShownToken,
): ReadPrompt {
  const stretches: { end: number; role: Role | null }[] = [];
  for (const [index, { kind, role: speaker }] of segments.entries()) {
    const end = segmentEnds[index] ?? text.length;
    const role = kind === "content" ? speaker : null;
    const last = stretches.at(-1);
    if (end === (last?.end ?? 0)) continue;
    if (last?.role === role) last.end = end;
    else stretches.push({ end, role });
  }
  let at = 0;
  const tokens = Array.from(ids, (id, index) => {
    while (at < stretches.length - 1 && (stretches[at]?.end ?? 0) <= (starts[index] ?? 0)) at++;
    return { ...show(id), role: stretches[at]?.role ?? null };
  });
  return { text, stretches, tokens };
}
