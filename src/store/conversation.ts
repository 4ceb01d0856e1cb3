/** Conversations with several models at once: one user's turns, and to each the answers of every side. Plain facts. */

import type { Answer, ReadPrompt, SamplingSettings, ShownToken, Subject } from "../protocol/engine.ts";
import type { Message } from "../records/example.ts";
import type { Failure } from "./state.ts";

/** The base model, a run's newest checkpoint, and one checkpoint more of any run. */
export const sideNames = ["base", "tuned", "other"] as const;
export type SideName = (typeof sideNames)[number];

/** Who is asked. */
export interface Side extends Subject {
  readonly name: SideName;
  /** The model's or the run's name, for the history outlives both. */
  readonly of: string;
}

/** What is told of an answer beside its text. */
export interface AnswerFigures extends Pick<Answer, "finish" | "step" | "seconds"> {
  /** Tokens that it read, and that it wrote. */
  readonly read: number;
  readonly wrote: number;
}

export interface AnswerFacts {
  readonly requestId: string;
  readonly text: string;
  readonly status: "waiting" | "writing" | "done" | "failed";
  /** Null until it is done. */
  readonly figures: AnswerFigures | null;
  /** What the model read; the tokens only while the page is open, for they are many. */
  readonly prompt: ReadPrompt | null;
  readonly written: readonly ShownToken[];
  readonly failure: Failure | null;
}

export interface Turn {
  readonly question: string;
  readonly sampling: SamplingSettings;
  readonly answers: Readonly<Partial<Record<SideName, AnswerFacts>>>;
}

/** Which checkpoint more is asked; null is the newest. */
export interface OtherChoice {
  readonly runId: string;
  readonly checkpoint: number | null;
}

export interface Conversation {
  readonly id: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Equal where the same are asked in the same words: only then another question goes on with it. */
  readonly key: string;
  readonly sides: readonly (Pick<Side, "name" | "of"> & { readonly checkpoint: number | null })[];
  /** The choice that led to these sides. */
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

/** Whether an answer is part of what its side reads later: one that failed, or was stopped before its first word, is not. */
export function isKeptInMind({ status, text, figures }: AnswerFacts): boolean {
  return status === "done" && !(figures?.finish === "cancelled" && text === "");
}

/** What a side reads when `question` is asked after these turns: its own answers, and the questions that it answered. */
export function messagesFor(
  side: SideName,
  turns: readonly Turn[],
  question: string,
): readonly Pick<Message, "role" | "content">[] {
  const before = turns.flatMap(({ question: content, answers }) => {
    const answer = answers[side];
    if (!answer || !isKeptInMind(answer)) return [];
    return [
      { role: "user" as const, content },
      { role: "assistant" as const, content: answer.text },
    ];
  });
  return [...before, { role: "user", content: question }];
}

/** The conversation with a side's answer to its last question changed. */
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
