/** The tokenizer's input: segments of rendered text with their origin and loss weight. */

import type { Role } from "../records/example.ts";

/** A span of rendered text with its origin. */
export interface Segment {
  readonly text: string;
  /** The template's own "control" text contains all added tokens; "content" only those that are not special. */
  readonly kind: "control" | "content";
  /** Whether texts of special tokens in a content are these tokens, as a source's option says; not where absent. */
  readonly specialTokens?: boolean;
  /**
   * Whether the tokenizer itself adds it, as BOS before a plain text: the text after it is still the first. Not where a
   * template writes it.
   */
  readonly added?: boolean;
  /** The role of its turn; null before, between and after all turns. */
  readonly role: Role | null;
  /** Index of its message, null for none. */
  readonly message: number | null;
  /** Whether the model writes it: an assistant's content, tool calls, and the marker that ends the turn. */
  readonly answer: boolean;
}

/** A segment with the mask and the loss weight of its tokens. */
export interface WeightedSegment extends Segment {
  readonly supervised: boolean;
  /** Loss weight of its tokens; 0 where they are not supervised. */
  readonly weight: number;
}
