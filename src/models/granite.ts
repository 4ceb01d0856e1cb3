/** Granite, dense (IBM 2024): Llama with multipliers of embedding, scores, residual branches and logits. */

import * as v from "valibot";
import { gatedMlp, rmsNorm } from "../nn/layers.ts";
import { type Architecture, familyOf } from "./architecture.ts";
import { numbers } from "./config.ts";
import {
  type Block,
  type DecoderConfig,
  decoderForward,
  decoderLayers,
  decoderParts,
  readDecoder,
  selfAttention,
} from "./decoder.ts";

const own = {
  embedding_multiplier: v.optional(numbers.multiplier, 1),
  attention_multiplier: v.optional(numbers.multiplier, 1),
  residual_multiplier: v.optional(numbers.multiplier, 1),
  logits_scaling: v.optional(numbers.multiplier, 1),
};

type GraniteConfig = DecoderConfig & v.InferOutput<v.ObjectSchema<typeof own, undefined>>;

const block: Block<GraniteConfig> = (scope, config, x, attend, select) => {
  const { b } = scope;
  const { rms_norm_eps: epsilon, attention_bias: bias, intermediate_size: hidden, activation, mlp_bias } = config;
  const branch = b.scalar(config.residual_multiplier);
  const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, epsilon));
  const attended = selfAttention(scope, config, normal, attend, select, { bias: [bias, bias] });
  const h = b.add(select(x), b.mul(attended, branch));
  const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, epsilon));
  const fed = scope.within("mlp", (s) => gatedMlp(s, post, { hidden, activation, bias: mlp_bias }));
  return b.add(h, b.mul(fed, branch));
};

const architecture: Architecture<GraniteConfig> = {
  ...decoderParts,
  name: "GraniteForCausalLM",
  modelType: "granite",
  readConfig: (json) => readDecoder(json, { own, defaults: { context: 2048 }, reads: ["attention_bias", "mlp_bias"] }),
  layers: (config) => decoderLayers(config, () => ({ scoreScale: config.attention_multiplier })),
  forward: (scope, config, tokens, attend, select) =>
    decoderForward(scope, config, tokens, attend, select, block, {
      embeddingScale: config.embedding_multiplier,
      headScale: 1 / config.logits_scaling,
    }),
};

export const granite = familyOf(architecture);
