/** Log-probabilities of given answers to a prompt, for multiple choice. */

import type { TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import { evaluationBatches } from "./batchSource.ts";
import type { EvaluationProgram } from "./program.ts";

/** A given answer to a prompt, as token ids. */
export interface ScoredChoice {
  readonly prompt: Int32Array;
  readonly answer: Int32Array;
}

export interface ChoiceParts {
  readonly program: Pick<EvaluationProgram, "tokenLosses">;
  /** Longest sequence of the model in tokens. */
  readonly contextLength: number;
}

/** Choices per batch. */
const batchSize = 8;

/**
 * Σ log P of each answer's tokens after its prompt's, in nats and in the order of the input; −Infinity for one that has no token
 * or does not fit the context.
 */
export async function choiceScores(
  choices: readonly ScoredChoice[],
  { program, contextLength }: ChoiceParts,
): Promise<number[]> {
  const scores = choices.map(() => Number.NEGATIVE_INFINITY);
  const examples = choices
    .map(exampleOf)
    .filter((example, row) => (choices[row]?.answer.length ?? 0) > 0 && example.ids.length <= contextLength);
  if (examples.length === 0) return scores;
  for (const batch of evaluationBatches(examples, chooseBuckets(examples, batchSize, { repeats: false }))) {
    const losses = await program.tokenLosses(batch);
    let position = 0;
    for (const { origin, supervised } of batch.examples) {
      scores[origin.row] = -losses.subarray(position, position + supervised).reduce((sum, loss) => sum + loss, 0);
      position += supervised;
    }
  }
  return scores;
}

function exampleOf({ prompt, answer }: ScoredChoice, row: number): TokenizedExample {
  const ids = new Int32Array(prompt.length + answer.length);
  ids.set(prompt);
  ids.set(answer, prompt.length);
  const mask = new Uint8Array(ids.length).fill(1, Math.max(1, prompt.length));
  const origin = { source: 0, name: "choices", row, line: row + 1 };
  return { origin, ids, mask, weights: new Float32Array(ids.length).fill(1) };
}
