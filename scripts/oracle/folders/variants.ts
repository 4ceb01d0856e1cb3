/** Folders of one small model that tools write differently: names, heads, types, files. */

import type { FloatDType } from "../../../src/hub/elements.ts";
import { encodeFloats } from "../../../src/hub/elements.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { type FileWeight, seededWeights } from "../configs/model.ts";

export type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

export interface Variant {
  readonly name: string;
  readonly files: Files;
  /** False where transformers fills the model with random numbers instead of these tensors. */
  readonly readByTransformers: boolean;
}

type Rename = (name: string) => string;

const weights = (tensors: readonly StoredTensor[]): Files => ({
  "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
});

function sharded(tensors: readonly StoredTensor[]): Files {
  const count = 3;
  const nameOf = (i: number) => `model-0000${(i % count) + 1}-of-0000${count}.safetensors`;
  const shards = Array.from({ length: count }, (_, shard) => [
    nameOf(shard),
    writeSafetensors(
      tensors.filter((_, i) => i % count === shard),
      { format: "pt" },
    ),
  ]);
  const placed = Object.fromEntries(tensors.map(({ name }, i) => [name, nameOf(i)]));
  const index = { metadata: {}, weight_map: { ...placed, "lm_head.weight": placed["lm_head.weight"] ?? nameOf(0) } };
  return {
    ...Object.fromEntries(shards),
    "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify(index)),
  };
}

/** The variants of a model; a tied one also has those of its head. */
export function variantsOf(definition: ModelDefinition, texts: Files): Variant[] {
  const own = seededWeights(definition);
  const { embeddingTensor, headTensor, tiedHead } = definition;
  const base = embeddingTensor.slice(0, embeddingTensor.indexOf(".") + 1);
  const embedding = own.find(({ name }) => name === embeddingTensor);
  const stored = (list: readonly FileWeight[], dtype: FloatDType = "F32", rename: Rename = (name) => name) =>
    list.map(({ name, shape, data }) => ({ name: rename(name), shape, dtype, data: encodeFloats(dtype, data) }));
  const short: Rename = (name) => (name.startsWith(base) ? name.slice(base.length) : name);
  const buffer = (name: string): StoredTensor => ({ name, shape: [2], dtype: "F32", data: new Float32Array(2) });
  const head = (data: Float32Array<ArrayBuffer>) => ({ name: headTensor, shape: embedding?.shape ?? [], data });
  const table = embedding?.data ?? new Float32Array();
  const rows: readonly (readonly [string, Files, boolean?])[] = [
    ["plain", weights(stored(own))],
    ["bfloat16", weights(stored(own, "BF16"))],
    ["float64", weights(stored(own, "F64"))],
    ["three shards", sharded(stored(own))],
    ["without the base's prefix", weights(stored(own, "F32", short))],
    ["module.", weights(stored(own, "F32", (name) => `module.${name}`)), false],
    ["base_model.model.", weights(stored(own, "F32", (name) => `base_model.model.${name}`)), false],
    ["_orig_mod.", weights(stored(own, "F32", (name) => `_orig_mod.${name}`)), false],
    [
      "buffers",
      weights([
        ...stored(own),
        buffer(`${base}layers.0.self_attn.rotary_emb.inv_freq`),
        buffer(`${base}h.0.attn.masked_bias`),
      ]),
    ],
    ...(tiedHead
      ? [
          ["a copy of the embedding", weights(stored([...own, head(table)]))] as const,
          ["another head", weights(stored([...own, head(table.map((x) => 1 - x))]))] as const,
          ["the head alone", weights(stored([...own.filter((one) => one !== embedding), head(table)]))] as const,
        ]
      : []),
  ];
  return rows.map(([name, files, readByTransformers = true]) => ({
    name,
    files: { ...texts, ...files },
    readByTransformers,
  }));
}
