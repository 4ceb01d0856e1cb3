/** Mistral and Ministral, as far as they are dense (Jiang et al. 2023, arXiv:2310.06825): Llama's block, with windows. */

import { type Architecture, familyOf } from "./architecture.ts";
import { decoderForward, decoderParts } from "./decoder.ts";
import { type DecoderConfig, readDecoder } from "./decoderConfig.ts";
import { llamaBlock } from "./llama.ts";

const common = {
  ...decoderParts,
  forward: (scope, config, tokens, attend, select) => decoderForward(scope, config, tokens, attend, select, llamaBlock),
} satisfies Partial<Architecture<DecoderConfig>>;

const sizes = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
};

/** A missing `sliding_window` is 4096, one of null is none. */
const windowOf = ({ sliding_window: size }: Readonly<Record<string, unknown>>) =>
  size === undefined ? 4096 : typeof size === "number" ? size : null;

export const mistral = familyOf({
  ...common,
  name: "MistralForCausalLM",
  modelType: "mistral",
  readConfig: (json) =>
    readDecoder(json, {
      own: {},
      defaults: { context: 131_072, keyHeads: 8, sizes },
      reads: ["sliding_window"],
      window: windowOf,
      slides: (_layer, _json, window) => window !== null,
    }),
});

export const ministral = familyOf({
  ...common,
  name: "MinistralForCausalLM",
  modelType: "ministral",
  readConfig: (json) =>
    readDecoder(json, {
      own: {},
      defaults: { context: 131_072, keyHeads: 8, sizes },
      reads: ["sliding_window", "layer_types"],
      window: windowOf,
      slides: (_layer, _json, window) => window !== null,
    }),
});
