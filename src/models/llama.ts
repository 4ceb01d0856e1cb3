/** The Llama family (Touvron et al. 2023, arXiv:2302.13971): Llama 1 to 3, SmolLM2, TinyLlama and their kin. */

import { gatedMlp, rmsNorm } from "../nn/layers.ts";
import { type Architecture, familyOf } from "./architecture.ts";
import { type Block, type DecoderConfig, decoderForward, decoderParts, readDecoder, selfAttention } from "./decoder.ts";

/** Norms before attention and before the MLP; both results are added to the residual. */
export const llamaBlock: Block<DecoderConfig> = (scope, config, x, attend, select) => {
  const { b } = scope;
  const { rms_norm_eps: epsilon, attention_bias: bias, intermediate_size: hidden, activation, mlp_bias } = config;
  const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, epsilon));
  const attended = selfAttention(scope, config, normal, attend, select, { bias: [bias, bias] });
  const h = b.add(select(x), attended);
  const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, epsilon));
  return b.add(
    h,
    scope.within("mlp", (s) => gatedMlp(s, post, { hidden, activation, bias: mlp_bias })),
  );
};

/** Checks a Llama's `config.json`. Throws a ConfigError that names field and value. */
export const readConfig = (json: unknown): DecoderConfig =>
  readDecoder(json, { own: {}, defaults: { context: 2048 }, reads: ["attention_bias", "mlp_bias"] });

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts,
  name: "LlamaForCausalLM",
  modelType: "llama",
  readConfig,
  forward: (scope, config, tokens, attend, select) => decoderForward(scope, config, tokens, attend, select, llamaBlock),
};

export const llama = familyOf(architecture);
