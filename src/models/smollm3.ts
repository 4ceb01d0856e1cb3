/** SmolLM3 (Hugging Face, 2025): Llama's block; every fourth layer does not rotate (NoPE, arXiv:2501.18795). */

import * as v from "valibot";
import { type Architecture, familyOf } from "./architecture.ts";
import { ConfigError } from "./config.ts";
import { decoderLayers, decoderParts } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { llamaForm } from "./ggufForm.ts";
import { llamaBlock } from "./llama.ts";

interface SmolConfig extends DecoderConfig {
  /** Whether each layer rotates. */
  readonly rotates: readonly boolean[];
}

const own = {
  no_rope_layers: v.nullish(v.array(v.picklist([0, 1]))),
  no_rope_layer_interval: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 4),
  use_sliding_window: v.optional(v.boolean(), false),
  max_window_layers: v.nullish(v.number()),
};

/** Whether layer `layer` rotates: 1 in `no_rope_layers`, else each but the last of an interval. */
const rotatesIn = (layer: number, list: unknown, interval: unknown) =>
  Array.isArray(list) ? list[layer] === 1 : (layer + 1) % (typeof interval === "number" ? interval : 4) !== 0;

function readConfig(json: unknown): SmolConfig {
  const {
    no_rope_layers: list,
    no_rope_layer_interval: interval,
    ...config
  } = readDecoder(json, {
    own,
    defaults: { context: 32_768, tied: true, theta: 2_000_000, keyHeads: 4 },
    reads: ["attention_bias", "mlp_bias", "sliding_window", "layer_types"],
    slides: (layer, { no_rope_layers, no_rope_layer_interval, use_sliding_window: uses }, window) =>
      uses === true && window !== null && !rotatesIn(layer, no_rope_layers, no_rope_layer_interval),
  });
  if (list && list.length < config.num_hidden_layers) {
    throw new ConfigError(
      `config.json: no_rope_layers has ${list.length} layers, but num_hidden_layers is ${config.num_hidden_layers}.`,
    );
  }
  return { ...config, rotates: config.windows.map((_, layer) => rotatesIn(layer, list, interval)) };
}

const architecture: Architecture<SmolConfig> = {
  ...decoderParts(llamaBlock),
  name: "SmolLM3ForCausalLM",
  modelType: "smollm3",
  gguf: llamaForm("smollm3"),
  readConfig,
  layers: (config) => decoderLayers(config, (layer) => (config.rotates[layer] ? {} : { rope: null })),
};

export const smollm3 = familyOf(architecture);
