/** Conversations with several models: the turns of the user, each with an answer per side. Plain facts. */

import type { Answer, ReadPrompt, SamplingSettings, ShownToken, Subject } from "../protocol/engine.ts";
import type { Message } from "../records/example.ts";
import type { Failure } from "./state.ts";

/** The base model, the newest checkpoint of a run, and another checkpoint of any run. */
export const sideNames = ["base", "tuned", "other"] as const;
export type SideName = (typeof sideNames)[number];

/** A model that answers. */
export interface Side extends Subject {
  readonly name: SideName;
  /** Name of the model or run: the history outlives both. */
  readonly of: string;
}

/** Figures of an answer. */
export interface AnswerFigures extends Pick<Answer, "finish" | "step" | "seconds"> {
  /** Tokens of the prompt, and of the answer. */
  readonly read: number;
  readonly wrote: number;
}

export interface AnswerFacts {
  readonly requestId: string;
  readonly text: string;
  readonly status: "waiting" | "writing" | "done" | "failed";
  /** Null until it is done. */
  readonly figures: AnswerFigures | null;
  /** The prompt; its tokens are not saved. */
  readonly prompt: ReadPrompt | null;
  readonly written: readonly ShownToken[];
  readonly failure: Failure | null;
}

export interface Turn {
  readonly question: string;
  readonly sampling: SamplingSettings;
  readonly answers: Readonly<Partial<Record<SideName, AnswerFacts>>>;
}

/** Another checkpoint that answers; a null step is the newest. */
export interface OtherChoice {
  readonly runId: string;
  readonly checkpoint: number | null;
}

export interface Conversation {
  readonly id: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Equal for equal sides and templates: only then another question continues the conversation. */
  readonly key: string;
  readonly sides: readonly (Pick<Side, "name" | "of"> & { readonly checkpoint: number | null })[];
  /** The choice of these sides. */
  readonly runId: string;
  readonly other: OtherChoice | null;
  readonly turns: readonly Turn[];
}

/** See `Conversation.key`. */
export function keyOf(sides: readonly Side[]): string {
  return JSON.stringify(
    sides.map(({ name, modelHash, runId, checkpoint, template, systemPrompt }) => [
      name,
      modelHash,
      runId,
      checkpoint,
      template,
      systemPrompt,
    ]),
  );
}

/** Whether an answer is part of later prompts: not if it failed, or was stopped before its first word. */
export function isInPrompt({ status, text, figures }: AnswerFacts): boolean {
  return status === "done" && !(figures?.finish === "cancelled" && text === "");
}

/** Messages of a side for `question`: the questions that it answered, its answers, then `question`. */
export function messagesFor(
  side: SideName,
  turns: readonly Turn[],
  question: string,
): readonly Pick<Message, "role" | "content">[] {
  const before = turns.flatMap(({ question: content, answers }) => {
    const answer = answers[side];
    if (!answer || !isInPrompt(answer)) return [];
    return [
      { role: "user" as const, content },
      { role: "assistant" as const, content: answer.text },
    ];
  });
  return [...before, { role: "user", content: question }];
}

/** The conversation with a changed answer of a side to the last question. */
export function withAnswer(
  conversation: Conversation,
  side: SideName,
  change: (answer: AnswerFacts) => AnswerFacts,
): Conversation {
  const turn = conversation.turns.at(-1);
  const answer = turn?.answers[side];
  if (!turn || !answer) return conversation;
  const answers = { ...turn.answers, [side]: change(answer) };
  return { ...conversation, turns: conversation.turns.with(-1, { ...turn, answers }) };
}
