/** Native ONNX Runtime, where a person has installed it. Oracle: the wasm build on the same small Llama and batches. */

import { describe, expect, test } from "vitest";
import { compileTraining } from "../../../src/artifacts/compile.ts";
import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { compileOptimizer } from "../../../src/artifacts/optimizer.ts";
import { type Batch, packBatch } from "../../../src/data/batch.ts";
import { nativeEntries, processorEntries } from "../../../src/runtime/nativeEntries.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import type { OrtEntries } from "../../../src/runtime/provider.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { disposeAll, uploadParameters } from "../../../src/training/parameters.ts";
import { createStepper, type StepOutcome } from "../../../src/training/step.ts";
import { smallLlama } from "../../support/smallLlama.ts";
import { snapshotOf } from "../training/fakeRuntime.ts";

const native = await nativeEntries();
if (native === null)
  console.log("Native ONNX Runtime is not compared: npm install --no-save onnxruntime-node brings it.");

const config = smallLlama({ vocab_size: 96, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2 });
const full: Method = { kind: "full" };
const settings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 1 };
const steps = 4;

/** Far above what they take, for a machine that is busy otherwise. */
const timeout = 300_000;

/** Two packed rows of random tokens for each step. */
function batches(): Batch[] {
  const random = createRandom(3);
  const example = (length: number) => {
    const ids = Int32Array.from({ length }, () => random.below(config.vocab_size));
    return { source: 0, row: 0, ids, weights: new Float32Array(length).fill(1, 1) };
  };
  const shape = { rows: 2, length: 24, supervised: 48 };
  return Array.from({ length: steps }, () => packBatch([[example(9), example(15)], [example(24)]], shape));
}

async function trainOn(entries: OrtEntries) {
  const runtime = await createRuntime("wasm", { entries, threads: 1 });
  const random = createRandom(1);
  const specs = parametersOf(config, full);
  const first = new Map(
    specs.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : 0.1 * random.normal())),
    ]),
  );
  const parameters = await uploadParameters(runtime, specs, (name) => first.get(name));
  const artifacts = {
    training: (shape: Batch["shape"]) => compileTraining(config, full, shape),
    optimizer: compileOptimizer(config, full, settings),
  };
  const stepper = createStepper({ runtime, parameters, specs, artifacts, recipe: settings });
  const outcomes: StepOutcome[] = [];
  for (const [i, batch] of batches().entries()) {
    const request = { step: i + 1, updates: i, batches: [batch, batch], learningRate: 0.01 };
    outcomes.push(await stepper.step(request, async () => false));
  }
  const tensors = await snapshotOf(stepper.tensors());
  stepper.dispose();
  disposeAll(parameters);
  const memory = runtime.memory();
  await runtime.dispose();
  return { outcomes, tensors, memory, report: runtime.report };
}

test("the processor is native where it is installed, else WebAssembly", async () => {
  const { wasm } = await processorEntries();
  expect("native" in wasm).toBe(native !== null);
  if (native === null) expect(wasm).toBe(nodeEntries.wasm);
});

describe.skipIf(native === null)("native", () => {
  test("losses, gradient norms, parameters and moments are those of wasm", { timeout }, async () => {
    const [own, oracle] = [await trainOn(native ?? nodeEntries), await trainOn(nodeEntries)];
    expect(own.report).toMatchObject({ provider: "wasm", threads: 1, adapter: null });
    expect(own.report.reason).toMatch(/^The processor was chosen: native ONNX Runtime \d+\.\d+\.\d+, with 1 thread\.$/);
    own.outcomes.forEach((outcome, i) => {
      const expected = oracle.outcomes[i];
      if (outcome.kind !== "updated" || expected?.kind !== "updated") throw new Error(`step ${i + 1} did not update`);
      expect(Math.abs(outcome.loss / expected.loss - 1)).toBeLessThan(1e-5);
      expect(Math.abs(outcome.gradientNorm / expected.gradientNorm - 1)).toBeLessThan(1e-4);
    });
    expect(own.tensors.map(({ name }) => name)).toEqual(oracle.tensors.map(({ name }) => name));
    own.tensors.forEach(({ name, values }, i) => {
      const expected = oracle.tensors[i]?.values ?? new Float32Array();
      // Relative to the tensor's own size: Adam divides by a root, so that single small numbers differ more.
      const size = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...values.map((value, k) => Math.abs(value - (expected[k] ?? Number.NaN))));
      expect([name, worst / size < 1e-3]).toEqual([name, true]);
    });
    expect(own.memory).toMatchObject({ tensors: 0, bytes: 0 });
  });

  test("the same run gives the same bits", { timeout }, async () => {
    const [one, other] = [await trainOn(native ?? nodeEntries), await trainOn(native ?? nodeEntries)];
    expect(other.outcomes).toEqual(one.outcomes);
    expect(other.tensors).toEqual(one.tensors);
  });
});
