/** An invented Llama of about ten thousand numbers, and pairs for it, for tests of the page without a real model. */

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

/** Seeded weights: small numbers, and ones for the norms. */
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

/** The files of a model folder. */
export const tinyModel = (tensors: readonly StoredTensor[] = tinyTensors()): ModelFiles => ({
  "config.json": JSON.stringify(tinyConfig),
  "tokenizer.json": JSON.stringify(tokenizer.json),
  "tokenizer_config.json": JSON.stringify(tokenizer.config),
  "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
});

/** A model of other sizes with weights that are quick to create. */
export function sizedModel(change: Partial<typeof tinyConfig>): ModelFiles {
  const config = { ...tinyConfig, ...change };
  const tensors = checkpointTensors(defineModel(config)).map(({ name, shape }, index): StoredTensor => {
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 31 + index * 7919) % 1024) / 1024 - 0.5);
    return { name, shape, dtype: "F32", data };
  });
  return { ...tinyModel(tensors), "config.json": JSON.stringify(config) };
}

/** Marks of Hone's template, which are tokens of the speaking model's tokenizer. */
const marks = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"];

export const speakingConfig = {
  ...tinyConfig,
  vocab_size: 280,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  tie_word_embeddings: false,
};

interface Speaking {
  /** ASCII text without repeated characters. */
  readonly answer?: string;
  readonly contextLength?: number;
  /** Its own Jinja template. */
  readonly chatTemplate?: string;
}

/**
 * A model that answers every prompt with this text, by construction: the hidden state is nearly the embedding of the last
 * token, and the head maps each token of the answer to the next one. About thirty training steps change its answer.
 */
export function speakingModel({ answer = "Blue.", contextLength, chatTemplate }: Speaking = {}): ModelFiles {
  const { json, config } = byteLevelTokenizer({ added: marks });
  const id = (mark: string) => json.added_tokens.find(({ content }) => content === mark)?.id ?? -1;
  const chain = [id("<|assistant|>"), ...Array.from(answer, (letter) => letter.charCodeAt(0)), id("<|end|>")];
  const { hidden_size: width } = speakingConfig;
  if (new Set(chain).size < chain.length || chain.length - 1 > width / 2)
    throw new Error(`"${answer}" must be of up to ${width / 2 - 1} different characters.`);
  const random = createRandom(5);
  const tensors = checkpointTensors(defineModel(speakingConfig)).map(({ name, shape }): StoredTensor => {
    const isHead = name === "lm_head.weight";
    const isWords = isHead || name === "model.embed_tokens.weight";
    const scale = isWords ? 1 : 0.1;
    const data = Float32Array.from({ length: sizeOf(shape) }, () =>
      name.endsWith("norm.weight") ? 1 : scale * (random.next() - 0.5),
    );
    if (isWords) {
      // Each token has its own direction, and the head's row of the following token is that direction.
      for (let token = 0; token < speakingConfig.vocab_size; token++) {
        const place = isHead ? chain.indexOf(token) - 1 : chain.slice(0, -1).indexOf(token);
        const row = data.subarray(token * width, (token + 1) * width);
        if (place >= 0) row.fill(0).set([isHead ? 1.5 : 1], place);
        else row.fill(0, 0, chain.length - 1);
      }
    }
    return { name, shape, dtype: "F32", data };
  });
  return {
    "config.json": JSON.stringify({
      ...speakingConfig,
      ...(contextLength !== undefined && { max_position_embeddings: contextLength }),
    }),
    "tokenizer.json": JSON.stringify(json),
    "tokenizer_config.json": JSON.stringify({ ...config, ...(chatTemplate && { chat_template: chatTemplate }) }),
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
  };
}

/** The files as a file dialog returns them. */
export const asFiles = (files: ModelFiles): File[] =>
  Object.entries(files).map(
    ([name, content]) => new File([typeof content === "string" ? content : content.slice()], name),
  );

/** Alpaca rows of different lengths. */
export const tinyRows = (count = 20) =>
  Array.from({ length: count }, (_, i) => ({
    instruction: `Say ${"la ".repeat(i % 4)}${i}.`,
    input: "",
    output: `It is ${i}.`,
  }));

export const jsonLines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
