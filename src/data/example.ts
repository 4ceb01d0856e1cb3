/** What a row is between its file and its tokens: messages, then rendered segments. */

export type Role = "system" | "user" | "assistant";

export const roles: readonly Role[] = ["system", "user", "assistant"];

export interface Message {
  readonly role: Role;
  readonly content: string;
  /** Loss weight of an assistant's message; 1 where absent. Other roles are never learnt. */
  readonly weight?: number;
}

export interface Example {
  readonly messages: readonly Message[];
  /** Index of the row in its file, from 0. */
  readonly row: number;
  /** Line of the file on which the row begins, as an editor shows it, from 1. */
  readonly line: number;
}

/** Why a row cannot be used. */
export interface RowProblem {
  /** Line of the file on which the row begins, as an editor shows it, from 1. */
  readonly line: number;
  readonly message: string;
}

/** A stretch of rendered text that knows where it comes from. */
export interface Segment {
  readonly text: string;
  /** Special tokens are looked for in the template's own "control" text only; "content" is always plain text. */
  readonly kind: "control" | "content";
  /** Whose turn it belongs to; null for what stands before all turns. */
  readonly role: Role | null;
  /** Whether the model learns to write it. */
  readonly supervised: boolean;
  /** Loss weight of its tokens; 0 where it is not supervised. */
  readonly weight: number;
}
