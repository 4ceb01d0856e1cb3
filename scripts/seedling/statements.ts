/** Tests whether a model knows the small world's facts: it must complete statements with the right value. */

import type { Generate } from "../../src/generation/generate.ts";
import { greedySampling } from "../../src/generation/sampling.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import type { Completion } from "./pairs.ts";

/** The number of right answers among `total` questions or statements. */
export type Score = { readonly right: number; readonly total: number };

/** Whether a continuation begins with the expected words; its last word must end there. */
export function continuesWith(text: string, expected: string): boolean {
  const continued = text.trimStart();
  return continued.startsWith(expected) && !/^[\p{L}\p{N}]/u.test(continued.slice(expected.length));
}

/** Continues every `stride`-th completion greedily, as plain text without template. */
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
      // One token more than the value, to see whether its last word ends there.
      maxTokens: plain(` ${expected}`).length + 1,
      sampling: greedySampling,
      seed: 0,
    });
    tally(scores, task, continuesWith(tokenizer.decode(ids), expected));
    onProgress(i + 1, completions.length);
  }
  return scores;
}

/** Adds one result to the score of its task. */
export function tally(scores: Record<string, Score>, task: string, correct: boolean): void {
  const { right, total } = scores[task] ?? { right: 0, total: 0 };
  scores[task] = { right: right + (correct ? 1 : 0), total: total + 1 };
}

/** Share of right answers over all tasks, in [0, 1]; 0 without questions. */
export function shareOf(scores: readonly Score[]): number {
  const [right, total] = scores.reduce(([a, b], score) => [a + score.right, b + score.total], [0, 0]);
  return total === 0 ? 0 : right / total;
}
