/** The examples that rows become before a template renders them. */

import type { Value } from "./value.ts";

export type Role = "system" | "user" | "assistant" | "tool";

export const roles: readonly Role[] = ["system", "user", "assistant", "tool"];

/** A tool call of an assistant's message; `arguments` is parsed JSON, never JSON text. Members with null are absent. */
export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: Value;
  /**
   * The call as a template sees it: the file's members in their order, with parsed arguments. Where absent, a template sees
   * `{ type: "function", id, function: { name, arguments } }`.
   */
  readonly whole?: Value;
}

/** A span of a message with its own loss weight. */
export interface ContentPart {
  readonly text: string;
  /** The message's weight where absent; used only in an assistant's message. */
  readonly weight?: number;
}

export interface Message {
  readonly role: Role;
  /** The text; "" where there is none, and JSON of a list or an object in `structured`. */
  readonly content: string;
  /**
   * The content as a template sees it, where that is not `content`: the list or object of a structured tool result, or null
   * where the file has no content, as beside tool calls. A template then sees no content.
   */
  readonly structured?: Value;
  /**
   * Everything else that the file's message has, by its own key: reasoning under any of its names, name, weight, fields of a
   * task. Without role, content and tool_calls, and without null. A template sees all of them.
   */
  readonly fields?: Readonly<Record<string, Value>>;
  /**
   * The keys of the file's message, where their order is not role, content, `fields`, tool_calls. A template that lists them
   * sees this order.
   */
  readonly order?: readonly string[];
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

/** Fields in which a message has its reasoning, the most usual first. */
export const reasoningFields = ["reasoning_content", "reasoning", "thinking"] as const;

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
  /** Whether texts of special tokens in its contents become these tokens. */
  readonly specialTokens?: boolean;
}

/** A piece of a text that was rendered before it came to Hone. */
export interface ReadyPiece {
  readonly text: string;
  /** Whether it is a marker of the template, so that texts of special tokens in it are these tokens. */
  readonly marker: boolean;
  /** Index into the example's messages; null for the text between turns. */
  readonly message: number | null;
  /** Whether the assistant wrote it, the marker that ends its turn included. */
  readonly answer: boolean;
}

export interface ChatExample extends Origin {
  readonly kind: "chat";
  readonly messages: readonly Message[];
  /** Tool descriptions as parsed JSON, for templates that render them. */
  readonly tools?: readonly Value[];
  /** Its place among the answers of its row, where each answer is an example of its own; `nth` from 1. */
  readonly turn?: { readonly nth: number; readonly of: number };
  /** The text as the file has it, where the row was rendered already and stays so: no template is applied to it. */
  readonly ready?: readonly ReadyPiece[];
}

/** Plain text for continued pre-training, supervised as a whole. */
export interface TextExample extends Origin {
  readonly kind: "text";
  readonly text: string;
}

/** A wanted and an unwanted answer to a prompt; where the row has only one of them, the other is empty. */
export interface PreferenceExample extends Origin {
  readonly kind: "preference";
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
  /** Tool descriptions as in a chat. */
  readonly tools?: readonly Value[];
}

export type Example = ChatExample | TextExample | PreferenceExample;

/** Kinds of example that Hone trains on. */
export type TrainableKind = "text" | "chat" | "preference";

/** The reason why a row cannot be used. */
export interface RowProblem {
  /** Index of its source among the chosen sources, from 0. */
  readonly source?: number;
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
  readonly message: string;
}
