/** What every template can do, whether it is built in, brought by a model, or written by the user. */

import type { Message } from "../records/example.ts";
import type { Segment } from "../tokenizer/segment.ts";

export interface Conversation {
  readonly messages: readonly Message[];
  /** Tool descriptions as JSON, for templates that write them. */
  readonly tools?: readonly unknown[];
}

export interface RenderOptions {
  /** Put before messages that bring no system message of their own; null or "" for none. */
  readonly system?: string | null;
  /** Ends with the header of the answer that is to be generated. */
  readonly generationPrompt?: boolean;
  /** Called about four times a second while a long rendering goes on; it must not throw. */
  readonly pulse?: () => void;
}

/** How it is known which text an answer is. */
export type SpanProof =
  /** A built-in template: it writes the segments itself. */
  | "structure"
  /** The template's own generation tags. */
  | "generation tags"
  /** Each growing prefix of the conversation renders to a prefix of the whole. */
  | "prefixes"
  /** Marks that were put around the contents came through. */
  | "marks";

export interface Rendered {
  /** In order; their texts joined are what the template writes, without any mark of ours. */
  readonly segments: readonly Segment[];
  readonly proof: SpanProof;
}

export interface Template {
  /** As people read it: "ChatML", "the model's own", "custom". */
  readonly name: string;
  /** Whether every rendering is to begin with exactly one BOS, whoever brings it; else with none. */
  readonly opensWithBos: boolean;
  /** Tokens that end an answer, the one that training teaches first. Never empty. */
  readonly stopIds: readonly number[];
  /**
   * Text that ends a turn where the tokenizer has no single token for it: a generated answer then ends with it as plain
   * text, which has to be taken off. "" where the end is a token.
   */
  readonly endMarker: string;
  /** What an answer begins with before its content, where the model has to write that: to be taken off as well. "" for most. */
  readonly answerBegins: string;
  /** Throws `TemplateError` when it cannot be rendered, or when its answers cannot be told from the rest. */
  render(conversation: Conversation, options?: RenderOptions): Rendered;
}

/** A template that cannot be parsed, rendered, or spanned; with a place where there is one. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** Line and column in the template's source, from 1; null where the fault has no place. */
  readonly place: { readonly line: number; readonly column: number } | null;

  constructor(message: string, place: TemplateError["place"] = null, options?: ErrorOptions) {
    super(message, options);
    this.place = place;
  }
}
