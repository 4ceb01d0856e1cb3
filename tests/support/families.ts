/** A small model of every family, with the settings in which it differs from the others. */

import { linearsOf, type Method } from "../../src/artifacts/method.ts";
import { defineModel } from "../../src/models/define.ts";

const decoder = {
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
};

const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 };

/** Configs by a name for people: both generations of files, windows, caps, multipliers, partial rotations. */
export const familyConfigs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Llama: { model_type: "llama", ...decoder, rope_scaling: yarn, attention_bias: true },
  "Qwen 2 with windows": {
    model_type: "qwen2",
    ...decoder,
    tie_word_embeddings: true,
    use_sliding_window: true,
    sliding_window: 3,
    max_window_layers: 1,
  },
  "Qwen 3": {
    model_type: "qwen3",
    ...decoder,
    head_dim: 6,
    rope_parameters: { rope_theta: 1e6, rope_type: "default" },
  },
  "Gemma 2": {
    model_type: "gemma2",
    ...decoder,
    head_dim: 6,
    sliding_window: 3,
    query_pre_attn_scalar: 9,
    attn_logit_softcapping: 2,
    final_logit_softcapping: 3,
  },
  "Gemma 3": {
    model_type: "gemma3_text",
    ...decoder,
    num_key_value_heads: 1,
    head_dim: 8,
    sliding_window: 4,
    sliding_window_pattern: 2,
    query_pre_attn_scalar: 7,
    rope_scaling: { rope_type: "linear", factor: 8 },
  },
  SmolLM3: { model_type: "smollm3", ...decoder, no_rope_layer_interval: 2 },
  "OLMo 2": { model_type: "olmo2", ...decoder },
  Granite: {
    model_type: "granite",
    ...decoder,
    tie_word_embeddings: true,
    embedding_multiplier: 3,
    attention_multiplier: 0.4,
    residual_multiplier: 0.5,
    logits_scaling: 2,
  },
  "Mistral with a window": { model_type: "mistral", ...decoder, sliding_window: 4 },
  Ministral: {
    model_type: "ministral",
    ...decoder,
    sliding_window: 3,
    layer_types: ["sliding_attention", "full_attention"],
  },
  "Phi-3 with half the rotation": {
    model_type: "phi3",
    ...decoder,
    hidden_size: 32,
    partial_rotary_factor: 0.5,
    original_max_position_embeddings: 32,
    rope_scaling: { type: "longrope", short_factor: [1, 1.5], long_factor: [2, 4] },
  },
  "GPT-2": { model_type: "gpt2", vocab_size: 40, n_embd: 16, n_head: 4, n_layer: 2, n_positions: 64 },
  "GPT-NeoX": {
    model_type: "gpt_neox",
    ...decoder,
    num_key_value_heads: null,
    hidden_size: 32,
    rotary_pct: 0.5,
  },
  "GPT-NeoX without parallel branches": {
    model_type: "gpt_neox",
    ...decoder,
    num_key_value_heads: null,
    use_parallel_residual: false,
    rope_parameters: { rope_theta: 1000, partial_rotary_factor: 1, rope_type: "default" },
  },
};

export const familyNames = Object.keys(familyConfigs);

/** The small model of a family, with other fields where given. */
export const familyModel = (name: string, change: Readonly<Record<string, unknown>> = {}) =>
  defineModel({ ...familyConfigs[name], ...change });

/** LoRA on every linear layer of the family. */
export const familyLora = (name: string): Method => ({
  kind: "lora",
  rank: 2,
  alpha: 3,
  targets: linearsOf(familyModel(name)).map((linear) => linear.name),
});
