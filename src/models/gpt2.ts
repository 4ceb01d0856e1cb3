/** GPT-2 (Radford et al. 2019): layer norms with biases, trained positions, fused queries, keys and values. */

import * as v from "valibot";
import { type Activation, activations, layerNorm, linear } from "../nn/layers.ts";
import type { Scope } from "../nn/scope.ts";
import { lookup } from "../nn/weight.ts";
import type { Value } from "../onnx/graph.ts";
import { quote } from "../tensor/quote.ts";
import { type Architecture, familyOf, type LayerAttention, type Select } from "./architecture.ts";
import { ConfigError, numbers, parse, sizes } from "./config.ts";
import { readActivation } from "./decoderConfig.ts";
import { refuseUnread } from "./fields.ts";
import { sameInFile, transposedInFile } from "./fileTensor.ts";
import { float, whole } from "./ggufForm.ts";
import { gpt2Names } from "./ggufNames.ts";

const schema = v.object({
  vocab_size: v.optional(sizes.vocabulary, 50_257),
  n_embd: v.optional(sizes.width, 768),
  n_layer: v.optional(sizes.layers, 12),
  n_head: v.optional(sizes.heads, 12),
  n_positions: v.optional(sizes.context, 1024),
  n_inner: v.nullish(sizes.inner),
  layer_norm_epsilon: v.optional(numbers.epsilon, 1e-5),
  activation_function: v.optional(v.string(), "gelu_new"),
  scale_attn_weights: v.optional(v.boolean(), true),
  scale_attn_by_inverse_layer_idx: v.optional(v.boolean(), false),
  tie_word_embeddings: v.optional(v.boolean(), true),
});

interface Gpt2Config {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly positions: number;
  readonly hidden: number;
  readonly epsilon: number;
  readonly activation: Activation;
  /** Whether scores are divided by √(head size), and by the layer's number from 1. */
  readonly scaled: boolean;
  readonly scaledByLayer: boolean;
  readonly tied: boolean;
}

/** The names of other families for its fields, which transformers reads too. */
const aliases: Readonly<Record<string, string>> = {
  hidden_size: "n_embd",
  max_position_embeddings: "n_positions",
  num_attention_heads: "n_head",
  num_hidden_layers: "n_layer",
};

function readConfig(json: unknown): Gpt2Config {
  const given = parse(v.record(v.string(), v.unknown()), json);
  const whole = { ...given };
  for (const [alias, field] of Object.entries(aliases)) {
    if (given[alias] === undefined) continue;
    if (given[field] !== undefined && given[field] !== given[alias]) {
      throw new ConfigError(
        `config.json: ${alias} (${quote(given[alias])}) and ${field} (${quote(given[field])}) differ. Delete the wrong one.`,
      );
    }
    whole[field] = given[alias];
  }
  refuseUnread(whole, [...Object.keys(schema.entries), ...Object.keys(aliases), "n_ctx"]);
  const own = parse(schema, whole);
  const { n_embd: width, n_head: heads } = own;
  if (width % heads !== 0) {
    throw new ConfigError(`config.json: n_embd (${width}) must be divisible by n_head (${heads}).`);
  }
  return {
    vocabulary: own.vocab_size,
    width,
    heads,
    layers: own.n_layer,
    positions: own.n_positions,
    hidden: own.n_inner ?? 4 * width,
    epsilon: own.layer_norm_epsilon,
    activation: readActivation("activation_function", own.activation_function),
    scaled: own.scale_attn_weights,
    scaledByLayer: own.scale_attn_by_inverse_layer_idx,
    tied: own.tie_word_embeddings,
  };
}

function block(scope: Scope, config: Gpt2Config, x: Value, attend: LayerAttention, select: Select): Value {
  const { b } = scope;
  const { width, epsilon } = config;
  const normal = scope.within("ln_1", (s) => layerNorm(s, x, epsilon));
  const attended = scope.within("attn", (attention) => {
    const fused = attention.within("c_attn", (s) => linear(s, normal, 3 * width, true));
    const [q, k, values] = b.split(fused, [width, width, width], 1) as [Value, Value, Value];
    return attention.within("c_proj", (s) => linear(s, select(attend(q, k, values)), width, true));
  });
  const h = b.add(select(x), attended);
  const post = scope.within("ln_2", (s) => layerNorm(s, h, epsilon));
  const fed = scope.within("mlp", (mlp) => {
    const inner = mlp.within("c_fc", (s) => linear(s, post, config.hidden, true));
    return mlp.within("c_proj", (s) => linear(s, activations[config.activation](b, inner), width, true));
  });
  return b.add(h, fed);
}

const embedding = (scope: Scope, { vocabulary, width }: Gpt2Config) => scope.table([vocabulary, width]);

const architecture: Architecture<Gpt2Config> = {
  name: "GPT2LMHeadModel",
  modelType: "gpt2",
  gguf: ({ vocabulary, width, layers, heads, positions, hidden, epsilon }) => ({
    architecture: "gpt2",
    names: gpt2Names,
    extra: [],
    keys: {
      block_count: whole(layers),
      context_length: whole(positions),
      embedding_length: whole(width),
      feed_forward_length: whole(hidden),
      "attention.head_count": whole(heads),
      "attention.layer_norm_epsilon": float(epsilon),
      vocab_size: whole(vocabulary),
    },
  }),
  readConfig,
  facts: (config) => ({
    hiddenSize: config.width,
    intermediateSize: config.hidden,
    vocabulary: config.vocabulary,
    contextLength: config.positions,
    tiedHead: config.tied,
    logitCap: null,
    embeddingTensor: "transformer.wte.weight",
    headTensor: "lm_head.weight",
  }),
  layers({ layers, heads, width, scaled, scaledByLayer }) {
    const size = width / heads;
    return Array.from({ length: layers }, (_, layer) => ({
      heads: { query: heads, key: heads, size },
      scoreScale: (scaled ? size ** -0.5 : 1) / (scaledByLayer ? layer + 1 : 1),
      scoreCap: null,
      rope: null,
      window: null,
    }));
  },
  layerName: (layer) => `transformer.h.${layer}`,
  block,
  embed: (scope, config, { ids, positions }) =>
    scope.within("transformer", (model) => {
      const { b } = model;
      const places = (s: Scope) => s.parameter("weight", [config.positions, config.width]);
      return b.add(
        model.within("wte", (s) => lookup(b, embedding(s, config), ids)),
        model.within("wpe", (s) => b.gather(places(s), b.reshape(positions, ids.shape))),
      );
    }),
  finish: (scope, config, x) => scope.within("transformer.ln_f", (s) => layerNorm(s, x, config.epsilon)),
  headWeight: (scope, config) => embedding(config.tied ? scope.in("transformer.wte") : scope.in("lm_head"), config),
  /** Its linear layers are Conv1D, whose weights stand as [in, out]. */
  fileTensor: (_config, parameter) =>
    parameter.name.startsWith("transformer.h.") && parameter.shape.length === 2
      ? transposedInFile(parameter)
      : sameInFile(parameter),
};

export const gpt2 = familyOf(architecture);
