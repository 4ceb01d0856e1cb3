/**
 * Parity on golden files with another rank, rate, batch, decay and set of targets than the shared file. The test creates them
 * with gradients of the reference interpreter and AdamW in plain float64.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorIn, accumulatorOut, batchPorts, lazyResetGrad, lossSum } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { smallLlama } from "../support/smallLlama.ts";
import { type Golden, readGolden, type Trajectory } from "./golden.ts";
import { runParity } from "./parity.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";

const model = smallLlama({ vocab_size: 20 });
const batch: Golden["batch"] = {
  ids: [
    [1, 5, 9, 3, 7],
    [1, 4, 2, 0, 0],
    [1, 8, 8, 6, 0],
  ],
  labels: [
    [-100, 9, 3, 7, 2],
    [-100, 2, -100, -100, -100],
    [-100, -100, 6, 2, -100],
  ],
  loss_weights: [
    [0, 1, 0.5, 1, 1],
    [0, 2, 0, 0, 0],
    [0, 0, 1, 1, 0],
  ],
};
const lora: Method = { kind: "lora", rank: 3, alpha: 5, targets: ["q_proj", "down_proj"] };

function checkpoint(): Map<string, Float32Array<ArrayBuffer>> {
  const random = createRandom(11);
  return new Map(
    parametersOf(model, null).map(({ name, shape }) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, () => (name.includes("norm") ? 1 : 0) + 0.4 * random.normal()),
    ]),
  );
}

const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, x) => sum + x * x, 0));

/** AdamW with decoupled decay and global-norm clipping, on gradients of the reference interpreter. */
function trajectory(method: Method, settings: Trajectory["settings"]): Trajectory {
  const index: number[] = [];
  const targets: number[] = [];
  const weights: number[] = [];
  batch.labels.flat().forEach((label, at) => {
    if (label === -100) return;
    index.push(at);
    targets.push(label);
    weights.push(batch.loss_weights.flat()[at] ?? 0);
  });
  const shape = { rows: batch.ids.length, length: 5, supervised: index.length };
  const graph = compileTraining(model, method, shape).graph();
  const specs = parametersOf(model, method);
  const trainable = specs.filter((spec) => spec.trainable);
  const base = checkpoint();
  const values = new Map<string, Tensor>(
    specs.map(({ name, shape: own, source }) => {
      const start = (i: number) => (source.kind === "lora_B" ? 0 : 0.05 * Math.sin(1 + i));
      return [name, tensor(own, base.get(name) ?? Array.from({ length: sizeOf(own) }, (_, i) => start(i)))];
    }),
  );
  const zeros = (name: string) => new Float64Array(values.get(name)?.data.length ?? 0);
  const first = new Map(trainable.map(({ name }) => [name, zeros(name)]));
  const second = new Map(trainable.map(({ name }) => [name, zeros(name)]));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const evaluate = () => {
    const outputs = interpret(graph, {
      [batchPorts.inputIds]: tensor([3, 5], batch.ids.flat()),
      [batchPorts.positionIds]: tensor(
        [3, 5],
        batch.ids.flatMap((row) => row.map((_, t) => t)),
      ),
      [batchPorts.segmentIds]: tensor([3, 5], new Array(15).fill(1)),
      [batchPorts.supervisedIndex]: tensor([index.length], index),
      [batchPorts.targets]: tensor([index.length], targets),
      [batchPorts.lossWeights]: tensor([index.length], weights),
      [lazyResetGrad]: tensor([1], [1]),
      ...Object.fromEntries(values),
      ...Object.fromEntries(trainable.map(({ name, shape: own }) => [accumulatorIn(name), tensor(own, zeros(name))])),
    });
    const gradient = (name: string) =>
      (outputs[accumulatorOut(name)]?.data ?? new Float64Array()).map((g) => g / total);
    return {
      loss: (outputs[lossSum]?.data[0] ?? Number.NaN) / total,
      gradients: new Map(trainable.map(({ name }) => [name, gradient(name)])),
    };
  };

  const losses: number[] = [];
  const gradNorms: number[] = [];
  const initial = evaluate();
  for (let step = 1; step <= settings.steps; step++) {
    const { loss, gradients } = evaluate();
    const length = norm([...gradients.values()].map(norm));
    losses.push(loss);
    gradNorms.push(length);
    const clip = Math.min(1, settings.max_grad_norm / (length + 1e-6));
    for (const { name } of trainable) {
      const [p, m, v] = [values.get(name)?.data, first.get(name), second.get(name)];
      gradients.get(name)?.forEach((gradient, i) => {
        if (!p || !m || !v) return;
        const g = gradient * clip;
        m[i] = 0.9 * (m[i] ?? 0) + 0.1 * g;
        v[i] = 0.999 * (v[i] ?? 0) + 0.001 * g * g;
        const change = (m[i] ?? 0) / (1 - 0.9 ** step) / (Math.sqrt((v[i] ?? 0) / (1 - 0.999 ** step)) + 1e-8);
        p[i] = (p[i] ?? 0) * (1 - settings.lr * settings.weight_decay) - settings.lr * change;
      });
    }
  }
  const perTensor = (of: (name: string) => number) => Object.fromEntries(trainable.map(({ name }) => [name, of(name)]));
  return {
    settings,
    losses,
    grad_norms: gradNorms,
    step1_grad_l2: perTensor((name) => norm(initial.gradients.get(name) ?? [])),
    step1_grad_first4: Object.fromEntries(
      trainable.map(({ name }) => [name, Array.from(initial.gradients.get(name) ?? []).slice(0, 4)]),
    ),
    final_loss: evaluate().loss,
    final_param_l2: perTensor((name) => norm(values.get(name)?.data ?? [])),
  };
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

test("weighted rows, rank 3 on two layers, decay and tight clipping: every figure agrees", async () => {
  const full = trajectory({ kind: "full" }, { lr: 3e-3, weight_decay: 0.1, max_grad_norm: 0.3, steps: 4 });
  const adapter = trajectory(lora, { lr: 1e-2, weight_decay: 0.05, max_grad_norm: 0.1, steps: 3 });
  const golden = readGolden(
    JSON.parse(
      JSON.stringify({
        batch,
        full,
        lora: { ...adapter, settings: { ...adapter.settings, r: 3, alpha: 5 } },
      }),
    ),
  );
  const base = checkpoint();
  const run = (file: Golden) =>
    runParity({
      runtime,
      model,
      read: async (name) => base.get(name) ?? new Float32Array(),
      golden: file,
      steps: null,
      tolerance: { full: 1e-4, lora: 1e-4 },
    });
  const rows = await run(golden);
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter(({ deviation, tolerance }) => !(deviation <= tolerance))).toEqual([]);

  // The same figures with another rate fail, so the settings have an effect and the comparison can fail.
  const wrong = await run({ ...golden, full: { ...full, settings: { ...full.settings, lr: 4e-3 } } });
  expect(wrong.some(({ deviation, tolerance }) => deviation > tolerance)).toBe(true);
});
