/**
 * Converted weights must not live between the passes, nor several at a time. Oracle: the plan of the plain graph, whose
 * predictions bench/memory.ts and tests/browser/memory.test.ts compare with measured runs.
 */

import { expect, test } from "vitest";
import { type ProviderName, peakInHeap, peakOnGpu, planRun } from "../../../src/artifacts/activations.ts";
import { compileTraining } from "../../../src/artifacts/compile.ts";
import { type ModelDefinition, withPrecision } from "../../../src/models/architecture.ts";
import type { WeightStorage } from "../../../src/tensor/storage.ts";
import { loraOf, storedAs } from "../../support/precisions.ts";
import { smallLlama } from "../../support/smallLlama.ts";

/** Few tokens beside wide matrices: a layer's activations are far smaller than its weights. */
const shape = { rows: 1, length: 8, supervised: 4 };
const sizes = { hidden_size: 256, intermediate_size: 1024, num_attention_heads: 4, num_key_value_heads: 4 };
const weightsOfLayer = 4 * (4 * 256 * 256 + 3 * 256 * 1024);
const largestMatrix = 4 * 256 * 1024;

const compressed: readonly WeightStorage[] = ["float16", "int8", "int4", "uint4"];
const rows = (["wasm", "webgpu"] as const).flatMap((provider) =>
  compressed.map((storage) => [storage, provider] as const),
);

function peak(model: ModelDefinition, storage: WeightStorage, provider: ProviderName): number {
  const graph = compileTraining(withPrecision(model, storedAs(storage)), loraOf(model), shape).graph();
  const plan = planRun(graph, provider);
  return provider === "wasm" ? peakInHeap(plan) : peakOnGpu(plan);
}

test.each(rows)("%s on %s: layers add what they add in float32", (storage, provider) => {
  const depth = (layers: number) => smallLlama({ ...sizes, vocab_size: 64, num_hidden_layers: layers });
  const growth = (own: WeightStorage) => peak(depth(8), own, provider) - peak(depth(4), own, provider);
  expect(weightsOfLayer).toBeGreaterThan(4 * growth("float32"));
  expect(growth(storage)).toBeLessThan(growth("float32") + 0.1 * weightsOfLayer);
  // A matrix and the gaps of its size; WebGPU frees buffers only with 16 launches. Four layers have 28 matrices.
  const atOnce = provider === "wasm" ? 3 : 8;
  expect(peak(depth(4), storage, provider)).toBeLessThan(peak(depth(4), "float32", provider) + atOnce * largestMatrix);
});

test.each(rows)("%s on %s: the head is widened in parts, also where all logits would not fit", (storage, provider) => {
  const vocabulary = 2 ** 18;
  const model = smallLlama({ ...sizes, vocab_size: vocabulary, num_hidden_layers: 1, tie_word_embeddings: true });
  const head = 4 * 256 * vocabulary;
  expect(peak(model, storage, provider)).toBeLessThan(provider === "wasm" ? head / 5 : head / 2);
});
