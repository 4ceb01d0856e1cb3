/** The fewest fields that a Llama's `config.json` needs. */
export const small = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};
