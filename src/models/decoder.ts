/**
 * What most families share: a decoder of Llama's form, with RMSNorm, grouped queries, rotary embedding and a gated MLP, under
 * transformers' names. A family adds its config fields and its block.
 */

import { gatedMlp, linear, rmsNorm } from "../nn/layers.ts";
import type { Scope } from "../nn/scope.ts";
import { lookup } from "../nn/weight.ts";
import type { Value } from "../onnx/graph.ts";
import type { Architecture, Block, LayerAttention, LayerSpec, ModelFacts, Select } from "./architecture.ts";
import type { DecoderConfig } from "./decoderConfig.ts";
import { sameInFile } from "./fileTensor.ts";
import { ropeOf } from "./rope.ts";

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

const embedding = (scope: Scope, config: DecoderConfig) => scope.table([config.vocab_size, config.hidden_size]);

/** What a family changes in the frame around its blocks. */
export interface DecoderFrame {
  /** Factor of the embedding. */
  readonly embeddingScale?: number;
  /** Factor of the head's input. */
  readonly headScale?: number;
  /** Whether the last norm's weight is stored around 0. */
  readonly centred?: boolean;
}

/** The parts of an architecture of Llama's form, under its names, but for its config. `frame` defaults to Llama's. */
export const decoderParts = <C extends DecoderConfig>(
  block: Block<C>,
  frame: (config: C) => DecoderFrame = () => ({}),
) =>
  ({
    block,
    layerName: (layer) => `model.layers.${layer}`,
    facts: decoderFacts,
    layers: (config) => decoderLayers(config),
    embed(scope, config, { ids }) {
      const rows = scope.within("model.embed_tokens", (s) => lookup(s.b, embedding(s, config), ids));
      return scope.b.mul(rows, scope.b.scalar(frame(config).embeddingScale ?? 1));
    },
    finish(scope, config, x) {
      const { centred = false, headScale = 1 } = frame(config);
      const states = scope.within("model.norm", (s) => rmsNorm(s, x, config.rms_norm_eps, centred));
      return scope.b.mul(states, scope.b.scalar(headScale));
    },
    headWeight: (scope, config) =>
      embedding(scope.in(config.tie_word_embeddings ? "model.embed_tokens" : "lm_head"), config),
    fileTensor: (_config, parameter) => sameInFile(parameter),
  }) satisfies Partial<Architecture<C>>;
