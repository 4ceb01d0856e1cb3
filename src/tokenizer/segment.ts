/** What the tokenizer reads: stretches of rendered text that know where they come from, and with which weight they are learnt. */

import type { Role } from "../records/example.ts";

/** A stretch of rendered text that knows where it comes from. */
export interface Segment {
  readonly text: string;
  /** Special tokens are looked for in the template's own "control" text only; "content" is always plain text. */
  readonly kind: "control" | "content";
  /** Whose turn it belongs to; null for what stands before, between and after all turns. */
  readonly role: Role | null;
  /** Index of the message that it belongs to, null for none. */
  readonly message: number | null;
  /** Whether the model would write it: an assistant's content, tool calls, and the marker that ends the turn. */
  readonly answer: boolean;
}

/** A segment that knows whether its tokens are targets of the loss, and with which weight. */
export interface WeightedSegment extends Segment {
  readonly supervised: boolean;
  /** Loss weight of its tokens; 0 where they are not supervised. */
  readonly weight: number;
}
