/** A few steps of full training on a small Llama, on whatever processor: the same seeds give the same run. */

import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../../src/artifacts/ofRun.ts";
import { type Batch, packBatch } from "../../../src/batching/batch.ts";
import type { OrtEntries } from "../../../src/runtime/provider.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { disposeAll, uploadParameters } from "../../../src/training/parameters.ts";
import { type StepOutcome, takeStep } from "../../../src/training/step.ts";
import { createWholeGraph } from "../../../src/training/wholeGraph.ts";
import { smallLlama } from "../../support/smallLlama.ts";
import { snapshotOf } from "../training/fakeRuntime.ts";

const model = smallLlama({ vocab_size: 96, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2 });
const full: Method = { kind: "full" };
const settings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 1 };
const steps = 4;

/** Two packed rows of random tokens for each step. */
function batches(): Batch[] {
  const random = createRandom(3);
  const example = (length: number) => {
    const ids = Int32Array.from({ length }, () => random.below(model.vocabulary));
    const origin = { source: 0, name: "rows.jsonl", row: 0, line: 1 };
    return { origin, ids, mask: new Uint8Array(length).fill(1, 1), weights: new Float32Array(length).fill(1) };
  };
  const shape = { rows: 2, length: 24, supervised: 48 };
  return Array.from({ length: steps }, () => packBatch([[example(9), example(15)], [example(24)]], shape));
}

/** What the steps gave, what a checkpoint then holds, and what is alive after everything has been freed. */
export async function trainOn(entries: OrtEntries) {
  const runtime = await createRuntime("wasm", { entries, threads: 1 });
  const random = createRandom(1);
  const specs = parametersOf(model, full);
  const first = new Map(
    specs.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : 0.1 * random.normal())),
    ]),
  );
  const parameters = await uploadParameters(runtime, specs, ({ name }) => first.get(name));
  const artifacts = artifactsOfRun(model, full, { ...settings, accumulation: 2 }, "wasm");
  const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe: settings });
  const outcomes: StepOutcome[] = [];
  for (const [i, batch] of batches().entries()) {
    const request = { step: i + 1, updates: i, batches: [batch, batch], learningRate: 0.01 };
    outcomes.push(await takeStep(program, request, async () => false));
  }
  const tensors = await snapshotOf(program.tensors());
  program.dispose();
  disposeAll(parameters);
  const memory = runtime.memory();
  await runtime.dispose();
  return { outcomes, tensors, memory, report: runtime.report };
}
