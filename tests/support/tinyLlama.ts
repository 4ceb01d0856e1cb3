/** A made-up Llama model of some ten thousand numbers, and pairs for it: for tests of the page that need no real model. */

import { checkpointTensors } from "../../src/artifacts/method.ts";
import { type StoredTensor, writeSafetensors } from "../../src/hub/safetensors.ts";
import { defineModel } from "../../src/models/define.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { byteLevelTokenizer } from "./tokenizers.ts";

const tokenizer = byteLevelTokenizer();

export const tinyConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 272,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
};

/** Seeded weights of its tensors: small, and ones for the norms. */
export function tinyTensors(seed = 1): (StoredTensor & { readonly data: Float32Array })[] {
  const random = createRandom(seed);
  return checkpointTensors(defineModel(tinyConfig)).map(({ name, shape }) => ({
    name,
    shape,
    dtype: "F32",
    data: Float32Array.from({ length: sizeOf(shape) }, () =>
      name.endsWith("norm.weight") ? 1 : 0.2 * (random.next() - 0.5),
    ),
  }));
}

export type ModelFiles = Record<string, Uint8Array | string>;

/** A model folder's files. */
export const tinyModel = (tensors: readonly StoredTensor[] = tinyTensors()): ModelFiles => ({
  "config.json": JSON.stringify(tinyConfig),
  "tokenizer.json": JSON.stringify(tokenizer.json),
  "tokenizer_config.json": JSON.stringify(tokenizer.config),
  "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
});

/** Alpaca rows that differ in length. */
export const tinyRows = (count = 20) =>
  Array.from({ length: count }, (_, i) => ({
    instruction: `Say ${"la ".repeat(i % 4)}${i}.`,
    input: "",
    output: `It is ${i}.`,
  }));

export const jsonLines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
