/** The tokenizer's input: segments of rendered text with their origin and loss weight. */

import type { Role } from "../records/example.ts";

/** A span of rendered text with its origin. */
export interface Segment {
  readonly text: string;
  /** Only the template's own "control" text can contain special tokens; "content" is always plain text. */
  readonly kind: "control" | "content";
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
