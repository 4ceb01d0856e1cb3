/** The loss of a model on general text, which shows how much fine-tuning made it forget. */

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
  /** Called with the number of evaluated batches and of all batches. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Texts per batch. */
const batchSize = 8;

/**
 * Mean cross-entropy per token in nats over all texts: Σ CE / tokens. `texts` are token ids as plain text is trained on; every
 * token counts but the first. Texts are cut at the context length. Null when no text has a token to predict. Throws the
 * signal's reason.
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
  // Nothing predicts the first token, which is BOS for models that have it.
  const mask = new Uint8Array(ids.length).fill(1, 1);
  const origin = { source: 0, name: "general text", row, line: row + 1 };
  return { origin, ids, mask, weights: new Float32Array(ids.length).fill(1) };
}
