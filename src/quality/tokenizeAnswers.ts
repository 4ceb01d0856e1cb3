/** Turns a preference row into the training sequences of its answers. */

import type { Truncated } from "../batching/truncate.ts";
import { truncateAnswers } from "../batching/truncateAnswers.ts";
import type { ChatExample, Message, PreferenceExample } from "../records/example.ts";
import { type Refused, type Tokenized, type TokenizeParts, tokenizeChat } from "./tokenize.ts";
import { asContext } from "./variants.ts";

/** The answers of a preference row, in the order of the token table. */
export const answerSides = ["chosen", "rejected"] as const;

export type AnswerSide = (typeof answerSides)[number];

/** An answer with its prompt, tokenized. */
export interface TokenizedAnswer {
  readonly side: AnswerSide;
  /** The prompt and the answer as a chat in which only the answer has a loss weight. */
  readonly chat: ChatExample;
  /** Its sequences are empty where the row is left out. */
  readonly tokenized: Tokenized;
  readonly sequence: Truncated;
}

/** The answers of a row: two, or one where the row has only one. */
export interface TokenizedAnswers {
  readonly answers: readonly TokenizedAnswer[];
  /** The reason why the row is left out whole; null when it is used. */
  readonly problem: string | null;
}

/**
 * Renders the prompt with each answer, supervises the answer's own messages, and truncates both with the same part of the
 * prompt. The recipe's mask does not apply. Never throws: an error of template or tokenizer becomes the row's problem.
 */
export function tokenizeAnswers(example: PreferenceExample, parts: TokenizeParts): TokenizedAnswers | Refused {
  const { tokenizer, settings } = parts;
  const sides = answerSides.filter((side) => example[side].length > 0);
  const written: { readonly side: AnswerSide; readonly chat: ChatExample; readonly tokenized: Tokenized }[] = [];
  for (const side of sides) {
    const chat = answerChat(example, side);
    const tokenized = tokenizeChat(chat, parts, "responses");
    if (!("encoding" in tokenized)) return { ...tokenized, problem: inAnswer(side, tokenized.problem) };
    written.push({ side, chat, tokenized });
  }
  const sequences = truncateAnswers(
    written.map(({ tokenized }) => tokenized.encoding),
    { maxLength: settings.maxLength, mode: settings.truncation, bosId: tokenizer.bos?.id ?? null },
  );
  const failed = sequences.findIndex(({ problem }) => problem !== null);
  const problem = failed < 0 ? null : inAnswer(sides[failed] ?? "chosen", sequences[failed]?.problem ?? "");
  const answers = written.flatMap(({ side, chat, tokenized }, i): TokenizedAnswer[] => {
    const sequence = sequences[i];
    if (!sequence) return [];
    const used = problem === null ? [sequence] : [];
    return [
      { side, chat, sequence, tokenized: { ...tokenized, sequences: used, lost: sequence.supervisedLost, problem } },
    ];
  });
  return { answers, problem };
}

const inAnswer = (side: AnswerSide, problem: string) => `${side} answer: ${problem}`;

/** The prompt with one of its answers, as `TokenizedAnswer.chat`. */
export function answerChat(
  { prompt, kind: _, chosen, rejected, ...origin }: PreferenceExample,
  side: AnswerSide,
): ChatExample {
  const answer = (side === "chosen" ? chosen : rejected).map(asWhole);
  return { ...origin, kind: "chat", messages: [...prompt.map(asContext), ...answer] };
}

/** A preference compares whole answers, so that a weight only says whether a text counts: 0 masks it, any other is 1. */
function asWhole(message: Message): Message {
  const whole = (weight: number | undefined) => (weight === 0 ? 0 : 1);
  const { weight, parts, ...rest } = message;
  return {
    ...rest,
    ...(weight === 0 && { weight }),
    ...(parts && { parts: parts.map((part) => ({ ...part, weight: whole(part.weight ?? weight) })) }),
  };
}
