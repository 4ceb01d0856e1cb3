/** One LoRA step of a model with real shapes and weights from a seed: time, losses, and buffers planned and measured. */

import { measureCase } from "../../bench/memory/measure.ts";
import { lora, matrixOperations, optimizer } from "../../bench/step/problem.ts";
import { methodOf } from "../../src/engine/prepare.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import type { Precision } from "../../src/nn/precision.ts";
import { defaultRecipe, type Recipe } from "../../src/run/recipe.ts";
import type { PartPlace } from "./part.ts";
import { atMost, measured, skipped } from "./row.ts";
import type { Scale } from "./scale.ts";

const rank = 16;

/** The budget's prediction may be off by this share of the measured peak. */
const memoryTolerance = 0.15;

interface Sizes {
  readonly num_hidden_layers: number;
  readonly vocab_size: number;
}

/** A model of the catalogue, no larger than the scale allows. */
export const shapedModel = (config: Sizes & object, { layers, vocabulary }: Scale): ModelDefinition =>
  defineModel({
    ...config,
    num_hidden_layers: Math.min(layers, config.num_hidden_layers),
    vocab_size: Math.min(vocabulary, config.vocab_size),
  });

export const adapterRecipe = (): Recipe => {
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = optimizer;
  return {
    ...defaultRecipe("lora"),
    lora: { ...lora, targets: [...lora.targets], rank, alpha: 2 * rank },
    ...{ beta1, beta2, epsilon, weightDecay, maxGradNorm },
    accumulation: 1,
    samplePrompts: 0,
    watchEvery: null,
  };
};

/** One row with a supervised second half. */
export const rowOf = ({ length }: Scale) => ({ rows: 1, length, supervised: Math.floor(length / 2) });

/** Precisions by name; `float16` computes in 16 bits, which needs shader-f16. */
export const precisions = {
  float32: { weights: "float32", embedding: "float32", compute: "float32" },
  float16: { weights: "float16", embedding: "float16", compute: "float16" },
  int8: { weights: "int8", embedding: "int8", compute: "float16" },
  int4: { weights: "int4", embedding: "int4", compute: "float16" },
} as const satisfies Readonly<Record<string, Precision>>;
export type PrecisionName = keyof typeof precisions;

/**
 * Takes two steps in each precision and reports them. A precision that the compiler or the adapter does not have is skipped with
 * its reason.
 */
export async function takeSteps(
  place: PartPlace,
  config: Sizes & object,
  names: readonly PrecisionName[],
): Promise<void> {
  const { entries, adapter, scale, report } = place;
  const base = shapedModel(config, scale);
  const recipe = adapterRecipe();
  const shape = rowOf(scale);
  const operations = matrixOperations({ model: base, method: methodOf(recipe), shape });
  const setting = { provider: "webgpu", once: false, evaluates: false } as const;
  report(
    measured("layers", base.layers.length, "", `vocabulary ${base.vocabulary}, ${scale.length} tokens, LoRA r${rank}`),
  );
  for (const name of names) {
    const precision = precisions[name];
    if (precision.compute === "float16" && !adapter.shaderF16) {
      report(skipped(name, "the adapter has no shader-f16"));
      continue;
    }
    const model = withPrecision(base, precision);
    let result: Awaited<ReturnType<typeof measureCase>>;
    try {
      result = await measureCase({ model, recipe, shapes: [shape] }, setting, entries);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!/no product here supports|cannot be stored as/.test(message)) throw error;
      report(skipped(name, message));
      continue;
    }
    const { predicted, peak, seconds, losses } = result;
    const [first = Number.NaN, second = Number.NaN] = seconds;
    report(measured(`${name}: first step, sessions included`, first, "s"));
    report(measured(`${name}: second step`, second, "s", `${(scale.length / second).toFixed(0)} tokens/s`));
    report(measured(`${name}: products of the step`, operations / second / 1e9, "GFLOP/s"));
    report(measured(`${name}: buffers at their peak`, peak / 1e6, "MB"));
    const off = Math.abs(predicted.total / peak - 1);
    report(
      atMost(`${name}: plan beside it`, off, memoryTolerance, "", `${(predicted.total / 1e6).toFixed(1)} MB planned`),
    );
    const [start = Number.NaN, next = Number.NaN] = losses;
    report(measured(`${name}: loss of the first step`, start, "nats"));
    // The same batch again, so a step in the direction of the gradient lowers its loss.
    report(atMost(`${name}: loss of the second step`, next, start, "nats"));
  }
}
