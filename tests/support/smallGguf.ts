/** Small models of families in forms that llama.cpp has. */

import { smallFamilies, smallFolder } from "./smallFamilies.ts";
import type { ModelFiles } from "./tinyLlama.ts";

type Config = Readonly<Record<string, unknown>>;

/** The window in five of six layers, and scores by the head's size, as llama.cpp's graph of Gemma 3 has them. */
const gemma3: Config = {
  ...smallFamilies["Gemma 3"],
  num_hidden_layers: 7,
  sliding_window_pattern: 6,
  layer_types: Array.from({ length: 7 }, (_, layer) => (layer % 6 === 5 ? "full_attention" : "sliding_attention")),
  head_dim: 8,
  query_pre_attn_scalar: 8,
  sliding_window: 6,
};

/** As above for Gemma 2, whose windows alternate. */
const gemma2: Config = { ...smallFamilies["Gemma 2"], head_dim: 8, query_pre_attn_scalar: 8 };

/** Llama 3's scaling with other numbers than the published models have. */
const otherDivisors: Config = {
  ...smallFamilies.Llama,
  rope_scaling: {
    ...{ rope_type: "llama3", factor: 8, low_freq_factor: 0.5, high_freq_factor: 6 },
    original_max_position_embeddings: 32,
  },
};

export const ggufConfigs: Readonly<Record<string, Config>> = {
  ...smallFamilies,
  "Llama with other divisors of frequencies": otherDivisors,
  "Gemma 3 as in llama.cpp": gemma3,
  "Gemma 2 as in llama.cpp": gemma2,
};

/** The files of a model's folder, with a tokenizer that splits words by GPT-2's pattern. */
export function llamaFolder(config: Config): ModelFiles {
  const files = smallFolder(config);
  const tokenizer = JSON.parse(files["tokenizer.json"] as string);
  const pre_tokenizer = { ...tokenizer.pre_tokenizer, use_regex: true };
  return { ...files, "tokenizer.json": JSON.stringify({ ...tokenizer, pre_tokenizer }) };
}
