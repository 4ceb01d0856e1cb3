/** What training a model takes at least, known from its configuration alone. */

import { type Method, parametersOf } from "../artifacts/method.ts";
import type { LlamaConfig } from "../models/llama.ts";
import type { ModelNeeds } from "../protocol/engine.ts";
import { byteSizeOf } from "../tensor/dtype.ts";

/** The usual adapter: rank 16 on every linear layer. */
const usualAdapter: Method = {
  kind: "lora",
  rank: 16,
  alpha: 32,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};

/**
 * Bytes on the device for float32 weights and, for each number that is trained, its gradient and AdamW's two moments. What
 * the rows take comes on top, and depends on their length: a run's budget measures it.
 */
export function needsOf(config: LlamaConfig): ModelNeeds {
  const bytesOf = (method: Method) =>
    parametersOf(config, method).reduce(
      (sum, { shape, trainable }) => sum + byteSizeOf("float32", shape) * (trainable ? 4 : 1),
      0,
    );
  return { lora: bytesOf(usualAdapter), full: bytesOf({ kind: "full" }) };
}
