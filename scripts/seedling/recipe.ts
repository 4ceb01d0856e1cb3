/** Seedling's recipe: text, shape and training, everything but the machine. */

import type { Recipe } from "../../src/run/recipe.ts";
import type { Pace } from "../../src/training/schedule.ts";

/** The recipe of a base model, trained from nothing in one pass over a corpus. */
export interface PretrainRecipe {
  /** Seed of the corpus, the start weights and the order of the documents. */
  readonly seed: number;
  /** Number of training documents. */
  readonly documents: number;
  /** Special tokens; they have the last ids, in this order. */
  readonly special: readonly string[];
  /** `config.json` without token ids. `vocab_size` includes the special tokens; the context is that of training. */
  readonly model: Readonly<Record<string, unknown>>;
  readonly training: Pick<
    Recipe,
    | "batchSize"
    | "accumulation"
    | "weightDecay"
    | "beta1"
    | "beta2"
    | "epsilon"
    | "maxGradNorm"
    | "evaluateEvery"
    | "checkpointEvery"
    | "patience"
  > &
    Pace;
}

export const seedling: PretrainRecipe = {
  seed: 1,
  documents: 160_000,
  special: [
    "<|endoftext|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|reserved_0|>",
    "<|reserved_1|>",
    "<|reserved_2|>",
  ],
  model: {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: 2560,
    hidden_size: 160,
    intermediate_size: 432,
    num_hidden_layers: 4,
    num_attention_heads: 5,
    num_key_value_heads: 5,
    head_dim: 32,
    max_position_embeddings: 256,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: null,
    tie_word_embeddings: true,
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    initializer_range: 0.02,
    use_cache: true,
    torch_dtype: "float16",
  },
  training: {
    learningRate: 2e-3,
    schedule: "cosine",
    warmupRatio: 0.02,
    batchSize: 16,
    accumulation: 1,
    weightDecay: 0.1,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-8,
    maxGradNorm: 1,
    evaluateEvery: 250,
    checkpointEvery: 100,
    patience: null,
  },
};
