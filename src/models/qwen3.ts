/** Qwen 3, dense (Yang et al. 2025, arXiv:2505.09388): Llama with a norm over each head's queries and keys. */

import { headNorm } from "../nn/layers.ts";
import { type Architecture, familyOf } from "./architecture.ts";
import { decoderParts, preNormBlock } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { plainForm } from "./ggufForm.ts";
import { qwenWindows } from "./qwen2.ts";

const block = preNormBlock(({ attention_bias: bias, head_dim: size, rms_norm_eps: epsilon }) => ({
  bias: [bias, bias],
  normalize: (s, name, x) => s.within(name, (own) => headNorm(own, x, size, epsilon)),
}));

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(block),
  name: "Qwen3ForCausalLM",
  modelType: "qwen3",
  gguf: plainForm("qwen3"),
  readConfig: (json) =>
    readDecoder(json, {
      ...qwenWindows,
      defaults: { context: 32_768, keyHeads: 32, headSize: 128 },
      reads: ["attention_bias", "sliding_window", "layer_types"],
    }),
};

export const qwen3 = familyOf(architecture);
