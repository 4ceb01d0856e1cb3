/** What a row is between its file and its tokens: an example, then rendered segments. Plain data throughout. */

export type Role = "system" | "user" | "assistant" | "tool";

export const roles: readonly Role[] = ["system", "user", "assistant", "tool"];

/** A call that an assistant's message makes; `arguments` is JSON, never JSON as text. */
export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** A stretch of a message with a loss weight of its own. */
export interface ContentPart {
  readonly text: string;
  /** Replaces the message's weight; absent: the message's. Only an assistant's parts are learnt. */
  readonly weight?: number;
}

export interface Message {
  readonly role: Role;
  /** May be empty beside tool calls only. */
  readonly content: string;
  /** Loss weight of an assistant's message; 1 where absent. Other roles are never learnt. */
  readonly weight?: number;
  /** Where weights differ inside of the content, which is their texts joined. */
  readonly parts?: readonly ContentPart[];
  /** Who speaks, where a format names people or tools. */
  readonly name?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** On a tool's message: the call that it answers. */
  readonly toolCallId?: string;
}

/** Where an example comes from. */
export interface Origin {
  /** Index of the record in its file, from 0. One record may hold several examples, a tree of replies for instance. */
  readonly row: number;
  /** Line of the file on which the record begins, as an editor shows it, from 1. Of a Parquet table: row + 1. */
  readonly line: number;
  /** Task or category that the row names. */
  readonly category?: string;
  /** Split that the row names. */
  readonly split?: "train" | "validation";
}

export interface ChatExample extends Origin {
  readonly kind: "chat";
  readonly messages: readonly Message[];
  /** Tool descriptions as JSON, for templates that write them. */
  readonly tools?: readonly unknown[];
}

/** Plain text, for continued pre-training: every token is learnt. */
export interface TextExample extends Origin {
  readonly kind: "text";
  readonly text: string;
}

/** Kept for preference training; not learnt by supervised fine-tuning. */
export interface PreferenceExample extends Origin {
  readonly kind: "preference";
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
}

export type Example = ChatExample | TextExample | PreferenceExample;

/** What fine-tuning learns from: plain text whole, of chats the answers. */
export type LearntKind = "text" | "chat";

/** Why a row cannot be used. */
export interface RowProblem {
  /** Index of the source among the chosen ones, from 0. */
  readonly source?: number;
  /** Line of the file on which the row begins, as an editor shows it, from 1. */
  readonly line: number;
  readonly message: string;
}
