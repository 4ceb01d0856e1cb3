/**
 * Greedy answers of a small model whose head has every row four times, so that each highest logit is that of four tokens.
 * The rule of `greedy` takes the lowest of them, whoever chooses: a device or JavaScript.
 */

import { compileGeneration, type GenerationShape } from "../../src/artifacts/generation.ts";
import { parametersOf } from "../../src/artifacts/method.ts";
import { createBatchGenerator } from "../../src/generation/batch.ts";
import { greedySampling } from "../../src/generation/sampling.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { disposeAll, uploadParameters } from "../../src/training/parameters.ts";
import { smallLlama } from "./smallLlama.ts";

/** Tokens with rows of their own in the head. */
export const differentTokens = 10;
const model = smallLlama({ vocab_size: 4 * differentTokens, tie_word_embeddings: false });

/** Answers to five prompts; `change` edits a parameter's values. */
export async function tiedAnswers(
  runtime: Pick<Runtime, "tensor" | "session" | "report">,
  change: (name: string, values: Float32Array<ArrayBuffer>) => void = () => undefined,
): Promise<readonly (readonly number[])[]> {
  const random = createRandom(19);
  const parameters = await uploadParameters(runtime, parametersOf(model, null), ({ name, shape }) => {
    const width = shape[1] ?? 1;
    const values = Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : random.normal()));
    if (name === "lm_head.weight")
      values.forEach((_, i) => {
        values[i] = values[i % (differentTokens * width)] as number;
      });
    change(name, values);
    return values;
  });
  try {
    const generate = createBatchGenerator({
      runtime,
      parameters,
      artifact: (shape: GenerationShape) => compileGeneration(model, null, shape),
      contextLength: model.contextLength,
    });
    const requests = Array.from({ length: 5 }, (_, i) => ({
      prompt: Array.from({ length: 2 + 3 * i }, (_, t) => (7 * t + i) % model.vocabulary),
      stopIds: [],
      maxTokens: 6,
      sampling: greedySampling,
      seed: 0,
    }));
    return (await generate(requests)).map(({ ids }) => ids);
  } finally {
    disposeAll(parameters);
  }
}
