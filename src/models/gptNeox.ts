/** GPT-NeoX and Pythia (Black et al. 2022, arXiv:2204.06745): layer norms, partial rotation, parallel branches. */

import * as v from "valibot";
import { type Activation, activations, layerNorm, linear } from "../nn/layers.ts";
import type { Scope } from "../nn/scope.ts";
import { lookup } from "../nn/weight.ts";
import type { Value } from "../onnx/graph.ts";
import { type Architecture, familyOf, type LayerAttention, type Select } from "./architecture.ts";
import { ConfigError, numbers, parse, sizes } from "./config.ts";
import { readActivation } from "./decoderConfig.ts";
import { refuseUnread } from "./fields.ts";
import { sameInFile } from "./fileTensor.ts";
import { float, ropeForm, whole } from "./ggufForm.ts";
import { neoxNames } from "./ggufNames.ts";
import { type RopeConfig, readRope, ropeFields, ropeOf } from "./rope.ts";

const schema = v.object({
  ...ropeFields,
  vocab_size: sizes.vocabulary,
  hidden_size: sizes.width,
  intermediate_size: sizes.inner,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  max_position_embeddings: v.optional(sizes.context, 2048),
  layer_norm_eps: v.optional(numbers.epsilon, 1e-5),
  hidden_act: v.optional(v.string(), "gelu"),
  rotary_pct: v.optional(numbers.share, 0.25),
  rotary_emb_base: v.optional(numbers.ropeBase, 10_000),
  use_parallel_residual: v.optional(v.boolean(), true),
  attention_bias: v.optional(v.boolean(), true),
  tie_word_embeddings: v.optional(v.boolean(), false),
});

interface NeoxConfig {
  readonly vocabulary: number;
  readonly width: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly epsilon: number;
  readonly activation: Activation;
  readonly rope: RopeConfig;
  readonly parallel: boolean;
  readonly bias: boolean;
  readonly tied: boolean;
}

/** Refuses another value under a newer name: versions of transformers differ in which one they read. */
function refuseOther(
  own: v.InferOutput<typeof schema>,
  newer: "rope_theta" | "partial_rotary_factor",
  older: "rotary_emb_base" | "rotary_pct",
): void {
  const value = own[newer];
  if (value === undefined || value === null || value === own[older]) return;
  throw new ConfigError(
    `config.json: ${newer} is ${value}, but ${older} (here or by default) is ${own[older]}. Delete the wrong one, and write the other as ${older}.`,
  );
}

function readConfig(json: unknown): NeoxConfig {
  const whole = parse(v.record(v.string(), v.unknown()), json);
  refuseUnread(whole, [...Object.keys(schema.entries), "classifier_dropout", "is_decoder"]);
  const own = parse(schema, whole);
  refuseOther(own, "rope_theta", "rotary_emb_base");
  refuseOther(own, "partial_rotary_factor", "rotary_pct");
  const { hidden_size: width, num_attention_heads: heads } = own;
  if (width % heads !== 0) {
    throw new ConfigError(`config.json: hidden_size (${width}) must be divisible by num_attention_heads (${heads}).`);
  }
  return {
    vocabulary: own.vocab_size,
    width,
    heads,
    hidden: own.intermediate_size,
    layers: own.num_hidden_layers,
    epsilon: own.layer_norm_eps,
    activation: readActivation("hidden_act", own.hidden_act),
    rope: readRope(own, {
      headSize: width / heads,
      context: own.max_position_embeddings,
      theta: own.rotary_emb_base,
      share: own.rotary_pct,
    }),
    parallel: own.use_parallel_residual,
    bias: own.attention_bias,
    tied: own.tie_word_embeddings,
  };
}

/** x + attention(n₁x) + mlp(n₂x), or one branch after the other. */
function block(scope: Scope, config: NeoxConfig, x: Value, attend: LayerAttention, select: Select): Value {
  const { b } = scope;
  const { width, heads, bias, epsilon } = config;
  const [rows] = x.shape as [number, number];
  const norm = (name: string, y: Value) => scope.within(name, (s) => layerNorm(s, y, epsilon));
  const normal = norm("input_layernorm", x);
  const attended = scope.within("attention", (attention) => {
    // The three of a head stand together: (M, H, 3, D).
    const fused = attention.within("query_key_value", (s) => linear(s, normal, 3 * width, bias));
    const parts = b.split(b.reshape(fused, [rows, heads, 3, width / heads]), [1, 1, 1], 2);
    const [q, k, values] = parts.map((part) => b.reshape(part, [rows, width])) as [Value, Value, Value];
    return attention.within("dense", (s) => linear(s, select(attend(q, k, values)), width, bias));
  });
  const h = b.add(select(x), attended);
  const post = norm("post_attention_layernorm", config.parallel ? select(x) : h);
  const fed = scope.within("mlp", (mlp) => {
    const inner = mlp.within("dense_h_to_4h", (s) => linear(s, post, config.hidden, true));
    return mlp.within("dense_4h_to_h", (s) => linear(s, activations[config.activation](b, inner), width, true));
  });
  return b.add(h, fed);
}

const embedding = (scope: Scope, { vocabulary, width }: NeoxConfig) => scope.table([vocabulary, width]);

/** llama.cpp's graph (src/models/gptneox.cpp) has LLM_FFN_GELU, which is ggml_gelu; |difference| is largest at x = ±2.2. */
const geluNote =
  "llama.cpp computes this model's GELU by its approximation with tanh: an activation differs by up to 0.0005.";

const architecture: Architecture<NeoxConfig> = {
  name: "GPTNeoXForCausalLM",
  modelType: "gpt_neox",
  gguf: ({ vocabulary, width, hidden, layers, heads, epsilon, rope, parallel, activation }) => {
    const { keys, extra } = ropeForm(rope);
    return {
      architecture: "gptneox",
      names: neoxNames(heads, width / heads),
      extra,
      notes: activation === "gelu" ? [geluNote] : [],
      keys: {
        block_count: whole(layers),
        context_length: whole(rope.context),
        embedding_length: whole(width),
        feed_forward_length: whole(hidden),
        "attention.head_count": whole(heads),
        "attention.layer_norm_epsilon": float(epsilon),
        use_parallel_residual: { type: "bool", value: parallel },
        vocab_size: whole(vocabulary),
        ...keys,
      },
    };
  },
  readConfig,
  facts: (config) => ({
    hiddenSize: config.width,
    intermediateSize: config.hidden,
    vocabulary: config.vocabulary,
    contextLength: config.rope.context,
    tiedHead: config.tied,
    logitCap: null,
    embeddingTensor: "gpt_neox.embed_in.weight",
    headTensor: "embed_out.weight",
  }),
  layers({ layers, heads, width, rope }) {
    const size = width / heads;
    const layer = {
      heads: { query: heads, key: heads, size },
      scoreScale: size ** -0.5,
      scoreCap: null,
      rope: ropeOf(rope),
      window: null,
    };
    return Array.from({ length: layers }, () => layer);
  },
  layerName: (layer) => `gpt_neox.layers.${layer}`,
  block,
  embed: (scope, config, { ids }) => scope.within("gpt_neox.embed_in", (s) => lookup(s.b, embedding(s, config), ids)),
  finish: (scope, config, x) => scope.within("gpt_neox.final_layer_norm", (s) => layerNorm(s, x, config.epsilon)),
  headWeight: (scope, config) => embedding(config.tied ? scope.in("gpt_neox.embed_in") : scope.in("embed_out"), config),
  fileTensor: (_config, parameter) => sameInFile(parameter),
};

export const gptNeox = familyOf(architecture);
