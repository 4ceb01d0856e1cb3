/** The Llama family (Touvron et al. 2023, arXiv:2302.13971): Llama 1 to 3, SmolLM2, TinyLlama and their kin. */

import { type Architecture, familyOf } from "./architecture.ts";
import { decoderParts, preNormBlock } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { llamaForm } from "./ggufForm.ts";

export const llamaBlock = preNormBlock(({ attention_bias: bias }) => ({ bias: [bias, bias] }));

/** Checks a Llama's `config.json`. Throws a ConfigError that names field and value. */
export const readConfig = (json: unknown): DecoderConfig =>
  readDecoder(json, { own: {}, defaults: { context: 2048 }, reads: ["attention_bias", "mlp_bias"] });

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(llamaBlock),
  name: "LlamaForCausalLM",
  modelType: "llama",
  gguf: llamaForm("llama"),
  readConfig,
};

export const llama = familyOf(architecture);
