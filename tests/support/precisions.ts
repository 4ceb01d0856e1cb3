/** Small models whose weights have every storage, and their inputs as stored and as the numbers that are stored. */

import type { BatchShape } from "../../src/artifacts/contract.ts";
import { linearsOf, type Method, parametersOf } from "../../src/artifacts/method.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import type { Precision } from "../../src/nn/precision.ts";
import type { HostTensor } from "../../src/runtime/types.ts";
import { dequantise } from "../../src/tensor/blocks.ts";
import { float16ToFloat32 } from "../../src/tensor/convert.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { encode, isQuantised, type WeightStorage } from "../../src/tensor/storage.ts";
import { familyConfigs } from "./families.ts";

/** Widths of whole blocks; 96 is an odd number of them, which uint4 does not have. */
const sizes = { vocab_size: 41, hidden_size: 64, intermediate_size: 96, head_dim: 16, max_position_embeddings: 32 };

/** Tied and own heads, soft caps, biases, a norm per head. */
export const precisionModels: Readonly<Record<string, ModelDefinition>> = {
  "Llama, tied": defineModel({ ...familyConfigs.Llama, ...sizes, tie_word_embeddings: true }),
  "Qwen 3": defineModel({ ...familyConfigs["Qwen 3"], ...sizes }),
  "Gemma 2": defineModel({ ...familyConfigs["Gemma 2"], ...sizes }),
};

export const storedAs = (weights: WeightStorage, compute: Precision["compute"] = "float32"): Precision => ({
  weights,
  embedding: weights,
  compute,
});

export const loraOf = (model: ModelDefinition): Method => ({
  kind: "lora",
  rank: 4,
  alpha: 6,
  targets: linearsOf(model).map(({ name }) => name),
});

/** The numbers that a device has for a parameter stored so. */
export function storedValues(storage: WeightStorage, values: Float32Array, columns: number): Float32Array {
  const [data, scales, zeroPoints] = encode(storage, values, columns) as [
    Float32Array | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
    Float32Array<ArrayBuffer>?,
    Uint8Array<ArrayBuffer>?,
  ];
  if (isQuantised(storage)) {
    const blocks = {
      data: data as Uint8Array<ArrayBuffer>,
      scales: scales ?? new Float32Array(),
      zeroPoints: zeroPoints ?? null,
    };
    return dequantise(storage, blocks, columns);
  }
  return storage === "float16" ? float16ToFloat32(data as Uint16Array) : values;
}

/**
 * Parameters from one seed: `stored` for the graph of this precision, `numbers` for the plain graph. Adapters have both
 * matrices away from 0, so every gradient passes both.
 */
export function precisionFeeds(model: ModelDefinition, precision: Precision, method: Method) {
  const random = createRandom(5);
  const stored: Record<string, HostTensor> = {};
  const numbers: Record<string, HostTensor> = {};
  for (const spec of parametersOf(withPrecision(model, precision), method)) {
    const { name, shape, storage, ports } = spec;
    const columns = shape.at(-1) as number;
    const isNorm = shape.length === 1 && name.includes("norm");
    const size = shape.length === 1 ? 0.1 : 1 / Math.sqrt(columns);
    const values = Float32Array.from({ length: sizeOf(shape) }, () => (isNorm ? 1 : 0) + size * random.normal());
    const parts = encode(storage, values, columns, ports[1]?.dtype === "float16" ? "float16" : "float32");
    ports.forEach(({ name: port, dtype, shape: own }, i) => {
      stored[port] = { dtype, shape: own, data: parts[i] as HostTensor["data"] };
    });
    numbers[name] = { dtype: "float32", shape, data: storedValues(storage, values, columns) };
  }
  return { stored, numbers };
}

export const precisionShape: BatchShape = { rows: 2, length: 6, supervised: 7 };

/** A batch of two rows, the second of two segments. */
export function precisionBatch(): Record<string, HostTensor> {
  const random = createRandom(6);
  const ints = (shape: readonly number[], data: ArrayLike<number>): HostTensor => ({
    dtype: "int32",
    shape,
    data: Int32Array.from(data),
  });
  return {
    input_ids: ints(
      [2, 6],
      Array.from({ length: 12 }, () => random.below(sizes.vocab_size)),
    ),
    position_ids: ints([2, 6], [0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2]),
    segment_ids: ints([2, 6], [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]),
    supervised_index: ints([7], [1, 2, 4, 5, 7, 10, 11]),
    targets: ints(
      [7],
      Array.from({ length: 7 }, () => random.below(sizes.vocab_size)),
    ),
    loss_weights: { dtype: "float32", shape: [7], data: Float32Array.of(1, 0.5, 1, 2, 1, 1, 0) },
  };
}
