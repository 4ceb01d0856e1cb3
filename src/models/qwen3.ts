/** Qwen 3, dense (Yang et al. 2025, arXiv:2505.09388): Llama with a norm over each head's queries and keys. */

import { gatedMlp, headNorm, rmsNorm } from "../nn/layers.ts";
import { type Architecture, familyOf } from "./architecture.ts";
import { type Block, type DecoderConfig, decoderForward, decoderParts, readDecoder, selfAttention } from "./decoder.ts";
import { qwenWindows } from "./qwen2.ts";

const block: Block<DecoderConfig> = (scope, config, x, attend, select) => {
  const { b } = scope;
  const { rms_norm_eps: epsilon, attention_bias: bias, intermediate_size: hidden, activation } = config;
  const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, epsilon));
  const attended = selfAttention(scope, config, normal, attend, select, {
    bias: [bias, bias],
    normalize: (s, name, y) => s.within(name, (own) => headNorm(own, y, config.head_dim, epsilon)),
  });
  const h = b.add(select(x), attended);
  const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, epsilon));
  return b.add(
    h,
    scope.within("mlp", (s) => gatedMlp(s, post, { hidden, activation })),
  );
};

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts,
  name: "Qwen3ForCausalLM",
  modelType: "qwen3",
  readConfig: (json) =>
    readDecoder(json, {
      ...qwenWindows,
      defaults: { context: 32_768, headSize: 128 },
      reads: ["attention_bias", "sliding_window", "layer_types"],
    }),
  forward: (scope, config, tokens, attend, select) => decoderForward(scope, config, tokens, attend, select, block),
};

export const qwen3 = familyOf(architecture);
