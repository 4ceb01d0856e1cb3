/** Granite, dense (IBM 2024): Llama with multipliers of embedding, scores, residual branches and logits. */

import * as v from "valibot";
import { type Architecture, familyOf } from "./architecture.ts";
import { numbers } from "./config.ts";
import { decoderLayers, decoderParts, preNormBlock } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { float, llamaForm } from "./ggufForm.ts";

/** The multipliers. */
export const graniteOwn = {
  embedding_multiplier: v.optional(numbers.multiplier, 1),
  attention_multiplier: v.optional(numbers.multiplier, 1),
  residual_multiplier: v.optional(numbers.multiplier, 1),
  logits_scaling: v.optional(numbers.multiplier, 1),
};

export type GraniteConfig = DecoderConfig & v.InferOutput<v.ObjectSchema<typeof graniteOwn, undefined>>;

/** The multipliers around the blocks. */
export const graniteFrame = ({ embedding_multiplier, logits_scaling }: GraniteConfig) => ({
  embeddingScale: embedding_multiplier,
  headScale: 1 / logits_scaling,
});

const block = preNormBlock<GraniteConfig>(
  ({ attention_bias: bias }) => ({ bias: [bias, bias] }),
  (config) => config.residual_multiplier,
);

const architecture: Architecture<GraniteConfig> = {
  ...decoderParts(block, graniteFrame),
  name: "GraniteForCausalLM",
  modelType: "granite",
  gguf: llamaForm("granite", (config) => ({
    "attention.scale": float(config.attention_multiplier),
    embedding_scale: float(config.embedding_multiplier),
    residual_scale: float(config.residual_multiplier),
    logit_scale: float(config.logits_scaling),
  })),
  readConfig: (json) =>
    readDecoder(json, { own: graniteOwn, defaults: { context: 2048 }, reads: ["attention_bias", "mlp_bias"] }),
  layers: (config) => decoderLayers(config, () => ({ scoreScale: config.attention_multiplier })),
};

export const granite = familyOf(architecture);
