/** Models with real shapes and weights from a seed, and steps of a LoRA run on them. */

import { batchOf } from "../../bench/memory/measure.ts";
import { lora, optimizer } from "../../bench/step/problem.ts";
import type { ParameterSpec } from "../../src/artifacts/contract.ts";
import { parametersOf } from "../../src/artifacts/method.ts";
import { methodOf } from "../../src/engine/prepare.ts";
import { createProgram } from "../../src/engine/program.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import type { ProgramKind } from "../../src/run/deviceFields.ts";
import { defaultRecipe, type Recipe } from "../../src/run/recipe.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { initialAdapter, uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import type { Scale } from "./scale.ts";

const rank = 16;

interface Sizes {
  readonly num_hidden_layers: number;
  readonly vocab_size: number;
}
export type CatalogueConfig = Sizes & object;

/** A model of the catalogue, no larger than the scale allows. */
export const shapedModel = (config: CatalogueConfig, { layers, vocabulary }: Scale): ModelDefinition =>
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
export const rowOf = ({ length }: Pick<Scale, "length">) => ({ rows: 1, length, supervised: Math.floor(length / 2) });

/**
 * Draws the values of parameters in their order: uniform with the deviation 1/√in, norms 1, adapters as usual. A linear
 * congruential generator, because half a thousand million numbers must take seconds.
 */
export function drawValues(specs: readonly ParameterSpec[]): (spec: ParameterSpec) => Float32Array {
  const adapter = initialAdapter(specs, 3);
  let state = 1;
  return ({ name, shape }) => {
    const own = adapter.get(name);
    if (own) return own;
    const values = new Float32Array(sizeOf(shape));
    if (shape.length === 1) return values.fill(name.endsWith("bias") ? 0 : 1);
    const scale = Math.sqrt(3 / (shape[1] ?? 1)) / 2 ** 31;
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      values[i] = state * scale;
    }
    return values;
  };
}

export interface Steps {
  /** Seconds until the weights were on the device. */
  readonly openSeconds: number;
  readonly losses: readonly number[];
  readonly seconds: readonly number[];
  /** Largest bytes of live buffers. */
  readonly peak: number;
}

/** Takes `count` steps on the same row. */
export async function takeSteps(
  entries: OrtEntries,
  model: ModelDefinition,
  scale: Pick<Scale, "length">,
  programKind: ProgramKind,
  count = 2,
): Promise<Steps> {
  const recipe = { ...adapterRecipe(), program: programKind };
  const method = methodOf(recipe);
  const began = performance.now();
  const runtime = await createRuntime("webgpu", { entries });
  try {
    const specs = parametersOf(model, method);
    const parameters = await uploadParameters(runtime, specs, drawValues(specs));
    const openSeconds = (performance.now() - began) / 1000;
    const program = createProgram({ runtime, provider: "webgpu", parameters, model, method, recipe });
    const batch = batchOf(model, rowOf(scale));
    const losses: number[] = [];
    const seconds: number[] = [];
    for (let updates = 0; updates < count; updates++) {
      const started = performance.now();
      const request = { step: updates + 1, updates, batches: [batch], learningRate: 1e-3 };
      const outcome = await takeStep(program, request, async () => false);
      if (outcome.kind !== "updated") throw new Error(`Step ${request.step} was ${outcome.kind}.`);
      losses.push(outcome.loss);
      seconds.push((performance.now() - started) / 1000);
    }
    program.dispose();
    const peak = runtime.memoryUse()?.peakBytes ?? Number.NaN;
    return { openSeconds, losses, seconds, peak };
  } finally {
    await runtime.dispose();
  }
}
