/** From a question to an answer in words: template, tokens, generation, and the text that a person should see. */

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

/** Length of the longest end of `text` that `marker` may begin with. */
function heldBack(text: string, marker: string): number {
  for (let length = Math.min(text.length, marker.length); length > 0; length--) {
    if (marker.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/**
 * Asks a model one conversation, rendered exactly as in training. What the template begins every answer with is taken off,
 * and so is its end marker where that is plain text for this tokenizer: as a message, the text is rendered to the same again.
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
  const take = (piece: string, last: boolean) => {
    text += piece;
    if (!begun && !last && text.length < template.answerBegins.length) return;
    if (!begun && text.startsWith(template.answerBegins)) text = text.slice(template.answerBegins.length);
    begun = true;
    if (last && template.endMarker && text.endsWith(template.endMarker))
      text = text.slice(0, -template.endMarker.length);
    const certain = last ? text.length : text.length - heldBack(text, template.endMarker);
    if (certain > shown) onText?.(text.slice(shown, certain));
    shown = Math.max(shown, certain);
  };
  const { ids, finish } = await generate({
    ...options,
    prompt: encoding.ids,
    stopIds: template.stopIds,
    onToken: (id) => take(decoder.push(id), false),
  });
  take(decoder.end(), true);
  const show = (id: number): ShownToken => ({ id, text: tokenizer.show(id), special: tokenizer.isSpecial(id) });
  return { text, finish, prompt: readPrompt(encoding, segments, show), written: ids.map(show) };
}

/** The prompt for people, from the very encoding that the model was given. */
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
