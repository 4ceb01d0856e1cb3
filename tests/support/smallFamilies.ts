/** A small model of every family, with seeded weights, as a folder or as parameters. `families.ts` has their configs. */

import { checkpointTensors, parametersOf } from "../../src/artifacts/method.ts";
import { type StoredTensor, writeSafetensors } from "../../src/hub/safetensors.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { familyConfigs } from "./families.ts";
import type { ModelFiles } from "./tinyLlama.ts";
import { byteLevelTokenizer } from "./tokenizers.ts";

type Config = Readonly<Record<string, unknown>>;

/** Room for the tokenizer's ids and for rows that are longer than every window. */
const sizes = { vocab_size: 288, bos_token_id: 270, eos_token_id: 271, pad_token_id: 271 };

/** `config.json` of a family, and of variants whose files or heads differ. */
export const smallFamilies: Readonly<Record<string, Config>> = Object.fromEntries(
  Object.entries<Config>({
    ...familyConfigs,
    "Llama with a tied head": { ...familyConfigs.Llama, tie_word_embeddings: true, mlp_bias: true },
    "Qwen 2 without windows": {
      ...familyConfigs["Qwen 2 with windows"],
      tie_word_embeddings: false,
      use_sliding_window: false,
    },
    "Granite 4": {
      ...familyConfigs.Granite,
      model_type: "granitemoehybrid",
      shared_intermediate_size: 20,
      num_local_experts: 0,
      num_experts_per_tok: 0,
      mamba_n_heads: 4,
      layer_types: ["attention", "attention"],
      position_embedding_type: "rope",
    },
    "GPT-2 with its own head": {
      ...familyConfigs["GPT-2"],
      n_inner: 24,
      tie_word_embeddings: false,
      scale_attn_by_inverse_layer_idx: true,
    },
  }).map(([name, config]) => {
    const context = config.model_type === "gpt2" ? { n_positions: 128 } : { max_position_embeddings: 128 };
    const original = "original_max_position_embeddings" in config ? { original_max_position_embeddings: 128 } : {};
    return [name, { ...config, ...sizes, ...context, ...original }];
  }),
);

export type Values = Map<string, Float32Array<ArrayBuffer>>;

/** Seeded values of the model's own parameters: norms around their neutral value, the others large enough to matter. */
export function smallValues(model: ModelDefinition, seed = 11): Values {
  const random = createRandom(seed);
  const neutral = model.architecture.startsWith("Gemma") ? 0 : 1;
  return new Map(
    parametersOf(model, null).map(({ name, shape }) => {
      const isVector = shape.length === 1;
      const centre = isVector && name.endsWith(".weight") ? neutral : 0;
      const isTable = /embed|wte|wpe|lm_head/.test(name);
      const scale = isVector ? 0.1 : isTable ? 0.5 : 1 / Math.sqrt(shape[1] ?? 1);
      return [name, Float32Array.from({ length: sizeOf(shape) }, () => centre + scale * random.normal())];
    }),
  );
}

/** The tensors of a folder, from the parameters' values. */
export const tensorsOf = (model: ModelDefinition, values: Values): StoredTensor[] =>
  parametersOf(model, null).flatMap(({ name, source }) => {
    const data = values.get(name);
    if (source.kind !== "checkpoint" || !data) return [];
    const { name: file, shape, toFile } = source.tensor;
    return [{ name: file, shape, dtype: "F32", data: toFile(data) }];
  });

/** The files of a model's folder. Throws for values that do not fill every tensor. */
export function smallFolder(config: Config, seed = 11): ModelFiles {
  const model = defineModel(config);
  const tensors = tensorsOf(model, smallValues(model, seed));
  if (tensors.length < checkpointTensors(model).length) throw new Error("A tensor has no values.");
  const tokenizer = byteLevelTokenizer();
  return {
    "config.json": JSON.stringify(config),
    "tokenizer.json": JSON.stringify(tokenizer.json),
    "tokenizer_config.json": JSON.stringify(tokenizer.config),
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
  };
}
