/**
 * Steps on WebGPU, three hundred in the long form. Oracle: the browser's own GPU objects, counted as they are made and destroyed beneath
 * everything, and the runtime's account of its tensors.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { makeBatch } from "../../src/batching/batch.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { meanLoss } from "../../src/training/evaluate.ts";
import { initialAdapter, uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { isLong } from "../support/long.ts";
import { smallLlama } from "../support/smallLlama.ts";

const model = smallLlama();
const method: Method = { kind: "lora", rank: 2, alpha: 4, targets: ["q_proj", "v_proj"] };
const shape = { rows: 2, length: 16, supervised: 16 };

const live = { buffers: 0, bytes: 0 };
const { createBuffer } = GPUDevice.prototype;
const { destroy } = GPUBuffer.prototype;
beforeAll(() => {
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    live.buffers++;
    live.bytes += descriptor.size;
    let alive = true;
    buffer.destroy = () => {
      if (alive) {
        live.buffers--;
        live.bytes -= descriptor.size;
      }
      alive = false;
      return destroy.call(buffer);
    };
    return buffer;
  };
});
afterAll(() => {
  GPUDevice.prototype.createBuffer = createBuffer;
});

const steps = isLong ? 300 : 100;

test(`live GPU buffers and bytes after ${steps} steps are those after 20`, { timeout: 600_000 }, async () => {
  const runtime = await createRuntime("webgpu", { entries: browserEntries });
  const specs = parametersOf(model, method);
  const random = createRandom(1);
  const adapter = initialAdapter(specs, 2);
  const parameters = await uploadParameters(runtime, specs, ({ name, shape }) => {
    const size = sizeOf(shape);
    return adapter.get(name) ?? Float32Array.from({ length: size }, () => 0.3 * random.normal());
  });
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: {
      training: (of) => compileTraining(model, method, of),
      evaluation: (of) => compileEvaluation(model, method, of),
      optimizer: compileOptimizer(model, method, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }),
    },
    recipe: { beta1: 0.9, beta2: 0.999, maxGradNorm: 1 },
  });
  const rows = [11, 7].map((length, row) => ({
    origin: { source: 0, name: "rows.jsonl", row, line: row + 1 },
    ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
    mask: new Uint8Array(length).fill(1, 3),
    weights: new Float32Array(length).fill(1),
  }));
  const batches = [makeBatch(rows, shape)];
  const never = async () => false;

  const seen = new Map<number, object>();
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const outcome = await takeStep(program, { step, updates: step - 1, batches, learningRate: 1e-2 }, never);
    if (outcome.kind === "updated") losses.push(outcome.loss);
    // What a run does between steps: validate, and read the trained tensors for a checkpoint.
    if (step % 20 === 0) {
      await meanLoss(program, batches, never);
      for (const { read } of program.tensors()) await read();
      const { tensors, bytes, sessions } = runtime.memory();
      seen.set(step, { ...live, tensors, tensorBytes: bytes, sessions });
    }
  }
  console.info(`after 20 steps ${JSON.stringify(seen.get(20))}, after ${steps} ${JSON.stringify(seen.get(steps))}`);
  expect(losses).toHaveLength(steps);
  expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  expect(live.buffers).toBeGreaterThan(0); // the count sees the runtime's buffers, else it would prove nothing
  expect(seen.get(steps)).toEqual(seen.get(20));
  await runtime.dispose();
});
