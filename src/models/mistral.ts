/** Mistral and Ministral, as far as they are dense (Jiang et al. 2023, arXiv:2310.06825): Llama's block, with windows. */

import { type Architecture, familyOf } from "./architecture.ts";
import { decoderParts } from "./decoder.ts";
import { type DecoderConfig, readDecoder, slidesWithWindow, windowOr4096 } from "./decoderConfig.ts";
import { llamaForm } from "./ggufForm.ts";
import { llamaBlock } from "./llama.ts";

const common = {
  ...decoderParts(llamaBlock),
} satisfies Partial<Architecture<DecoderConfig>>;

const sizes = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
};

const reading = {
  own: {},
  defaults: { context: 131_072, keyHeads: 8, sizes },
  window: windowOr4096,
  slides: slidesWithWindow,
};

export const mistral = familyOf({
  ...common,
  name: "MistralForCausalLM",
  modelType: "mistral",
  gguf: llamaForm("llama"),
  readConfig: (json) => readDecoder(json, { ...reading, reads: ["sliding_window"] }),
});

export const ministral = familyOf({
  ...common,
  name: "MinistralForCausalLM",
  modelType: "ministral",
  gguf: llamaForm("llama"),
  readConfig: (json) => readDecoder(json, { ...reading, reads: ["sliding_window", "layer_types"] }),
});
