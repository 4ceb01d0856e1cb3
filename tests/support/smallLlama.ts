/** A Llama of a few hundred numbers with grouped queries and a tied head: the smallest with every kind of layer. */

import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";

export function smallLlama(change: Readonly<Record<string, unknown>> = {}): ModelDefinition {
  return defineModel({
    architectures: ["LlamaForCausalLM"],
    vocab_size: 24,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    tie_word_embeddings: true,
    ...change,
  });
}
