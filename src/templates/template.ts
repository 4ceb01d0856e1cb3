/** The interface of all templates: built-in ones, a model's own, and the user's. */

import type { Message } from "../records/example.ts";
import type { Value } from "../records/value.ts";
import type { Segment } from "../tokenizer/segment.ts";

export interface Conversation {
  readonly messages: readonly Message[];
  /** Tool descriptions as JSON, for templates that write them. */
  readonly tools?: readonly Value[];
}

export interface RenderOptions {
  /** Inserted before messages without a system message; null or "" for none. */
  readonly system?: string | null;
  /** Whether the rendering ends with the header of an answer to generate. */
  readonly generationPrompt?: boolean;
  /** Called about four times a second during a long rendering; it must not throw. */
  readonly pulse?: () => void;
}

/** How the spans of answers are known. */
export type SpanProof =
  /** A built-in template: it writes the segments itself. */
  | "structure"
  /** The template's own generation tags. */
  | "generation tags"
  /** Each growing prefix of the conversation renders to a prefix of the whole. */
  | "prefixes"
  /** The output that the template wrote for the message, and the places of its texts in it. */
  | "origins";

/** A text of a message that the template does not write. */
export interface Dropped {
  readonly message: number;
  /** The message's field: "content", "reasoning_content", "tool_calls". */
  readonly field: string;
}

export interface Rendered {
  /** In order; their texts joined are the template's output. */
  readonly segments: readonly Segment[];
  readonly proof: SpanProof;
  /** Texts of the row that the output lacks; white space around a text does not count. */
  readonly dropped: readonly Dropped[];
}

export interface Template {
  /** For people: "ChatML", "the model's own", "custom". */
  readonly name: string;
  /** Whether every rendering must begin with exactly one BOS; if not, with none. */
  readonly opensWithBos: boolean;
  /** Whether it writes BOS within a conversation too, as templates do whose BOS opens each turn. */
  readonly repeatsBos: boolean;
  /** Tokens that end an answer; training teaches the first one. Never empty. */
  readonly stopIds: readonly number[];
  /**
   * Tokens that end an earlier answer of a conversation, but also stand within an answer, as gpt-oss's `<|end|>` after the
   * reasoning: generation must not stop at them. Absent where there are none.
   */
  readonly turnEnds?: readonly number[];
  /**
   * The end of a turn where it is plain text because the tokenizer has no single token for it: remove it from a generated
   * answer. "" where the end is a token.
   */
  readonly endMarker: string;
  /** Text that the model writes before an answer's content: remove it from a generated answer. "" for most templates. */
  readonly answerBegins: string;
  /** Throws `TemplateError` when it cannot be rendered, or when its answers cannot be separated from the rest. */
  render(conversation: Conversation, options?: RenderOptions): Rendered;
}

/** A template that cannot be parsed or rendered, or whose answers cannot be found. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** Line and column in the template's source, from 1; null where the fault has no place. */
  readonly place: { readonly line: number; readonly column: number } | null;

  constructor(message: string, place: TemplateError["place"] = null, options?: ErrorOptions) {
    super(message, options);
    this.place = place;
  }
}
