/** Whether a model knows the small world's facts: statements begun, to be continued with the value that makes them true. */

import type { Generate } from "../../src/generation/generate.ts";
import { greedySampling } from "../../src/generation/sampling.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Completion } from "./pairs.ts";

/** Right and asked, by task. */
export type Score = { readonly right: number; readonly asked: number };

/** Whether a continuation begins with the expected words, and does not go on within the last one. */
export function continuesWith(text: string, expected: string): boolean {
  const continued = text.trimStart();
  return continued.startsWith(expected) && !/^[\p{L}\p{N}]/u.test(continued.slice(expected.length));
}

/** Every `stride`-th of the completions, greedily continued as plain text: no template, no question. */
export async function completeStatements(
  { generate, tokenizer }: { readonly generate: Generate; readonly tokenizer: Tokenizer },
  completions: readonly Completion[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Record<string, Score>> {
  const plain = (text: string) =>
    tokenizer.encode([
      { text, kind: "content", role: null, message: null, answer: false, supervised: false, weight: 0 },
    ]).ids;
  const scores: Record<string, Score> = {};
  for (const [i, { task, beginning, expected }] of completions.entries()) {
    const { ids } = await generate({
      prompt: plain(beginning),
      stopIds: tokenizer.eos ? [tokenizer.eos.id] : [],
      // One token more than the value: it must not go on within a word.
      maxTokens: plain(` ${expected}`).length + 1,
      sampling: greedySampling,
      seed: 0,
    });
    tally(scores, task, continuesWith(tokenizer.decode(ids), expected));
    onProgress(i + 1, completions.length);
  }
  return scores;
}

/** Counts one more that was asked of a task, and whether it was right. */
export function tally(scores: Record<string, Score>, task: string, correct: boolean): void {
  const { right, asked } = scores[task] ?? { right: 0, asked: 0 };
  scores[task] = { right: right + (correct ? 1 : 0), asked: asked + 1 };
}

/** Right over asked in [0, 1], all tasks together; 0 where nothing was asked. */
export function shareOf(scores: readonly Score[]): number {
  const [right, asked] = scores.reduce(([a, b], score) => [a + score.right, b + score.asked], [0, 0]);
  return asked === 0 ? 0 : right / asked;
}
