/** The loss of a model on general text, which shows how much fine-tuning made it forget. */

import type { TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import { renderText } from "../templates/mask.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { evaluationBatches } from "./batchSource.ts";
import { nextTask } from "./control.ts";
import { meanLoss } from "./evaluate.ts";
import type { EvaluationProgram } from "./program.ts";

export interface TextLossParts {
  readonly program: Pick<EvaluationProgram, "lossSum">;
  readonly tokenizer: Tokenizer;
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
 * Mean cross-entropy per token in nats over all texts: Σ CE / tokens. It counts the tokens that plain text is trained on:
 * every token but the first, and EOS where the model has one. Texts are cut at the context length. Null when no text has a
 * token to predict. Throws the signal's reason.
 */
export async function textLoss(
  texts: readonly string[],
  { program, tokenizer, contextLength }: TextLossParts,
  { signal, onProgress }: TextLossOptions = {},
): Promise<number | null> {
  const examples = texts
    .map((text, row) => exampleOf(text, row, tokenizer, contextLength))
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

function exampleOf(text: string, row: number, tokenizer: Tokenizer, contextLength: number): TokenizedExample {
  const ids = tokenizer.encode(renderText(text, tokenizer)).ids.slice(0, contextLength);
  // Nothing predicts the first token, which is BOS for models that have it.
  const mask = new Uint8Array(ids.length).fill(1, 1);
  const origin = { source: 0, name: "general text", row, line: row + 1 };
  return { origin, ids, mask, weights: new Float32Array(ids.length).fill(1) };
}
