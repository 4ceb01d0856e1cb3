/** Odd variants of positions: bases, scalings, partial rotation, windows, kinds of layers. */

import { type ConfigCase, refusal, variant } from "./case.ts";

const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 };
const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 16,
};
const longrope = {
  rope_type: "longrope",
  short_factor: [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
  long_factor: [1, 2, 3, 4, 5, 6, 7, 8],
};

export const scalingCases: readonly ConfigCase[] = [
  variant("llama", "rope_theta only inside rope_scaling", {
    rope_theta: undefined,
    rope_scaling: { rope_type: "default", rope_theta: 500 },
  }),
  variant("llama", "rope_theta inside rope_scaling and beside it, different", {
    rope_theta: 700,
    rope_scaling: { rope_type: "linear", factor: 2, rope_theta: 500 },
  }),
  variant("llama", "rope_parameters and rope_scaling, equal", {
    rope_theta: 500,
    rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 500 },
    rope_scaling: { rope_type: "linear", factor: 2 },
  }),
  variant("llama", "rope_parameters and rope_scaling, different", {
    rope_theta: undefined,
    rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 500 },
    rope_scaling: { rope_type: "linear", factor: 4 },
  }),
  variant("llama", "rope_parameters default, rope_scaling linear", {
    rope_theta: undefined,
    rope_parameters: { rope_type: "default", rope_theta: 500 },
    rope_scaling: { type: "linear", factor: 4 },
  }),
  variant("llama", "rope_parameters without rope_type", {
    rope_theta: undefined,
    rope_parameters: { rope_theta: 500 },
  }),
  refusal(
    "llama",
    "rope_parameters without rope_type, with a factor",
    { rope_theta: undefined, rope_parameters: { rope_theta: 500, factor: 4 } },
    "factor",
  ),
  variant("llama", "rope_parameters without rope_theta", {
    rope_theta: undefined,
    rope_parameters: { rope_type: "default" },
  }),
  variant("llama", "rope_parameters and another rope_theta beside it", {
    rope_theta: 700,
    rope_parameters: { rope_type: "default", rope_theta: 500 },
  }),
  variant("llama", "rope_parameters null", { rope_theta: 500, rope_parameters: null }),
  variant("llama", "rope_parameters {}", { rope_theta: 500, rope_parameters: {} }),
  variant("llama", "rope_scaling {}", { rope_scaling: {} }),
  variant("llama", "rope_scaling null, rope_theta missing", { rope_theta: undefined, rope_scaling: null }),
  refusal("llama", "rope_theta null", { rope_theta: null }, "rope_theta"),
  variant("llama", "linear of factor 1", { rope_scaling: { type: "linear", factor: 1 } }),
  variant("llama", "linear of factor 4", { rope_scaling: { type: "linear", factor: 4 } }),
  refusal("llama", "linear without a factor", { rope_scaling: { type: "linear" } }, "factor"),
  refusal("llama", "linear with a factor as text", { rope_scaling: { type: "linear", factor: "4" } }, "factor"),
  refusal(
    "llama",
    "type and rope_type, different",
    { rope_scaling: { type: "linear", rope_type: "default", factor: 4 } },
    "factor",
  ),
  variant("llama", "dynamic", { rope_scaling: { rope_type: "dynamic", factor: 4 } }),
  variant("llama", "dynamic, old name", { rope_scaling: { type: "dynamic", factor: 2 } }),
  variant("llama", "yarn", { rope_scaling: yarn }),
  variant("llama", "yarn, old name", { rope_scaling: { ...yarn, rope_type: undefined, type: "yarn" } }),
  variant("llama", "yarn without the original context", { rope_scaling: { rope_type: "yarn", factor: 4 } }),
  variant("llama", "yarn with attention_factor", { rope_scaling: { ...yarn, attention_factor: 1.3 } }),
  variant("llama", "yarn with betas", { rope_scaling: { ...yarn, beta_fast: 8, beta_slow: 2 } }),
  variant("llama", "yarn with mscale and mscale_all_dim", {
    rope_scaling: { ...yarn, mscale: 1.2, mscale_all_dim: 0.7 },
  }),
  variant("llama", "yarn with mscale alone", { rope_scaling: { ...yarn, mscale: 1.2 } }),
  variant("llama", "yarn, truncate false", { rope_scaling: { ...yarn, truncate: false, beta_fast: 4 } }),
  variant("llama", "yarn with a factor of another ratio", {
    rope_scaling: { ...yarn, original_max_position_embeddings: 32 },
  }),
  variant("llama", "yarn with every option null", {
    rope_scaling: { ...yarn, attention_factor: null, beta_fast: null, beta_slow: null, mscale: null },
  }),
  variant("qwen3", "yarn in rope_parameters", {
    rope_theta: undefined,
    rope_parameters: { ...yarn, rope_theta: 1000 },
  }),
  variant("llama", "llama3", { rope_scaling: llama3 }),
  variant("llama", "llama3 in rope_parameters", {
    rope_theta: undefined,
    rope_parameters: { ...llama3, rope_theta: 1000 },
  }),
  refusal(
    "llama",
    "llama3 without low_freq_factor",
    { rope_scaling: { ...llama3, low_freq_factor: undefined } },
    "low",
  ),
  refusal("llama", "llama3 with low = high", { rope_scaling: { ...llama3, low_freq_factor: 4 } }, "high_freq_factor"),
  refusal("llama", "an unknown scaling", { rope_scaling: { rope_type: "quartic", factor: 4 } }, "quartic"),
  refusal("llama", "mrope", { rope_scaling: { type: "mrope", mrope_section: [2, 3, 3] } }, "mrope"),
  refusal("llama", "rope_scaling as text", { rope_scaling: "linear" }, "rope_scaling"),
  variant("llama", "longrope", {
    rope_scaling: longrope,
    max_position_embeddings: 64,
    original_max_position_embeddings: 16,
  }),
  variant("phi3", "longrope", { rope_scaling: longrope, original_max_position_embeddings: 16 }),
  variant("phi3", "longrope, the original context missing", { rope_scaling: longrope }),
  variant("phi3", "longrope, the original context inside it alone", {
    rope_scaling: { ...longrope, original_max_position_embeddings: 16 },
  }),
  variant("phi3", "longrope, two original contexts", {
    rope_scaling: { ...longrope, original_max_position_embeddings: 16 },
    original_max_position_embeddings: 32,
  }),
  variant("llama", "yarn, two original contexts", { rope_scaling: yarn, original_max_position_embeddings: 32 }),
  variant("llama", "rope_theta null, and one inside", {
    rope_theta: null,
    rope_parameters: { rope_type: "default", rope_theta: 500 },
  }),
  variant("phi3", "longrope within its original context", {
    rope_scaling: longrope,
    original_max_position_embeddings: 64,
  }),
  variant(
    "phi3",
    "longrope under its old name",
    { rope_scaling: { ...longrope, rope_type: undefined, type: "su" }, original_max_position_embeddings: 64 },
    { oracle: variant("phi3", "", { rope_scaling: longrope, original_max_position_embeddings: 64 }).config },
  ),
  refusal(
    "phi3",
    "longrope with lists of another length",
    { rope_scaling: { ...longrope, short_factor: [1, 2] }, original_max_position_embeddings: 64 },
    "short_factor",
  ),
  variant("qwen2", "linear", { rope_scaling: { type: "linear", factor: 2 } }),
  variant("olmo2", "yarn", { rope_scaling: yarn }),
  variant("granite", "linear", { rope_scaling: { type: "linear", factor: 2 } }),
  variant("smollm3", "yarn", { rope_scaling: yarn }),
  variant("mistral", "yarn", { rope_scaling: yarn }),
  variant("neox", "linear", { rope_scaling: { type: "linear", factor: 2 } }),
  variant("gemma2", "linear", { rope_scaling: { type: "linear", factor: 2 } }),
];

