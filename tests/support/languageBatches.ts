/** Seeded rows for a small language model, and batches of them in the loop's order. */

import type { TokenizedExample } from "../../src/batching/batch.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { createBatchSource } from "../../src/training/batchSource.ts";
import { originOf } from "./examples.ts";
import { languageSizes } from "./officialLanguage.ts";
import { oneStage } from "./oneStage.ts";

const random = createRandom(12);

/** Prompts of two tokens; the rest is supervised and follows a rule. */
export const languageExamples: readonly TokenizedExample[] = Array.from({ length: 6 }, (_, row) => {
  const start = random.below(languageSizes.vocabulary);
  const length = 5 + random.below(5);
  const ids = Int32Array.from({ length }, (__, i) => (start + 5 * i) % languageSizes.vocabulary);
  const mask = new Uint8Array(length).fill(1, 2);
  return { origin: originOf(row), ids, mask, weights: new Float32Array(length).fill(1) };
});

export const languageShape = { rows: 2, length: 10, supervised: 16 };
const buckets = [languageShape];

type OrderState = ReturnType<ReturnType<typeof oneStage>["state"]>;

/** Two micro-batches of two rows a step. */
export const languageOrder = (from?: OrderState) =>
  oneStage(
    {
      lengths: languageExamples.map(({ ids }) => ids.length),
      sources: languageExamples.map(({ origin }) => origin.source),
      mixture: { mode: "weight", lambdas: [1] },
      packing: null,
      buckets,
      batchSize: 2,
      accumulation: 2,
      seed: 3,
    },
    from,
  );

export const languageBatches = (from?: OrderState) =>
  createBatchSource(
    languageExamples.map((example) => [example]),
    buckets,
    languageOrder(from),
  );
