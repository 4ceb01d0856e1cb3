/** ERNIE 4.5, dense (Baidu 2025): Llama with one field for all biases, and rotation of neighbouring numbers. */

import * as v from "valibot";
import { type Architecture, familyOf } from "./architecture.ts";
import { decoderLayers, decoderParts } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { llamaBlock } from "./llama.ts";
import { ropeOf } from "./rope.ts";

const own = { use_bias: v.nullish(v.boolean(), false) };

function readConfig(json: unknown): DecoderConfig {
  const defaults = { context: 131_072, epsilon: 1e-5, tied: true, theta: 500_000, headSize: 128, keyHeads: 2 };
  const { use_bias: bias, ...config } = readDecoder(json, { own, defaults });
  return { ...config, attention_bias: bias ?? false, mlp_bias: bias ?? false };
}

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(llamaBlock),
  name: "Ernie4_5ForCausalLM",
  modelType: "ernie4_5",
  readConfig,
  layers: (config) => decoderLayers(config, () => ({ rope: { ...ropeOf(config.rope), interleaved: true } })),
};

export const ernie = familyOf(architecture);
