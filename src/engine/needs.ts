/** The least bytes that training a model takes, from its config alone. */

import { linearsOf, type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { ModelNeeds } from "../protocol/engine.ts";
import { byteSizeOf } from "../tensor/dtype.ts";

/** The usual adapter: rank 16 on every linear layer. */
const usualAdapter = (model: ModelDefinition): Method => ({
  kind: "lora",
  rank: 16,
  alpha: 32,
  targets: linearsOf(model).map(({ name }) => name),
});

/**
 * Bytes on the device for the weights and, for each trained number, its gradient and AdamW's two moments. Activations come
 * on top; they depend on the length of the rows, and a run's budget counts them.
 */
export function needsOf(model: ModelDefinition): ModelNeeds {
  const bytesOf = (method: Method) =>
    parametersOf(model, method).reduce(
      (sum, { shape, storage, trainable }) =>
        sum + byteSizeOf(storage, shape) + (trainable ? 3 * byteSizeOf("float32", shape) : 0),
      0,
    );
  const tensors = parametersOf(model, null).map(({ storage, shape }) => byteSizeOf(storage, shape));
  return { lora: bytesOf(usualAdapter(model)), full: bytesOf({ kind: "full" }), largestTensor: Math.max(...tensors) };
}
