/** Made folders of small models of several families, whose tensors a test renames, adds or leaves out. */

import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { encodeFloats, type FloatDType } from "../../../src/hub/elements.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

type Json = Readonly<Record<string, unknown>>;

const shared = {
  vocab_size: 272,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 64,
};

export const configs = {
  llama: { model_type: "llama", ...shared, num_key_value_heads: 1, tie_word_embeddings: true },
  qwen2: { model_type: "qwen2", ...shared, num_key_value_heads: 1, tie_word_embeddings: true },
  gemma3: { model_type: "gemma3_text", ...shared, head_dim: 8, num_key_value_heads: 1, sliding_window: 8 },
  gpt2: { model_type: "gpt2", vocab_size: 272, n_embd: 16, n_head: 2, n_layer: 2, n_positions: 64 },
  neox: { model_type: "gpt_neox", ...shared, tie_word_embeddings: false },
} as const satisfies Readonly<Record<string, Json>>;

export interface FolderTensor extends StoredTensor {
  readonly role: "embedding" | "head" | undefined;
}

/** Seeded tensors of a config, by the names that transformers writes; with `untied` also the head of a tied config. */
export function tensorsFor(config: Json, untied = false, dtype: FloatDType = "F32"): FolderTensor[] {
  const random = createRandom(11);
  return tensorsOfConfig(config, { untied }).map(({ name, shape, role }) => {
    const values = Float32Array.from({ length: sizeOf(shape) }, () => random.next() - 0.5);
    return { name, shape, dtype, data: encodeFloats(dtype, values), role };
  });
}

export interface FolderParts {
  readonly config: Json;
  readonly tensors: readonly StoredTensor[];
  /** More files, or others in place of these. */
  readonly files?: Readonly<Record<string, string>>;
  readonly name?: string;
}

const { json: tokenizer, config: tokenizerConfig } = byteLevelTokenizer();

/** Opens the folder as the engine does. */
export function openFolder({ config, tensors, files = {}, name = "folder" }: FolderParts): Promise<OpenModel> {
  const texts = {
    "config.json": JSON.stringify(config),
    "tokenizer.json": JSON.stringify(tokenizer),
    "tokenizer_config.json": JSON.stringify(tokenizerConfig),
    ...files,
  };
  return openModel(
    modelFromSources(name, [
      ...Object.entries(texts).map(([file, text]) => bytesFromMemory(file, new TextEncoder().encode(text))),
      bytesFromMemory("model.safetensors", writeSafetensors(tensors)),
    ]),
    tensorsOfConfig,
  );
}
