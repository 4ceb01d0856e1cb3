/** Takes the steps of a setting and returns predicted and measured peak memory. Runs in a page or worker. */

import type { BatchShape } from "../../src/artifacts/contract.ts";
import { compileGeneration } from "../../src/artifacts/generation.ts";
import { parametersOf } from "../../src/artifacts/method.ts";
import { type Batch, makeBatch } from "../../src/batching/batch.ts";
import { memoryOf } from "../../src/engine/memory.ts";
import { methodOf } from "../../src/engine/prepare.ts";
import { createProgram } from "../../src/engine/program.ts";
import { createGenerator } from "../../src/generation/generate.ts";
import { greedySampling } from "../../src/generation/sampling.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { meanLoss } from "../../src/training/evaluate.ts";
import { uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { caseOf, type Setting } from "./setting.ts";

export interface Measured {
  readonly predicted: ReturnType<typeof memoryOf>;
  /** Peak bytes of the device. */
  readonly peak: number;
  /** Peak bytes of tensors, the part that the runtime itself allocated. */
  readonly tensors: number;
  /** Loss of each step. */
  readonly losses: readonly number[];
  readonly seconds: readonly number[];
}

/** `threads` is the number of processor threads, by default chosen for the machine. */
export async function measure(setting: Setting, entries: OrtEntries, threads?: number): Promise<Measured> {
  const { provider, once, evaluates } = setting;
  const { model, recipe, shapes } = caseOf(setting);
  const method = methodOf(recipe);
  const predicted = memoryOf({ model, recipe, shapes, heldOut: evaluates ? shapes : [], provider });
  const runtime = await createRuntime(provider, { entries, ...(threads !== undefined && { threads }) });
  try {
    const specs = parametersOf(model, method);
    const random = createRandom(1);
    const parameters = await uploadParameters(runtime, specs, ({ name, shape }) => {
      const scale = name.endsWith("norm.weight") ? 0 : 1.7 / Math.sqrt(shape.at(-1) ?? 1);
      // Uniform instead of normal numbers of the same deviation: they are faster to draw.
      return Float32Array.from({ length: sizeOf(shape) }, () => (scale ? scale * (2 * random.next() - 1) : 1));
    });
    const program = createProgram({ runtime, provider: runtime.report.provider, parameters, model, method, recipe });
    const losses: number[] = [];
    const seconds: number[] = [];
    const never = async () => false;
    const batches = shapes.map((shape) => batchOf(model, shape));
    const step = async (batch: Batch) => {
      const began = performance.now();
      const micro = Array.from({ length: recipe.accumulation }, () => batch);
      const request = { step: losses.length + 1, updates: losses.length, batches: micro, learningRate: 1e-3 };
      const outcome = await takeStep(program, request, never);
      if (outcome.kind !== "updated") throw new Error(`Step ${request.step} was ${outcome.kind}.`);
      losses.push(outcome.loss);
      seconds.push((performance.now() - began) / 1000);
    };
    for (const batch of batches) await step(batch);
    if (evaluates) {
      await meanLoss(program, batches, never);
      const generate = createGenerator({
        runtime,
        parameters,
        artifact: (shape) => compileGeneration(model, method, shape),
        contextLength: model.contextLength,
      });
      const prompt = Int32Array.from({ length: shapes[0]?.length ?? 1 }, () => random.below(model.vocabulary));
      await generate({ prompt, stopIds: [], maxTokens: 3, sampling: greedySampling, seed: 1 });
    }
    // One more step, now with every session of the run in memory.
    if (!once) for (const batch of batches.slice(0, 1)) await step(batch);
    const use = runtime.memoryUse();
    if (!use) throw new Error(`The memory of ${provider} cannot be measured here.`);
    return { predicted, peak: use.peakBytes, tensors: runtime.memory().peakBytes, losses, seconds };
  } finally {
    await runtime.dispose();
  }
}

/** Rows of random tokens; as many of the last ones are supervised as the shape has room for. */
export function batchOf(model: ModelDefinition, shape: BatchShape): Batch {
  const random = createRandom(7);
  const { rows, length, supervised } = shape;
  const targets = Math.floor(supervised / rows);
  const examples = Array.from({ length: rows }, (_, row) => ({
    origin: { source: 0, name: "random tokens", row, line: row + 1 },
    ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
    mask: new Uint8Array(length).fill(1, length - targets),
    weights: new Float32Array(length).fill(1),
  }));
  return makeBatch(examples, shape);
}
