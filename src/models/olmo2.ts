/** OLMo 2 (OLMo Team 2024, arXiv:2501.00656): norms after attention and MLP, and over all queries and all keys. */

import { gatedMlp, rmsNorm } from "../nn/layers.ts";
import { type Architecture, type Block, familyOf } from "./architecture.ts";
import { decoderParts, selfAttention } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { plainForm } from "./ggufForm.ts";

const block: Block<DecoderConfig> = (scope, config, x, attend, select) => {
  const { b } = scope;
  const { rms_norm_eps: epsilon, attention_bias: bias, intermediate_size: hidden, activation } = config;
  const attended = selfAttention(scope, config, x, attend, select, {
    bias: [bias, bias],
    normalize: (s, name, y) => s.within(name, (own) => rmsNorm(own, y, epsilon)),
  });
  const h = b.add(
    select(x),
    scope.within("post_attention_layernorm", (s) => rmsNorm(s, attended, epsilon)),
  );
  const fed = scope.within("mlp", (s) => gatedMlp(s, h, { hidden, activation }));
  return b.add(
    h,
    scope.within("post_feedforward_layernorm", (s) => rmsNorm(s, fed, epsilon)),
  );
};

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(block),
  name: "Olmo2ForCausalLM",
  modelType: "olmo2",
  gguf: plainForm("olmo2"),
  readConfig: (json) =>
    readDecoder(json, { own: {}, defaults: { context: 2048, epsilon: 1e-5 }, reads: ["attention_bias"] }),
};

export const olmo2 = familyOf(architecture);
