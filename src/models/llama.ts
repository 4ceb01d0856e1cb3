/** The Llama family (Touvron et al. 2023) from a Hugging Face `config.json`, in the checkpoint's own names. */

import * as v from "valibot";
import { gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import { type Llama3Scaling, ropeFrequencies } from "../nn/rope.ts";
import type { Scope } from "../nn/scope.ts";
import type { Value } from "../onnx/graph.ts";
import { quote } from "../tensor/quote.ts";
import { type Architecture, familyOf, type Select } from "./architecture.ts";
import { ConfigError, numbers, parse, refuseUnread, sizes } from "./config.ts";
import { sameInFile } from "./fileTensor.ts";

/** The fields that the graphs need, under their names in `config.json`. */
export interface LlamaConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly rope_scaling: Llama3Scaling | null;
  readonly tie_word_embeddings: boolean;
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
}

const llama3Schema = v.object({
  factor: numbers.ropeFactor,
  low_freq_factor: numbers.ropeTurns,
  high_freq_factor: numbers.ropeTurns,
  original_max_position_embeddings: sizes.context,
});

const configSchema = v.object({
  vocab_size: sizes.vocabulary,
  hidden_size: sizes.width,
  intermediate_size: sizes.inner,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: v.optional(v.nullable(sizes.heads)),
  head_dim: v.optional(v.nullable(sizes.headSize)),
  max_position_embeddings: v.optional(sizes.context, 2048),
  rms_norm_eps: v.optional(numbers.epsilon, 1e-6),
  rope_theta: v.optional(numbers.ropeBase, 10000),
  rope_scaling: v.optional(v.nullable(v.looseObject({})), null),
  /** Newer files have both of the above here. */
  rope_parameters: v.optional(v.nullable(v.looseObject({ rope_theta: v.optional(numbers.ropeBase) })), null),
  tie_word_embeddings: v.optional(v.boolean(), false),
  attention_bias: v.optional(v.boolean(), false),
  mlp_bias: v.optional(v.boolean(), false),
  hidden_act: v.optional(v.string(), "silu"),
});

const readScaling = (json: Readonly<Record<string, unknown>> | null): Llama3Scaling | null => {
  if (!json) return null;
  const type = json.rope_type ?? json.type;
  if (type === "default") return null;
  if (type !== "llama3") {
    throw new ConfigError(
      `config.json: rope_scaling of type ${quote(type)} is not supported; Hone supports "llama3" and "default". Choose another model.`,
    );
  }
  const scaling = parse(llama3Schema, json, "config.json: rope_scaling");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    throw new ConfigError(
      `config.json: rope_scaling.high_freq_factor (${scaling.high_freq_factor}) must be above low_freq_factor (${scaling.low_freq_factor}).`,
    );
  }
  return scaling;
};

/** Checks a `config.json` and fills Hugging Face's defaults. Throws a ConfigError that names field and value. */
export function readConfig(json: unknown): LlamaConfig {
  refuseUnread(parse(v.record(v.string(), v.unknown()), json), Object.keys(configSchema.entries), "pass");
  const config = parse(configSchema, json);
  if (config.hidden_act !== "silu") {
    throw new ConfigError(
      `config.json: hidden_act ${quote(config.hidden_act)} is not supported; Llama models use "silu".`,
    );
  }
  const heads = config.num_attention_heads;
  const keyHeads = config.num_key_value_heads ?? heads;
  const headSize = config.head_dim ?? config.hidden_size / heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw new ConfigError(
      `config.json: head_dim (by default hidden_size ${config.hidden_size} / num_attention_heads ${heads}) must be an even whole number, not ${headSize}.`,
    );
  }
  if (heads % keyHeads !== 0) {
    throw new ConfigError(
      `config.json: num_attention_heads (${heads}) must be divisible by num_key_value_heads (${keyHeads}).`,
    );
  }
  const { hidden_act: _, rope_parameters: rope, ...rest } = config;
  if (rope) refuseUnread(rope, [], "pass", "config.json: rope_parameters");
  return {
    ...rest,
    rope_theta: rope?.rope_theta ?? config.rope_theta,
    num_key_value_heads: keyHeads,
    head_dim: headSize,
    rope_scaling: readScaling(rope ?? config.rope_scaling),
  };
}

function block(
  scope: Scope,
  config: LlamaConfig,
  x: Value,
  attend: (q: Value, k: Value, v: Value) => Value,
  select: Select,
): Value {
  const { b } = scope;
  const { rms_norm_eps: eps, hidden_size: width, head_dim: size, attention_bias: bias } = config;
  const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, eps));
  const attended = scope.within("self_attn", (attention) => {
    const project = (name: string, heads: number) =>
      attention.within(name, (s) => linear(s, normal, heads * size, bias));
    const context = attend(
      project("q_proj", config.num_attention_heads),
      project("k_proj", config.num_key_value_heads),
      project("v_proj", config.num_key_value_heads),
    );
    return attention.within("o_proj", (s) => linear(s, select(context), width, bias));
  });
  const h = b.add(select(x), attended);
  const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, eps));
  return b.add(
    h,
    scope.within("mlp", (s) => gatedMlp(s, post, config.intermediate_size, config.mlp_bias)),
  );
}

const embedding = (scope: Scope, config: LlamaConfig) =>
  scope.parameter("weight", [config.vocab_size, config.hidden_size]);

const architecture: Architecture<LlamaConfig> = {
  name: "LlamaForCausalLM",
  modelType: "llama",
  readConfig,
  facts: (config) => ({
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    vocabulary: config.vocab_size,
    contextLength: config.max_position_embeddings,
    tiedHead: config.tie_word_embeddings,
  }),
  layers({
    num_hidden_layers: length,
    num_attention_heads: query,
    num_key_value_heads: key,
    head_dim: size,
    ...config
  }) {
    const frequencies = ropeFrequencies(size, config.rope_theta, config.rope_scaling);
    const layer = { heads: { query, key, size }, scoreScale: size ** -0.5, rope: { frequencies }, window: null };
    return Array.from({ length }, () => layer);
  },
  forward: (scope, config, { ids }, attend, select) =>
    scope.within("model", (model) => {
      let x = model.within("embed_tokens", (s) => s.b.gather(embedding(s, config), ids));
      for (let layer = 0; layer < config.num_hidden_layers; layer++) {
        const last = layer === config.num_hidden_layers - 1;
        x = model.within(`layers.${layer}`, (s) =>
          block(s, config, x, (q, k, values) => attend(layer, q, k, values), last ? select : (rows) => rows),
        );
      }
      return model.within("norm", (s) => rmsNorm(s, x, config.rms_norm_eps));
    }),
  headWeight: (scope, config) =>
    embedding(config.tie_word_embeddings ? scope.in("model").in("embed_tokens") : scope.in("lm_head"), config),
  fileTensor: (_config, parameter) => sameInFile(parameter),
};

export const llama = familyOf(architecture);
