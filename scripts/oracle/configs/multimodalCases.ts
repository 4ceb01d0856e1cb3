/** Gemma 3 with its vision tower: the text part counts, and fields around it. */

import { bases, type Json } from "./bases.ts";
import type { ConfigCase } from "./case.ts";

const vision = {
  model_type: "siglip_vision_model",
  hidden_size: 16,
  image_size: 28,
  intermediate_size: 16,
  num_attention_heads: 1,
  num_hidden_layers: 1,
  patch_size: 14,
  vision_use_head: false,
};

function multimodal(what: string, text: Json, around: Json, rest: Partial<ConfigCase> = {}): ConfigCase {
  const { architectures: _, ...own } = bases.gemma3;
  const whole = {
    architectures: ["Gemma3ForConditionalGeneration"],
    model_type: "gemma3",
    mm_tokens_per_image: 4,
    text_config: { ...own, ...text },
    vision_config: vision,
    ...around,
  };
  return {
    name: `gemma3 with vision: ${what}`,
    config: JSON.parse(JSON.stringify(whole)),
    prefix: "language_model.",
    ...rest,
  };
}

export const multimodalCases: readonly ConfigCase[] = [
  multimodal("as published", {}, {}),
  multimodal("text_config ties nothing", { tie_word_embeddings: false }, {}),
  multimodal("the whole ties nothing", {}, { tie_word_embeddings: false }),
  multimodal("tie_word_embeddings missing everywhere", { tie_word_embeddings: undefined }, {}),
  multimodal("another head in the file", {}, {}, { head: "own" }),
  multimodal("model_type of text_config missing", { model_type: undefined }, {}),
  multimodal("architectures missing", {}, { architectures: undefined }),
  multimodal("rope_theta beside text_config", {}, { rope_theta: 300 }),
  multimodal(
    "rope_parameters by layer type",
    {
      rope_theta: undefined,
      rope_local_base_freq: undefined,
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 2, rope_theta: 5000 },
        sliding_attention: { rope_type: "default", rope_theta: 300 },
      },
    },
    {},
  ),
  multimodal(
    "quantised",
    {},
    { quantization_config: { quant_method: "gptq", bits: 4 } },
    { refused: "quantization_config" },
  ),
];
