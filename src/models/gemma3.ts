/** The text part of Gemma 3 (Kamath et al. 2025, arXiv:2503.19786): Gemma 2 with head norms and two rotations. */

import * as v from "valibot";
import { type Architecture, familyOf } from "./architecture.ts";
import { numbers, parse } from "./config.ts";
import { decoderLayers } from "./decoder.ts";
import { readDecoder } from "./decoderConfig.ts";
import { refuseUnread } from "./fields.ts";
import { type GemmaConfig, gemmaAttention, gemmaBlock, gemmaDefaults, gemmaParts, gemmaReading } from "./gemma2.ts";
import { float } from "./ggufForm.ts";
import { gemmaForm } from "./ggufGemma.ts";
import { type RopeConfig, readRopeObject, ropeOf } from "./rope.ts";

interface Gemma3Config extends GemmaConfig {
  /** The rotation of layers with a window; `rope` is that of the others. */
  readonly localRope: RopeConfig;
}

const anyObject = v.nullish(v.looseObject({}));

/** The fields of both rotations, in both generations. */
const ropeSchema = v.object({
  rope_theta: v.optional(numbers.ropeBase, 1_000_000),
  rope_local_base_freq: v.optional(numbers.ropeBase, 10_000),
  rope_scaling: anyObject,
  rope_parameters: v.nullish(v.looseObject({ full_attention: anyObject, sliding_attention: anyObject })),
});

/** Context extension holds for layers without a window alone. */
function readConfig(json: unknown): Gemma3Config {
  const whole = parse(v.record(v.string(), v.unknown()), json);
  const ropes = parse(ropeSchema, whole);
  const pattern = parse(v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 6), whole.sliding_window_pattern);
  const others = Object.entries(whole).filter(([field]) => !Object.hasOwn(ropeSchema.entries, field));
  const config = readDecoder(Object.fromEntries(others), {
    ...gemmaReading,
    ignores: [...gemmaReading.ignores, "sliding_window_pattern"],
    defaults: { ...gemmaDefaults, context: 131_072, sizes: { ...gemmaDefaults.sizes, vocab_size: 262_208 } },
    slides: (layer) => (layer + 1) % pattern !== 0,
  });
  const { rope_parameters: parameters, rope_scaling: scaling, rope_theta: theta, rope_local_base_freq: local } = ropes;
  refuseUnread(parameters ?? {}, ["full_attention", "sliding_attention"], "config.json: rope_parameters");
  const read = (object: Readonly<Record<string, unknown>>, place: string, base: number) =>
    readRopeObject(
      object,
      place,
      { rope_theta: base },
      { headSize: config.head_dim, context: config.max_position_embeddings, theta: 10_000, share: null },
    );
  const full = { ...parameters?.full_attention, ...scaling };
  return {
    ...config,
    // transformers has this field in its config, and its Gemma 3 does not use it: another value than null is refused.
    attn_logit_softcapping: null,
    rope: read(full, scaling ? "rope_scaling" : "rope_parameters.full_attention", theta),
    localRope: read(parameters?.sliding_attention ?? {}, "rope_parameters.sliding_attention", local),
  };
}

const architecture: Architecture<Gemma3Config> = {
  ...gemmaParts(gemmaBlock(true)),
  name: "Gemma3ForCausalLM",
  modelType: "gemma3_text",
  gguf: (config) => gemmaForm("gemma3", config, { "rope.freq_base_swa": float(config.localRope.theta) }),
  readConfig,
  layers: (config) =>
    decoderLayers(config, (layer) => ({
      ...gemmaAttention(config),
      rope: ropeOf(config.windows[layer] === null ? config.rope : config.localRope),
    })),
};

export const gemma3 = familyOf(architecture);
