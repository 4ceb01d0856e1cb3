/** A small model of every family, with seeded weights, as a folder or as parameters. Shapes make every part count. */

import { checkpointTensors, parametersOf } from "../../src/artifacts/method.ts";
import { type StoredTensor, writeSafetensors } from "../../src/hub/safetensors.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import type { ModelFiles } from "./tinyLlama.ts";
import { byteLevelTokenizer } from "./tokenizers.ts";

type Config = Readonly<Record<string, unknown>>;

const common = { vocab_size: 288, bos_token_id: 270, eos_token_id: 271 };

/** The fields of a decoder of Llama's form. */
const decoder = {
  ...common,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
};

const named = (model_type: string, architecture: string, fields: Config): Config => ({
  model_type,
  architectures: [architecture],
  ...fields,
});

const gemma = { ...decoder, head_dim: 8, tie_word_embeddings: true, hidden_activation: "gelu_pytorch_tanh" };
const gpt2 = { ...common, n_embd: 24, n_head: 4, n_layer: 3, n_positions: 128 };
const neox = {
  ...common,
  hidden_size: 32,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  max_position_embeddings: 128,
  rotary_pct: 0.5,
  hidden_act: "gelu",
};

/** Windows are 8 tokens, so that rows of more tokens need them. */
export const smallFamilies: Readonly<Record<string, Config>> = {
  llama: named("llama", "LlamaForCausalLM", { ...decoder, attention_bias: true, mlp_bias: true }),
  "llama, tied": named("llama", "LlamaForCausalLM", { ...decoder, tie_word_embeddings: true, rope_theta: 5e5 }),
  qwen2: named("qwen2", "Qwen2ForCausalLM", { ...decoder, tie_word_embeddings: true }),
  "qwen2 with windows": named("qwen2", "Qwen2ForCausalLM", {
    ...decoder,
    use_sliding_window: true,
    sliding_window: 8,
    max_window_layers: 1,
  }),
  qwen3: named("qwen3", "Qwen3ForCausalLM", { ...decoder, head_dim: 10, tie_word_embeddings: true }),
  gemma2: named("gemma2", "Gemma2ForCausalLM", {
    ...gemma,
    query_pre_attn_scalar: 12,
    sliding_window: 8,
    attn_logit_softcapping: 1.5,
    final_logit_softcapping: 4,
  }),
  gemma3: named("gemma3_text", "Gemma3ForCausalLM", {
    ...gemma,
    num_hidden_layers: 4,
    num_key_value_heads: 1,
    query_pre_attn_scalar: 12,
    sliding_window: 8,
    layer_types: ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
    rope_parameters: {
      full_attention: { rope_type: "linear", rope_theta: 1e6, factor: 4 },
      sliding_attention: { rope_type: "default", rope_theta: 1e4 },
    },
  }),
  smollm3: named("smollm3", "SmolLM3ForCausalLM", {
    ...decoder,
    num_hidden_layers: 4,
    tie_word_embeddings: true,
    no_rope_layers: [1, 0, 1, 0],
    pad_token_id: 271,
  }),
  olmo2: named("olmo2", "Olmo2ForCausalLM", { ...decoder, rope_theta: 5e5 }),
  granite: named("granite", "GraniteForCausalLM", {
    ...decoder,
    tie_word_embeddings: true,
    embedding_multiplier: 6,
    attention_multiplier: 0.3,
    residual_multiplier: 0.4,
    logits_scaling: 3,
  }),
  mistral: named("mistral", "MistralForCausalLM", { ...decoder, head_dim: 8, sliding_window: 8 }),
  ministral: named("ministral", "MinistralForCausalLM", {
    ...decoder,
    head_dim: 8,
    sliding_window: 8,
    layer_types: ["full_attention", "sliding_attention", "full_attention"],
  }),
  phi3: named("phi3", "Phi3ForCausalLM", {
    ...decoder,
    hidden_size: 32,
    sliding_window: 8,
    partial_rotary_factor: 0.75,
    pad_token_id: 271,
  }),
  gpt2: named("gpt2", "GPT2LMHeadModel", gpt2),
  "gpt2 with its own head": named("gpt2", "GPT2LMHeadModel", {
    ...gpt2,
    n_inner: 40,
    tie_word_embeddings: false,
    scale_attn_by_inverse_layer_idx: true,
  }),
  gpt_neox: named("gpt_neox", "GPTNeoXForCausalLM", neox),
  "gpt_neox in sequence": named("gpt_neox", "GPTNeoXForCausalLM", { ...neox, use_parallel_residual: false }),
};

export type Values = Map<string, Float32Array<ArrayBuffer>>;

/** Seeded values of the model's own parameters: norms around their neutral value, the others large enough to matter. */
export function smallValues(model: ModelDefinition, seed = 11): Values {
  const random = createRandom(seed);
  const neutral = model.architecture.startsWith("Gemma") ? 0 : 1;
  return new Map(
    parametersOf(model, null).map(({ name, shape }) => {
      const isVector = shape.length === 1;
      const centre = isVector && name.endsWith(".weight") ? neutral : 0;
      const isTable = /embed|wte|wpe|lm_head/.test(name);
      const scale = isVector ? 0.1 : isTable ? 0.5 : 1 / Math.sqrt(shape[1] ?? 1);
      return [name, Float32Array.from({ length: sizeOf(shape) }, () => centre + scale * random.normal())];
    }),
  );
}

/** The tensors of a folder, from the parameters' values. */
export const tensorsOf = (model: ModelDefinition, values: Values): StoredTensor[] =>
  parametersOf(model, null).flatMap(({ name, source }) => {
    const data = values.get(name);
    if (source.kind !== "checkpoint" || !data) return [];
    const { name: file, shape, toFile } = source.tensor;
    return [{ name: file, shape, dtype: "F32", data: toFile(data) }];
  });

/** The files of a model's folder. Throws for values that do not fill every tensor. */
export function smallFolder(config: Config, seed = 11): ModelFiles {
  const model = defineModel(config);
  const tensors = tensorsOf(model, smallValues(model, seed));
  if (tensors.length < checkpointTensors(model).length) throw new Error("A tensor has no values.");
  const tokenizer = byteLevelTokenizer();
  return {
    "config.json": JSON.stringify(config),
    "tokenizer.json": JSON.stringify(tokenizer.json),
    "tokenizer_config.json": JSON.stringify(tokenizer.config),
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
  };
}
