/** The answers of preference rows: which examples belong together, and the figures of each answer. */

import type { PreviewExample } from "./roles.ts";

/** The examples of a row: a chat or a text alone, the two answers of a pair together, the chosen one first. */
export function groupsOf(
  examples: readonly PreviewExample[],
): readonly (readonly [PreviewExample, ...PreviewExample[]])[] {
  return examples.flatMap((example, index) => {
    if (!example.answer?.paired) return [[example]];
    const other = examples[index + 1];
    return example.answer.side === "chosen" ? [other?.answer ? [example, other] : [example]] : [];
  });
}

export interface AnswerFigures {
  /** Tokens of the answer, those that the length limit cuts included. */
  readonly tokens: number;
  /** Tokens with the prompt. */
  readonly whole: number;
  /** Tokens of the answer, and of the prompt, that the length limit cuts. */
  readonly cut: number;
  readonly promptCut: number;
  readonly text: string;
}

export function figuresOf({ tokens, supervised, lost, messages, answer }: PreviewExample): AnswerFigures {
  const cut = tokens.filter((token) => token.cut).length;
  const own = messages.slice(answer?.begin ?? messages.length);
  return {
    tokens: supervised + lost,
    whole: tokens.length,
    cut: lost,
    promptCut: Math.max(0, cut - lost),
    text: own
      .map(({ content, structured, toolCalls }) =>
        [structured ?? content, ...toolCalls.map((call) => `${call.name}(${call.arguments})`)].join("\n").trim(),
      )
      .join("\n"),
  };
}

/** Whether both examples have the same tokens with the same weights: then a pair teaches nothing. */
export const sameTokens = (a: PreviewExample, b: PreviewExample) =>
  a.tokens.length > 0 &&
  a.tokens.length === b.tokens.length &&
  a.tokens.every(({ id, weight }, i) => id === b.tokens[i]?.id && weight === b.tokens[i]?.weight);
