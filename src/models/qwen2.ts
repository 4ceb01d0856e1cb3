/** Qwen 2 and 2.5 (Yang et al. 2024, arXiv:2407.10671): Llama with biases on queries, keys and values. */

import * as v from "valibot";
import { type Architecture, familyOf } from "./architecture.ts";
import { decoderParts, preNormBlock } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { plainForm } from "./ggufForm.ts";

/** Qwen's windows: off unless `use_sliding_window`, then in the layers from `max_window_layers` on. */
export const qwenWindows = {
  own: { use_sliding_window: v.optional(v.boolean(), false), max_window_layers: v.optional(v.number(), 28) },
  window: ({ use_sliding_window: uses, sliding_window: size }: Readonly<Record<string, unknown>>) =>
    uses !== true || size === null ? null : typeof size === "number" ? size : 4096,
  slides: (layer: number, { max_window_layers: first }: Readonly<Record<string, unknown>>, window: number | null) =>
    window !== null && layer >= (typeof first === "number" ? first : 28),
} as const;

const always = v.nullish(v.literal(true));

const block = preNormBlock(() => ({ bias: [true, false] }));

const architecture: Architecture<DecoderConfig> = {
  ...decoderParts(block),
  name: "Qwen2ForCausalLM",
  modelType: "qwen2",
  gguf: plainForm("qwen2"),
  readConfig: (json) =>
    readDecoder(json, {
      ...qwenWindows,
      // Qwen 2 always has these biases, and transformers does not read a field that says so.
      own: {
        ...qwenWindows.own,
        ...Object.fromEntries(["attention_bias", "qkv_bias"].map((field) => [field, always])),
      },
      defaults: { context: 32_768, keyHeads: 32 },
      reads: ["sliding_window", "layer_types"],
    }),
};

export const qwen2 = familyOf(architecture);
