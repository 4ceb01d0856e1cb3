/** Granite 4 without experts and without Mamba (IBM 2025): Granite whose gate and up are one linear layer. */

import * as v from "valibot";
import { fusedMlp } from "../nn/layers.ts";
import { type Architecture, familyOf } from "./architecture.ts";
import { ConfigError, parse, sizes } from "./config.ts";
import { decoderLayers, decoderParts, preNormBlock } from "./decoder.ts";
import { readDecoder } from "./decoderConfig.ts";
import { type GraniteConfig, graniteFrame, graniteOwn } from "./granite.ts";

interface Granite4Config extends GraniteConfig {
  readonly rotates: boolean;
}

const own = {
  ...graniteOwn,
  num_local_experts: v.optional(v.number(), 8),
  shared_intermediate_size: v.optional(sizes.inner, 1024),
  position_embedding_type: v.nullish(v.string()),
};

/** Fields of layers that a dense Granite 4 does not have. */
const ignores = [
  "mamba_chunk_size",
  "mamba_conv_bias",
  "mamba_d_conv",
  "mamba_d_head",
  "mamba_d_state",
  "mamba_expand",
  "mamba_n_groups",
  "mamba_n_heads",
  "mamba_proj_bias",
  "mlp_bias",
  "num_experts_per_tok",
  "time_step_limit",
];

const dense = "Choose a dense Granite, such as Granite-4.0-350M or 1B.";

function readConfig(json: unknown): Granite4Config {
  const list = v.nullish(v.array(v.string()));
  const { layers_block_type: other, ...whole } = parse(
    v.looseObject({ layer_types: list, layers_block_type: list }),
    json,
  );
  // transformers reads both names.
  const types = whole.layer_types ?? other;
  // Without a list, transformers makes every layer a Mamba layer.
  if (!types || types.includes("mamba") || types.includes("linear_attention")) {
    throw new ConfigError(`config.json: layer_types has mamba layers, and Hone trains attention alone. ${dense}`);
  }
  const {
    num_local_experts: experts,
    shared_intermediate_size: inner,
    position_embedding_type: positions,
    ...config
  } = readDecoder(
    { ...whole, layer_types: types },
    {
      own,
      defaults: { context: 2048, sizes: { intermediate_size: 11_008 } },
      reads: ["attention_bias", "layer_types"],
      ignores,
    },
  );
  if (experts !== 0) {
    throw new ConfigError(
      `config.json: num_local_experts is ${experts}, a mixture of experts, and Hone trains dense models. ${dense}`,
    );
  }
  return { ...config, intermediate_size: inner, rotates: positions === "rope" };
}

const block = preNormBlock<Granite4Config>(
  ({ attention_bias: bias }) => ({ bias: [bias, bias] }),
  (config) => config.residual_multiplier,
  (scope, x, { intermediate_size: hidden, activation }) =>
    scope.within("shared_mlp", (s) => fusedMlp(s, x, { hidden, activation }, ["input_linear", "output_linear"])),
);

const architecture: Architecture<Granite4Config> = {
  ...decoderParts(block, graniteFrame),
  name: "GraniteMoeHybridForCausalLM",
  modelType: "granitemoehybrid",
  readConfig,
  layers: (config) =>
    decoderLayers(config, () => ({
      scoreScale: config.attention_multiplier,
      ...(!config.rotates && { rope: null }),
    })),
};

export const granite4 = familyOf(architecture);
