/**
 * The short catalogue. Oracles: each model's published number of parameters, and the layout of a safetensors file as the
 * safetensors library writes it, which gives a published file's exact bytes.
 */

import { expect, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { hubReference } from "../../../src/hub/huggingFace.ts";
import { type CatalogueModel, catalogue } from "../../../src/models/catalogue.ts";
import { defineModel } from "../../../src/models/define.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";

/** Parameters as the hub counts them, a tied head once. */
const published: Readonly<Record<string, number>> = {
  "EleutherAI/pythia-70m": 70_426_624,
  "EleutherAI/pythia-160m": 162_322_944,
  "openai-community/gpt2": 124_439_808,
  "distilbert/distilgpt2": 81_912_576,
  "google/gemma-3-270m": 268_098_176,
  "google/gemma-3-270m-it": 268_098_176,
  "HuggingFaceTB/SmolLM2-135M": 134_515_008,
  "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
  "HuggingFaceTB/SmolLM2-360M": 361_821_120,
  "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
  "ibm-granite/granite-4.0-350m-base": 352_379_904,
  "ibm-granite/granite-4.0-350m": 352_379_904,
  "Qwen/Qwen2.5-0.5B": 494_032_768,
  "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
  "Qwen/Qwen3-0.6B-Base": 596_049_920,
  "Qwen/Qwen3-0.6B": 596_049_920,
  "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
  "meta-llama/Llama-3.2-1B": 1_235_814_400,
  "HuggingFaceTB/SmolLM3-3B": 3_075_098_624,
};

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Bytes of a safetensors file of bfloat16 tensors with the metadata of transformers: header, then data. */
function fileBytes(tensors: readonly Tensor[]): number {
  let at = 0;
  const entries = tensors
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, shape }) => {
      const begin = at;
      at += 2 * sizeOf(shape);
      return `"${name}":{"dtype":"BF16","shape":[${shape}],"data_offsets":[${begin},${at}]}`;
    });
  const header = `{"__metadata__":{"format":"pt"},${entries.join(",")}}`;
  return 8 + Math.ceil(header.length / 8) * 8 + at;
}

const tensorsOf = ({ config }: CatalogueModel) => checkpointTensors(defineModel(config));
const counted = (tensors: readonly Tensor[]) => tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

test.each(catalogue)("$id: its configuration gives the published number of parameters", (model) => {
  expect(counted(tensorsOf(model))).toBe(published[model.id]);
  expect(hubReference(model.id)?.id).toBe(model.id);
});

const isLlamaLike = ({ id }: CatalogueModel) => !/gpt2|pythia|SmolLM3/.test(id);

test.each(catalogue.filter(isLlamaLike))("$id: the file has exactly the bytes of its tensors and header", (model) => {
  const tensors: Tensor[] = [...tensorsOf(model)];
  // The tied head of this one is written beside the embedding.
  if (model.id === "Qwen/Qwen3-0.6B") tensors.push({ name: "lm_head.weight", shape: [151_936, 1024] });
  expect(fileBytes(tensors)).toBe(model.byteLength);
});

test("SmolLM3-3B: its two shards have the bytes of their tensors and headers", () => {
  const model = catalogue.find(({ id }) => id === "HuggingFaceTB/SmolLM3-3B");
  if (!model) throw new Error("The catalogue has no SmolLM3-3B.");
  // transformers begins a new shard before the tensor that would exceed 5 GB.
  const shards: Tensor[][] = [[]];
  let size = 0;
  for (const tensor of ordered(tensorsOf(model))) {
    const added = 2 * sizeOf(tensor.shape);
    if (size + added > 5e9) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)?.push(tensor);
    size += added;
  }
  expect(shards.map(fileBytes)).toEqual([4_966_315_264, 1_183_919_744]);
  expect(model.byteLength).toBe(4_966_315_264 + 1_183_919_744);
});

/** In the order of the module: embedding, layers with attention, MLP and norms, last norm. */
function ordered(tensors: readonly Tensor[]): Tensor[] {
  const parts = ["embed_tokens", "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
  const others = ["input_layernorm", "post_attention_layernorm", "model.norm"];
  const rank = ({ name }: Tensor) => {
    const layer = /layers\.(\d+)\./.exec(name)?.[1];
    const part = [...parts, ...others].findIndex((text) => name.includes(text));
    return (layer === undefined ? (part === 0 ? -1 : 1000) : Number(layer)) * 100 + part;
  };
  return tensors.toSorted((a, b) => rank(a) - rank(b));
}

test.each([
  // Attention's causal mask is stored in each layer: 1024² float32 for GPT-2, 2048² bytes for Pythia.
  ["openai-community/gpt2", 4, 12 * 4 * 1024 ** 2],
  ["distilbert/distilgpt2", 4, 6 * 4 * 1024 ** 2],
  ["EleutherAI/pythia-70m", 2, 6 * 2048 ** 2],
  ["EleutherAI/pythia-160m", 2, 12 * 2048 ** 2],
])("%s: the file has its tensors, its stored masks and a header", (id, bytesEach, masks) => {
  const model = catalogue.find((one) => one.id === id);
  if (!model) throw new Error(`The catalogue has no ${id}.`);
  const rest = model.byteLength - bytesEach * counted(tensorsOf(model)) - masks;
  expect(rest).toBeGreaterThan(0);
  expect(rest).toBeLessThan(25_000);
});

test("is in order of size, each once", () => {
  const sizes = catalogue.map(({ byteLength }) => byteLength);
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length);
});

test.each(catalogue)("$id: its sentence has a number and 20 words at most", ({ purpose }) => {
  expect(purpose).toMatch(/\d/);
  for (const sentence of purpose.split(/\. /)) expect(sentence.split(" ").length).toBeLessThanOrEqual(20);
});
