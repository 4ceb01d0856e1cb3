/** Small configs of each family, which the odd variants change. */

export type Json = Record<string, unknown>;

const common = {
  vocab_size: 128,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
};

const family = (architecture: string, type: string, own: Json = {}): Json => ({
  architectures: [architecture],
  model_type: type,
  ...common,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: false,
  ...own,
});

const gemma = { head_dim: 24, query_pre_attn_scalar: 20, sliding_window: 8, hidden_activation: "gelu_pytorch_tanh" };

export const bases = {
  llama: family("LlamaForCausalLM", "llama"),
  mistral: family("MistralForCausalLM", "mistral", { sliding_window: null }),
  qwen2: family("Qwen2ForCausalLM", "qwen2"),
  qwen3: family("Qwen3ForCausalLM", "qwen3", { head_dim: 24 }),
  gemma2: family("Gemma2ForCausalLM", "gemma2", {
    ...gemma,
    hidden_act: undefined,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
    tie_word_embeddings: true,
  }),
  gemma3: family("Gemma3ForCausalLM", "gemma3_text", {
    ...gemma,
    hidden_act: undefined,
    num_hidden_layers: 3,
    layer_types: ["sliding_attention", "full_attention", "sliding_attention"],
    rope_theta: 1_000_000,
    rope_local_base_freq: 10_000,
    tie_word_embeddings: true,
  }),
  smollm3: family("SmolLM3ForCausalLM", "smollm3", {
    num_hidden_layers: 4,
    no_rope_layers: [1, 0, 1, 0],
    pad_token_id: 1,
    tie_word_embeddings: true,
  }),
  ernie4_5: family("Ernie4_5ForCausalLM", "ernie4_5", { head_dim: 24, use_bias: false }),
  olmo2: family("Olmo2ForCausalLM", "olmo2"),
  granite: family("GraniteForCausalLM", "granite", {
    attention_multiplier: 0.3,
    embedding_multiplier: 3,
    residual_multiplier: 0.4,
    logits_scaling: 2,
    tie_word_embeddings: true,
  }),
  phi3: family("Phi3ForCausalLM", "phi3", { pad_token_id: 1 }),
  gpt2: {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: 128,
    n_embd: 64,
    n_head: 4,
    n_layer: 2,
    n_positions: 64,
    bos_token_id: 1,
    eos_token_id: 1,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
  },
  neox: {
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: 128,
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    max_position_embeddings: 64,
    rotary_pct: 0.25,
    rotary_emb_base: 10_000,
    use_parallel_residual: true,
    hidden_act: "gelu",
    layer_norm_eps: 1e-5,
    bos_token_id: 0,
    eos_token_id: 0,
    tie_word_embeddings: false,
  },
} as const satisfies Readonly<Record<string, Json>>;

export type Base = keyof typeof bases;
