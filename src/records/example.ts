/** The examples that rows become before a template renders them. Plain data. */

export type Role = "system" | "user" | "assistant" | "tool";

export const roles: readonly Role[] = ["system", "user", "assistant", "tool"];

/** A tool call of an assistant's message; `arguments` is parsed JSON, never JSON text. */
export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** A span of a message with its own loss weight. */
export interface ContentPart {
  readonly text: string;
  /** The message's weight where absent; used only in an assistant's message. */
  readonly weight?: number;
}

export interface Message {
  readonly role: Role;
  /** Empty only if the message has tool calls. */
  readonly content: string;
  /** Loss weight of an assistant's message; 1 where absent. Ignored in other roles. */
  readonly weight?: number;
  /** Present where weights differ within the message; their joined texts are `content`. */
  readonly parts?: readonly ContentPart[];
  /** The speaker, where a format names people or tools. */
  readonly name?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** In a tool's message: the id of the call that it answers. */
  readonly toolCallId?: string;
}

/** The place of an example's record. */
export interface Origin {
  /** Index of the record in its file, from 0. One record may contain several examples, for instance a tree of replies. */
  readonly row: number;
  /** Line of the file on which the record begins, from 1; for a Parquet table it is row + 1. */
  readonly line: number;
  /** Task or category in the row. */
  readonly category?: string;
  /** Split in the row. */
  readonly split?: "train" | "validation";
}

export interface ChatExample extends Origin {
  readonly kind: "chat";
  readonly messages: readonly Message[];
  /** Tool descriptions as parsed JSON, for templates that render them. */
  readonly tools?: readonly unknown[];
}

/** Plain text for continued pre-training, supervised as a whole. */
export interface TextExample extends Origin {
  readonly kind: "text";
  readonly text: string;
}

/** A preference pair; supervised fine-tuning does not train on it. */
export interface PreferenceExample extends Origin {
  readonly kind: "preference";
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
}

export type Example = ChatExample | TextExample | PreferenceExample;

/** Kinds of example that Hone trains on. */
export type TrainableKind = "text" | "chat";

/** The reason why a row cannot be used. */
export interface RowProblem {
  /** Index of its source among the chosen sources, from 0. */
  readonly source?: number;
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
  readonly message: string;
}
