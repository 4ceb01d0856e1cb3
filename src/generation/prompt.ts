/** A prompt as the model reads it: a conversation through its template and tokenizer, with all that generation needs of both. */

import type { Message, Role } from "../records/example.ts";
import { weigh } from "../templates/mask.ts";
import type { Template } from "../templates/template.ts";
import type { Segment } from "../tokenizer/segment.ts";
import type { Encoding, Tokenizer } from "../tokenizer/tokenizer.ts";

/** Plain data, so that one worker renders and another one generates. */
export interface Prompt extends Pick<Template, "stopIds" | "endMarker" | "answerBegins"> {
  /** int32 [tokens] */
  readonly ids: Int32Array;
  /** int32 [tokens]; UTF-16 offset in `text` of the first character that a token has a part of. */
  readonly starts: Int32Array;
  /** The conversation as the tokenizer reads it, with the template's control text. */
  readonly text: string;
  /** Who wrote the text, each span from the end of the one before; null for control text. UTF-16 offsets. */
  readonly spans: readonly { readonly end: number; readonly role: Role | null }[];
}

export interface PromptParts {
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  /** Put before conversations without a system message; null for none. */
  readonly systemPrompt: string | null;
}

/** Renders a conversation exactly as in training, up to the header of the answer. Throws as `render` and `encode` do. */
export function createPrompt(
  { tokenizer, template, systemPrompt }: PromptParts,
  messages: readonly Pick<Message, "role" | "content">[],
): Prompt {
  const { segments } = template.render({ messages }, { system: systemPrompt, generationPrompt: true });
  const encoding = tokenizer.encode(weigh(segments, messages, "responses"));
  const { stopIds, endMarker, answerBegins } = template;
  const { ids, starts, text } = encoding;
  return { ids, starts, text, spans: spansOf(encoding, segments), stopIds, endMarker, answerBegins };
}

function spansOf({ text, segmentEnds }: Encoding, segments: readonly Segment[]): Prompt["spans"] {
  const spans: { end: number; role: Role | null }[] = [];
  for (const [index, { kind, role: speaker }] of segments.entries()) {
    const end = segmentEnds[index] ?? text.length;
    const role = kind === "content" ? speaker : null;
    const last = spans.at(-1);
    if (end === (last?.end ?? 0)) continue;
    if (last?.role === role) last.end = end;
    else spans.push({ end, role });
  }
  return spans;
}

/** Token ids of a text by itself, without BOS or EOS. */
export function tokensOf(text: string, tokenizer: Tokenizer): Int32Array {
  return tokenizer.encode([
    { text, kind: "content", role: null, message: null, answer: false, supervised: false, weight: 0 },
  ]).ids;
}

/** Tokens of a text by itself, without BOS or EOS. */
export const countTokens = (text: string, tokenizer: Tokenizer): number => tokensOf(text, tokenizer).length;
