/** Gemma 2 (Riviere et al. 2024, arXiv:2408.00118): norms around attention and MLP, soft caps, every other layer slides. */

import * as v from "valibot";
import { gatedMlp, headNorm, rmsNorm } from "../nn/layers.ts";
import type { Value } from "../onnx/graph.ts";
import { type Architecture, type Block, familyOf } from "./architecture.ts";
import { numbers } from "./config.ts";
import { decoderFacts, decoderLayers, decoderParts, selfAttention } from "./decoder.ts";
import { type DecoderConfig, type DecoderDefaults, readDecoder, windowOr4096 } from "./decoderConfig.ts";
import { gemmaForm } from "./ggufGemma.ts";

const own = {
  query_pre_attn_scalar: v.optional(numbers.multiplier, 256),
  final_logit_softcapping: v.nullish(numbers.multiplier),
};

const capFields = { attn_logit_softcapping: v.nullish(numbers.multiplier) };

export type GemmaConfig = DecoderConfig & v.InferOutput<v.ObjectSchema<typeof own & typeof capFields, undefined>>;

/** Four norms with weights around 0: before and after attention and MLP. Gemma 3 also normalises queries and keys. */
export const gemmaBlock =
  (normalizesHeads: boolean): Block<GemmaConfig> =>
  (scope, config, x, attend, select) => {
    const { b } = scope;
    const { rms_norm_eps: epsilon, attention_bias: bias, intermediate_size: hidden, activation } = config;
    const norm = (name: string, y: Value) => scope.within(name, (s) => rmsNorm(s, y, epsilon, true));
    const attended = selfAttention(scope, config, norm("input_layernorm", x), attend, select, {
      bias: [bias, bias],
      normalize: (s, name, y) =>
        normalizesHeads ? s.within(name, (inner) => headNorm(inner, y, config.head_dim, epsilon, true)) : y,
    });
    const h = b.add(select(x), norm("post_attention_layernorm", attended));
    const before = norm("pre_feedforward_layernorm", h);
    const fed = scope.within("mlp", (s) => gatedMlp(s, before, { hidden, activation }));
    return b.add(h, norm("post_feedforward_layernorm", fed));
  };

export const gemmaDefaults = {
  tied: true,
  activation: ["hidden_activation", "gelu_pytorch_tanh"],
  headSize: 256,
  keyHeads: 4,
  sizes: { hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26, num_attention_heads: 8 },
} as const satisfies Partial<DecoderDefaults>;

export const gemmaReading = {
  own,
  reads: ["attention_bias", "sliding_window", "layer_types", "hidden_activation"],
  // Gemma reads hidden_activation; a hidden_act beside it means nothing.
  ignores: ["hidden_act", "cache_implementation"],
  window: windowOr4096,
} as const;

/** A layer's attention, apart from its rotation. */
export const gemmaAttention = (config: GemmaConfig) => ({
  scoreScale: config.query_pre_attn_scalar ** -0.5,
  scoreCap: config.attn_logit_softcapping ?? null,
});

/** The embedding is multiplied by √hidden. */
export const gemmaFrame = (config: GemmaConfig) => ({ embeddingScale: Math.sqrt(config.hidden_size), centred: true });

/** The parts of a Gemma that its generation does not change. */
export const gemmaParts = (block: Block<GemmaConfig>) => ({
  ...decoderParts(block, gemmaFrame),
  facts: (config: GemmaConfig) => ({ ...decoderFacts(config), logitCap: config.final_logit_softcapping ?? null }),
});

/** Here a missing soft cap is 50 for scores and 30 for logits, one of null is none. */
function readConfig(json: unknown): GemmaConfig {
  const config = readDecoder(json, {
    ...gemmaReading,
    own: { ...own, ...capFields },
    defaults: { ...gemmaDefaults, context: 8192, sizes: { ...gemmaDefaults.sizes, vocab_size: 256_000 } },
    slides: (layer) => layer % 2 === 0,
  });
  const given: Readonly<Record<string, unknown>> = Object(json);
  const or = (field: "attn_logit_softcapping" | "final_logit_softcapping", missing: number) =>
    given[field] === undefined ? missing : config[field];
  return {
    ...config,
    attn_logit_softcapping: or("attn_logit_softcapping", 50),
    final_logit_softcapping: or("final_logit_softcapping", 30),
  };
}

const architecture: Architecture<GemmaConfig> = {
  ...gemmaParts(gemmaBlock(false)),
  name: "Gemma2ForCausalLM",
  modelType: "gemma2",
  gguf: (config) => gemmaForm("gemma2", config),
  readConfig,
  layers: (config) => decoderLayers(config, () => gemmaAttention(config)),
};

export const gemma2 = familyOf(architecture);