const perKind = {
  full_attention: { rope_type: "linear", factor: 2, rope_theta: 5000 },
  sliding_attention: { rope_type: "default", rope_theta: 300 },
};

export const layerCases: readonly ConfigCase[] = [
  variant("llama", "partial_rotary_factor 1", { partial_rotary_factor: 1 }),
  refusal("llama", "partial_rotary_factor 0.5", { partial_rotary_factor: 0.5 }, "partial_rotary_factor"),
  refusal("qwen3", "partial_rotary_factor 0.5", { partial_rotary_factor: 0.5 }, "partial_rotary_factor"),
  variant("phi3", "partial_rotary_factor 0.5", { partial_rotary_factor: 0.5 }),
  variant("phi3", "partial_rotary_factor in rope_parameters", {
    rope_theta: undefined,
    rope_parameters: { rope_type: "default", rope_theta: 10_000, partial_rotary_factor: 0.5 },
  }),
  refusal(
    "phi3",
    "linear scaling, which transformers refuses",
    { rope_scaling: { type: "linear", factor: 2 } },
    "linear",
  ),
  refusal("phi3", "yarn, which transformers refuses", { rope_scaling: yarn }, "yarn"),
  variant("phi3", "sliding window", { sliding_window: 8 }),
  variant("neox", "rotary_pct 1", { rotary_pct: 1 }),
  variant("neox", "rotary_pct missing", { rotary_pct: undefined }),
  variant("neox", "rotary_emb_base 500", { rotary_emb_base: 500 }),
  refusal("neox", "rotary_emb_base and rope_theta, different", { rotary_emb_base: 500, rope_theta: 700 }, "rope_theta"),
  refusal("neox", "rope_theta without rotary_emb_base", { rotary_emb_base: undefined, rope_theta: 700 }, "rope_theta"),
  refusal("neox", "rotary_pct and partial_rotary_factor, different", { partial_rotary_factor: 0.5 }, "partial_rotary"),
  variant("neox", "rotary_emb_base and rope_theta, equal", { rotary_emb_base: 500, rope_theta: 500 }),
  variant("neox", "rope_parameters with partial_rotary_factor", {
    rotary_pct: undefined,
    rotary_emb_base: undefined,
    rope_parameters: { rope_type: "default", rope_theta: 500, partial_rotary_factor: 0.5 },
  }),
  variant("neox", "rotary_pct and another partial_rotary_factor", {
    rotary_pct: 0.25,
    rotary_emb_base: undefined,
    rope_parameters: { rope_type: "default", rope_theta: 500, partial_rotary_factor: 0.5 },
  }),
  variant("mistral", "window of 8", { sliding_window: 8 }),
  variant("mistral", "window missing", { sliding_window: undefined }),
  refusal("mistral", "window of 0", { sliding_window: 0 }, "sliding_window"),
  variant("qwen2", "window, use_sliding_window true", {
    use_sliding_window: true,
    sliding_window: 8,
    max_window_layers: 1,
  }),
  variant("qwen2", "window, use_sliding_window false", {
    use_sliding_window: false,
    sliding_window: 8,
    max_window_layers: 1,
  }),
  variant("qwen2", "window, use_sliding_window missing", { sliding_window: 8, max_window_layers: 1 }),
  variant("qwen2", "window, max_window_layers missing", { use_sliding_window: true, sliding_window: 8 }),
  variant("qwen2", "window, max_window_layers 0", {
    use_sliding_window: true,
    sliding_window: 8,
    max_window_layers: 0,
  }),
  refusal(
    "qwen2",
    "layer_types without use_sliding_window",
    { sliding_window: 8, layer_types: ["sliding_attention", "full_attention"] },
    "sliding_window",
  ),
  variant("qwen3", "window and layer_types", {
    use_sliding_window: true,
    sliding_window: 8,
    layer_types: ["sliding_attention", "full_attention"],
  }),
  refusal(
    "qwen3",
    "layer_types with linear attention",
    { layer_types: ["linear_attention", "full_attention"] },
    "layer_types",
  ),
  refusal("qwen3", "layer_types of another length", { layer_types: ["full_attention"] }, "layer_types"),
  variant("llama", "layer_types, all full", { layer_types: ["full_attention", "full_attention"] }),
  refusal(
    "llama",
    "layer_types with sliding",
    { layer_types: ["sliding_attention", "full_attention"], sliding_window: 8 },
    "layer_types",
  ),
  variant("gemma2", "layer_types missing", { layer_types: undefined }),
  variant("gemma2", "layer_types, first full", { layer_types: ["full_attention", "sliding_attention"] }),
  variant("gemma2", "window missing", { sliding_window: undefined }),
  variant("gemma3", "layer_types missing, pattern missing", { layer_types: undefined, num_hidden_layers: 6 }),
  variant("gemma3", "sliding_window_pattern 2", { layer_types: undefined, sliding_window_pattern: 2 }),
  variant("gemma3", "_sliding_window_pattern 2", { layer_types: undefined, _sliding_window_pattern: 2 }),
  variant("gemma3", "layer_types against sliding_window_pattern", { sliding_window_pattern: 3 }),
  variant("gemma3", "rope_parameters by layer type", {
    rope_theta: undefined,
    rope_local_base_freq: undefined,
    rope_parameters: perKind,
  }),
  variant("gemma3", "rope_parameters by layer type, old fields too", { rope_parameters: perKind }),
  variant("gemma3", "linear scaling, of the full layers", { rope_scaling: { rope_type: "linear", factor: 8 } }),
  variant("gemma3", "rope_local_base_freq missing", { rope_local_base_freq: undefined }),
  variant("gemma3", "rope_theta missing", { rope_theta: undefined }),
  refusal(
    "gemma3",
    "rope_parameters for all layers",
    {
      rope_theta: undefined,
      rope_local_base_freq: undefined,
      rope_parameters: { rope_type: "default", rope_theta: 500 },
    },
    "rope_parameters",
  ),
  refusal(
    "gemma3",
    "use_bidirectional_attention",
    { use_bidirectional_attention: true },
    "use_bidirectional_attention",
  ),
  variant("gemma3", "use_bidirectional_attention false", { use_bidirectional_attention: false }),
  variant("smollm3", "no_rope_layers missing", { no_rope_layers: undefined }),
  variant("smollm3", "no_rope_layers null, interval 2", { no_rope_layers: null, no_rope_layer_interval: 2 }),
  variant("smollm3", "no_rope_layers against its interval", { no_rope_layer_interval: 4 }),
  refusal("smollm3", "no_rope_layers too short", { no_rope_layers: [1, 0] }, "no_rope_layers"),
  variant("smollm3", "no_rope_layers too long", { no_rope_layers: [1, 0, 1, 0, 1, 1] }),
  variant("smollm3", "sliding window", { use_sliding_window: true, sliding_window: 8 }),
  variant("smollm3", "layer_types", {
    use_sliding_window: true,
    sliding_window: 8,
    layer_types: ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
  }),
  refusal("llama", "no_rope_layers", { no_rope_layers: [1, 0] }, "no_rope_layers"),
  variant("llama", "no_rope_layers, all 1", { no_rope_layers: [1, 1] }),
];
