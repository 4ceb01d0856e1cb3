/** How well a model still predicts general text: what fine-tuning forgets shows here. */

import type { TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import { evaluationBatches } from "./batchSource.ts";
import { nextTask } from "./control.ts";
import { meanLoss } from "./evaluate.ts";
import type { EvaluationProgram } from "./program.ts";

export interface TextLossParts {
  readonly program: Pick<EvaluationProgram, "lossSum">;
  /** Longest sequence of the model in tokens. */
  readonly contextLength: number;
}

export interface TextLossOptions {
  readonly signal?: AbortSignal;
  /** Batches gone through, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Texts that are evaluated at once. */
const batchSize = 8;

/**
 * Mean cross-entropy per token in nats over all texts: Σ CE / tokens, over every token of each text but its first. `texts`
 * are token ids as plain text is trained on. Cuts each at the model's context. Null when no text has a token to predict.
 * Throws the signal's reason.
 */
export async function textLoss(
  texts: readonly Int32Array[],
  { program, contextLength }: TextLossParts,
  { signal, onProgress }: TextLossOptions = {},
): Promise<number | null> {
  const examples = texts
    .map((ids, row) => exampleOf(ids.slice(0, contextLength), row))
    .filter(({ ids }) => ids.length > 1);
  if (examples.length === 0) return null;
  const batches = evaluationBatches(examples, chooseBuckets(examples, batchSize, { repeats: false }));
  let done = 0;
  const loss = await meanLoss(program, batches, async () => {
    onProgress?.(done++, batches.length);
    await nextTask();
    return signal?.aborted ?? false;
  });
  signal?.throwIfAborted();
  onProgress?.(batches.length, batches.length);
  return loss;
}

function exampleOf(ids: Int32Array, row: number): TokenizedExample {
  // Nothing predicts the first token; where the model opens with BOS, that is the one.
  const mask = new Uint8Array(ids.length).fill(1, 1);
  const origin = { source: 0, name: "general text", row, line: row + 1 };
  return { origin, ids, mask, weights: new Float32Array(ids.length).fill(1) };
}
