/**
 * A few models on Hugging Face that Hone can train, from small to large. The configurations have those fields of the
 * models' own config.json that decide sizes; the lengths come from the hub's list.
 */

import type { ModelDefinition } from "./architecture.ts";
import { defineModel } from "./define.ts";

export interface CatalogueModel {
  /** Its id on Hugging Face. */
  readonly id: string;
  readonly definition: ModelDefinition;
  /** Bytes of its weights in the files; config and tokenizer are small beside them. */
  readonly byteLength: number;
  /** Whether a download requires an account that has agreed to conditions. */
  readonly gated: boolean;
  /** Whether it is instruction-tuned. */
  readonly instructed: boolean;
  /** A description for the page, with its use. */
  readonly purpose: string;
}

const smolLM2 = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 49_152,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
};

const smolLM2Small = {
  ...smolLM2,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
};

const smolLM2Medium = {
  ...smolLM2,
  hidden_size: 960,
  intermediate_size: 2560,
  num_hidden_layers: 32,
  num_attention_heads: 15,
  num_key_value_heads: 5,
};

const tinyLlama = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 32_000,
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
};

const llama32 = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 128_256,
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  rope_scaling: {
    factor: 32,
    high_freq_factor: 4,
    low_freq_factor: 1,
    original_max_position_embeddings: 8192,
    rope_type: "llama3",
  },
  tie_word_embeddings: true,
};

export const catalogue: readonly CatalogueModel[] = [
  {
    id: "HuggingFaceTB/SmolLM2-135M",
    definition: defineModel(smolLM2Small),
    byteLength: 269_060_552,
    gated: false,
    instructed: false,
    purpose: "Pre-trained on 2 trillion tokens, mostly English. Small enough for LoRA without a GPU, although slow.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-135M-Instruct",
    definition: defineModel(smolLM2Small),
    byteLength: 269_060_552,
    gated: false,
    instructed: true,
    purpose: "The same model after instruction tuning: for a new style or task.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-360M",
    definition: defineModel(smolLM2Medium),
    byteLength: 723_674_912,
    gated: false,
    instructed: false,
    purpose: "Pre-trained on 4 trillion tokens. 2.7 times as large as SmolLM2-135M, with longer steps.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-360M-Instruct",
    definition: defineModel(smolLM2Medium),
    byteLength: 723_674_912,
    gated: false,
    instructed: true,
    purpose: "The same model after instruction tuning.",
  },
  {
    id: "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    definition: defineModel(tinyLlama),
    byteLength: 2_200_119_864,
    gated: false,
    instructed: true,
    purpose:
      "Architecture and tokenizer of Llama 2, pre-trained on 3 trillion tokens, tuned for chat. LoRA needs a GPU.",
  },
  {
    id: "meta-llama/Llama-3.2-1B",
    definition: defineModel(llama32),
    byteLength: 2_471_645_608,
    gated: true,
    instructed: false,
    purpose: "Meta's smallest base model, for eight languages. Download it with your account, then choose its folder.",
  },
];
