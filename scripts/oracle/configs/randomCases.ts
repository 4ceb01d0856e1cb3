/** Random configs: a few fields of a small config at once, each with an odd value. */

import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { type Base, bases, type Json } from "./bases.ts";
import { type ConfigCase, variant } from "./case.ts";

const scalings = [
  null,
  {},
  { rope_type: "default" },
  { rope_type: "default", rope_theta: 300 },
  { rope_theta: 300 },
  { type: "linear", factor: 2 },
  { rope_type: "linear", factor: 4, rope_theta: 300 },
  { rope_type: "dynamic", factor: 2 },
  { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 },
  { rope_type: "yarn", factor: 2.5, beta_fast: 4, beta_slow: 0.5, truncate: false },
  { rope_type: "yarn", factor: 4, mscale: 0.8, mscale_all_dim: 0.6, original_max_position_embeddings: 32 },
  { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 16 },
  { rope_type: "longrope", short_factor: [1, 2, 3, 4, 5, 6, 7, 8], long_factor: [2, 3, 4, 5, 6, 7, 8, 9], factor: 2 },
  { full_attention: { rope_type: "linear", factor: 2 }, sliding_attention: { rope_type: "default", rope_theta: 200 } },
  { full_attention: { rope_type: "default", rope_theta: 900 } },
];
const [full, sliding] = ["full_attention", "sliding_attention"];
const switches = [true, false, null];

/** Values that a field may take besides being missing. */
const pool: Readonly<Record<string, readonly unknown[]>> = {
  architectures: [["LlamaForCausalLM"], null, []],
  rope_theta: [500, 1_000_000, null],
  rope_scaling: scalings,
  rope_parameters: scalings,
  partial_rotary_factor: [1, 0.5, 0.25, null],
  original_max_position_embeddings: [16, 64, null],
  max_position_embeddings: [32, 40, null],
  rotary_pct: [1, 0.5, null],
  rotary_emb_base: [500, null],
  rope_local_base_freq: [300, null],
  sliding_window: [8, 20, null],
  use_sliding_window: switches,
  max_window_layers: [0, 1, 2],
  sliding_window_pattern: [2, 3, null],
  layer_types: [[full, full], [sliding, full], [full, sliding, full], [sliding, full, full, sliding], null],
  no_rope_layers: [[1, 1], [0, 1], [1, 0, 0, 1], [], null],
  no_rope_layer_interval: [2, 3],
  num_hidden_layers: [2, 3, 4],
  num_key_value_heads: [1, 4, null],
  head_dim: [16, 24, null],
  attention_bias: switches,
  mlp_bias: switches,
  qkv_bias: switches,
  tie_word_embeddings: switches,
  hidden_act: ["silu", "swish", "gelu", "relu", null],
  hidden_activation: ["gelu_pytorch_tanh", "gelu", "silu", null],
  activation_function: ["gelu", "relu", "silu", null],
  rms_norm_eps: [1e-3, 1e-6, null],
  layer_norm_eps: [1e-3, null],
  attention_multiplier: [0.5, null],
  embedding_multiplier: [2, null],
  residual_multiplier: [0.5, 1],
  logits_scaling: [3, 1],
  query_pre_attn_scalar: [10, 30, null],
  attn_logit_softcapping: [20, null],
  final_logit_softcapping: [10, null],
  use_bidirectional_attention: [false, null],
  use_parallel_residual: switches,
  n_inner: [96, null],
  scale_attn_weights: switches,
  scale_attn_by_inverse_layer_idx: switches,
  pretraining_tp: [2, null],
  is_causal: [true, null],
};

/** A scaling with some of its options, each within and beyond usual values. */
function randomScaling(random: Random): Json {
  const pick = (...values: readonly unknown[]) => values[random.below(values.length)];
  const maybe = (options: Json) => Object.fromEntries(Object.entries(options).filter(() => random.below(2) === 0));
  const name = pick("rope_type", "type");
  const original = maybe({ original_max_position_embeddings: pick(8, 16, 40, 64) });
  const factor = pick(1, 1.5, 4, 32);
  const list = () => Array.from({ length: 8 }, () => 1 + random.below(20) / 4);
  const kinds: readonly Json[] = [
    { [`${name}`]: "linear", factor, ...maybe({ rope_theta: 300 }) },
    { [`${name}`]: "dynamic", factor, ...maybe({ rope_theta: 300 }) },
    {
      [`${name}`]: "llama3",
      factor,
      low_freq_factor: pick(0.5, 1, 2),
      high_freq_factor: pick(2.5, 4, 16),
      ...original,
      ...maybe({ rope_theta: pick(50, 1e5) }),
    },
    {
      [`${name}`]: "yarn",
      ...maybe({ factor, rope_theta: pick(20, 1e5), truncate: pick(true, false) }),
      ...maybe({ beta_fast: pick(1, 4, 64), beta_slow: pick(0.25, 1, 3), attention_factor: pick(0.7, 1.4) }),
      ...maybe({ mscale: pick(0, 0.5, 1.2), mscale_all_dim: pick(0, 0.7, 1) }),
      ...original,
    },
    {
      [`${name}`]: "longrope",
      short_factor: list(),
      long_factor: list(),
      ...maybe({ factor, attention_factor: pick(0.8, 1.3) }),
      ...original,
    },
  ];
  return kinds[random.below(kinds.length)] ?? {};
}

/** `count` configs; a field goes missing in one of five changes. */
export function randomCases(count: number, seed: number): ConfigCase[] {
  const random = createRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const names = Object.keys(bases) as Base[];
  return Array.from({ length: count }, (_, i) => {
    const base = names[i % names.length] ?? "llama";
    // Half of the changes are to fields that the family knows.
    const own = Object.keys(bases[base]).filter((field) => Object.hasOwn(pool, field));
    const change: Json = {};
    for (let n = 1 + random.below(3); n > 0; n--) {
      const field = pick(random.below(2) === 0 ? own : Object.keys(pool));
      const always = ["num_hidden_layers", "head_dim"].includes(field); // Defaults of 32 layers or 256 numbers are too large.
      const scaled = (field === "rope_scaling" || field === "rope_parameters") && random.below(2) === 0;
      if (scaled) change[field] = randomScaling(random);
      else change[field] = !always && random.below(5) === 0 ? undefined : pick(pool[field] ?? []);
    }
    const what = Object.entries(change).map(([field, value]) => `${field} ${JSON.stringify(value) ?? "missing"}`);
    const tail = pick([undefined, undefined, undefined, "own", "copy"] as const);
    return variant(base, `random ${i}: ${what.join(", ")}`, change, { open: true, ...(tail && { head: tail }) });
  });
}
