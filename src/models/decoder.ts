/**
 * What most families share: a decoder of Llama's form, with RMSNorm, grouped queries, rotary embedding and a gated MLP, under
 * transformers' names. A family adds its config fields and its block.
 */

import { gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import type { Scope } from "../nn/scope.ts";
import type { Value } from "../onnx/graph.ts";
import type { Architecture, Attend, LayerSpec, ModelFacts, Select, Tokens } from "./architecture.ts";
import type { DecoderConfig } from "./decoderConfig.ts";
import { sameInFile } from "./fileTensor.ts";
import { ropeOf } from "./rope.ts";

/** Queries, keys and values of a layer, (M, width) each, to its context (M, H·D). */
export type LayerAttention = (queries: Value, keys: Value, values: Value) => Value;

/** x (M, D) → (N, D), the rows that `select` leaves. */
export type Block<C> = (scope: Scope, config: C, x: Value, attend: LayerAttention, select: Select) => Value;

export interface AttentionOptions {
  /** Biases of queries, keys and values, and of the output. */
  readonly bias?: readonly [inner: boolean, output: boolean];
  /** Normalises queries and keys before they rotate; `name` is q_norm or k_norm. */
  readonly normalize?: (scope: Scope, name: string, x: Value) => Value;
}

/** Self-attention under Llama's names: x (M, D) → (N, D). */
export function selfAttention(
  scope: Scope,
  { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: size, hidden_size: width }: DecoderConfig,
  x: Value,
  attend: LayerAttention,
  select: Select,
  { bias: [inner, output] = [false, false], normalize = (_scope, _name, y) => y }: AttentionOptions = {},
): Value {
  const project = (s: Scope, name: string, count: number) =>
    s.within(name, (own) => linear(own, x, count * size, inner));
  return scope.within("self_attn", (s) => {
    const context = attend(
      normalize(s, "q_norm", project(s, "q_proj", heads)),
      normalize(s, "k_norm", project(s, "k_proj", keyHeads)),
      project(s, "v_proj", keyHeads),
    );
    return s.within("o_proj", (own) => linear(own, select(context), width, output));
  });
}

/** Llama's MLP, within the scope of a layer. */
const llamaMlp = (scope: Scope, x: Value, config: DecoderConfig): Value =>
  scope.within("mlp", (s) =>
    gatedMlp(s, x, { hidden: config.intermediate_size, activation: config.activation, bias: config.mlp_bias }),
  );

/**
 * Llama's block: norms before attention and MLP, whose results, times `branch`, are added to the residual. The options may
 * depend on the config.
 */
export const preNormBlock =
  <C extends DecoderConfig>(
    attention: (config: C) => AttentionOptions,
    branch: (config: C) => number = () => 1,
    mlp: (scope: Scope, x: Value, config: C) => Value = llamaMlp,
  ): Block<C> =>
  (scope, config, x, attend, select) => {
    const { b } = scope;
    const { rms_norm_eps: epsilon } = config;
    const scale = b.scalar(branch(config));
    const normal = scope.within("input_layernorm", (s) => rmsNorm(s, x, epsilon));
    const attended = selfAttention(scope, config, normal, attend, select, attention(config));
    const h = b.add(select(x), b.mul(attended, scale));
    const post = scope.within("post_attention_layernorm", (s) => rmsNorm(s, h, epsilon));
    return b.add(h, b.mul(mlp(scope, post, config), scale));
  };

/** The sizes of a decoder. */
export const decoderFacts = (config: DecoderConfig): ModelFacts => ({
  hiddenSize: config.hidden_size,
  intermediateSize: config.intermediate_size,
  vocabulary: config.vocab_size,
  contextLength: config.max_position_embeddings,
  tiedHead: config.tie_word_embeddings,
  logitCap: null,
  embeddingTensor: "model.embed_tokens.weight",
  headTensor: "lm_head.weight",
});

/** The attention of a decoder's layers; `change` replaces parts of a layer's. */
export function decoderLayers(
  config: DecoderConfig,
  change: (layer: number) => Partial<LayerSpec> = () => ({}),
): readonly LayerSpec[] {
  const rope = ropeOf(config.rope);
  const heads = { query: config.num_attention_heads, key: config.num_key_value_heads, size: config.head_dim };
  return config.windows.map((window, layer) => ({
    heads,
    scoreScale: config.head_dim ** -0.5,
    scoreCap: null,
    rope,
    window,
    ...change(layer),
  }));
}

const embedding = (scope: Scope, config: DecoderConfig) =>
  scope.parameter("weight", [config.vocab_size, config.hidden_size]);

/** What a family changes in the frame around its blocks. */
export interface DecoderFrame {
  /** Factor of the embedding. */
  readonly embeddingScale?: number;
  /** Factor of the head's input. */
  readonly headScale?: number;
  /** Whether the last norm's weight is stored around 0. */
  readonly centred?: boolean;
}

/**
 * x (M, D) through the blocks `name.0`, `name.1` and so on → (N, D), the rows that `select` leaves. Only the last block
 * selects, because all rows feed its attention.
 */
export function throughBlocks<C>(
  scope: Scope,
  name: string,
  config: C,
  count: number,
  x: Value,
  attend: Attend,
  select: Select,
  block: Block<C>,
): Value {
  let states = x;
  for (let layer = 0; layer < count; layer++) {
    const rows: Select = layer === count - 1 ? select : (all) => all;
    states = scope.within(`${name}.${layer}`, (s) =>
      block(s, config, states, (q, k, values) => attend(layer, q, k, values), rows),
    );
  }
  return states;
}

/** Embedding, blocks and last norm under Llama's names. */
export function decoderForward<C extends DecoderConfig>(
  scope: Scope,
  config: C,
  { ids }: Tokens,
  attend: Attend,
  select: Select,
  block: Block<C>,
  { embeddingScale = 1, headScale = 1, centred = false }: DecoderFrame = {},
): Value {
  const { b } = scope;
  return scope.within("model", (model) => {
    const table = (s: Scope) => b.gather(embedding(s, config), ids);
    const start = b.mul(model.within("embed_tokens", table), b.scalar(embeddingScale));
    const x = throughBlocks(model, "layers", config, config.num_hidden_layers, start, attend, select, block);
    const states = model.within("norm", (s) => rmsNorm(s, x, config.rms_norm_eps, centred));
    return b.mul(states, b.scalar(headScale));
  });
}

/** The architecture of a decoder of Llama's form, but for its config and blocks. */
export const decoderParts = {
  facts: decoderFacts,
  layers: (config) => decoderLayers(config),
  headWeight: (scope, config) =>
    embedding(config.tie_word_embeddings ? scope.in("model").in("embed_tokens") : scope.in("lm_head"), config),
  fileTensor: (_config, parameter) => sameInFile(parameter),
} as const satisfies Partial<Architecture<DecoderConfig>>;
