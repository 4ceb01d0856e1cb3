/**
 * Results that must not depend on the arrangement of rows in batches. Oracle: the same rows in another arrangement. Tolerance
 * 1e-6 on values of about 1: float32 sums in another order.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorIn, accumulatorOut, lazyResetGrad, lossSum } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { type Batch, makeBatch, packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime, TensorData } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { batchFeeds } from "../../src/training/feeds.ts";
import { disposeAll, uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { originOf } from "../support/examples.ts";
import { familyLora, familyModel, familyNames } from "../support/families.ts";
import { smallLlama } from "../support/smallLlama.ts";

const tolerance = 1e-6;
const model = smallLlama({
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
});
const methods: Method[] = [
  { kind: "full" },
  { kind: "lora", rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "o_proj", "down_proj"] },
];

/** Four rows of unequal length and weight; the first two tokens are context. */
const rows: TokenizedExample[] = [9, 5, 12, 7].map((length, row) => {
  const random = createRandom(100 + row);
  return {
    origin: originOf(row),
    ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
    mask: new Uint8Array(length).fill(1, 2),
    weights: new Float32Array(length).fill(row === 2 ? 0.5 : 1),
  };
});

function parameterValues(method: Method, of = model) {
  const random = createRandom(5);
  return new Map(
    parametersOf(of, method).map(({ name, shape }) => {
      const norm = name.includes("norm");
      const values = Float32Array.from({ length: sizeOf(shape) }, () => (norm ? 1 : 0) + 0.3 * random.normal());
      return [name, values] as const;
    }),
  );
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

/** Parameters after one optimizer step over these micro-batches. */
async function afterStep(method: Method, batches: readonly Batch[]) {
  const specs = parametersOf(model, method);
  const values = parameterValues(method);
  const parameters = await uploadParameters(runtime, specs, ({ name }) => values.get(name));
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: {
      training: (shape) => compileTraining(model, method, shape),
      evaluation: (shape) => compileEvaluation(model, method, shape),
      optimizer: compileOptimizer(model, method, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }),
    },
    recipe: { beta1: 0.9, beta2: 0.999, maxGradNorm: 1 },
  });
  const outcome = await takeStep(program, { step: 1, updates: 0, batches, learningRate: 1e-3 }, async () => false);
  const after = new Map<string, Float32Array>();
  for (const { name, trainable } of specs) {
    const data = trainable && (await parameters.get(name)?.read());
    if (data instanceof Float32Array) after.set(name, data);
  }
  program.dispose();
  disposeAll(parameters);
  return { outcome, before: values, after };
}

/** Loss sum and summed gradients of micro-batches. */
async function sums(method: Method, batches: readonly Batch[], of = model) {
  const specs = parametersOf(of, method);
  const values = parameterValues(method, of);
  const host = (name: string, shape: readonly number[], data: Float32Array): [string, HostTensor] => [
    name,
    { dtype: "float32", shape, data },
  ];
  let loss = 0;
  let gradients = Object.fromEntries(
    specs
      .filter((spec) => spec.trainable)
      .map(({ name, shape }) => host(accumulatorIn(name), shape, new Float32Array(sizeOf(shape)))),
  );
  for (const batch of batches) {
    const session = await runtime.session(compileTraining(of, method, batch.shape));
    const outputs = await session.run({
      ...Object.fromEntries(specs.map(({ name, shape }) => host(name, shape, values.get(name) ?? new Float32Array()))),
      ...gradients,
      ...batchFeeds(batch),
      [lazyResetGrad]: { dtype: "bool", shape: [1], data: Uint8Array.of(0) },
    });
    loss += Number(outputs[lossSum]?.data[0]);
    gradients = Object.fromEntries(
      specs
        .filter((spec) => spec.trainable)
        .map(({ name }) => [accumulatorIn(name), outputs[accumulatorOut(name)] as HostTensor]),
    );
  }
  return { loss, gradients };
}

const numbers = (data: TensorData | undefined) => Array.from<number | bigint, number>(data ?? [], Number);

function worst(a: TensorData, b: TensorData | undefined): number {
  const other = numbers(b);
  return numbers(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (other[i] ?? Number.NaN))), 0);
}

describe.each(methods)("$kind", (method) => {
  it("one micro-batch of 4 rows and 4 of 1 row give the same parameters after a step", async () => {
    const together = await afterStep(method, [makeBatch(rows, { rows: 4, length: 16, supervised: 32 })]);
    const apart = await afterStep(
      method,
      rows.map((row) => makeBatch([row], { rows: 1, length: 16, supervised: 16 })),
    );
    expect(together.outcome).toMatchObject({ kind: "updated" });
    let moved = 0;
    for (const [name, values] of together.after) {
      expect(worst(values, apart.after.get(name)), name).toBeLessThanOrEqual(tolerance);
      moved = Math.max(moved, worst(values, together.before.get(name)));
    }
    expect(moved).toBeGreaterThan(1e-4); // A step without any change would also pass.
  });

  it("rows packed in one sequence and the same rows apart give the same loss and gradients", () =>
    expectPackedEqual(method, model));
});

describe.each(familyNames)("%s", (name) => {
  it.each<Method>([{ kind: "full" }, familyLora(name)])("packed and apart are the same: $kind", (method) =>
    expectPackedEqual(method, familyModel(name)),
  );
});

async function expectPackedEqual(method: Method, of: ModelDefinition): Promise<void> {
  const apart = await sums(method, [makeBatch(rows, { rows: 4, length: 16, supervised: 32 })], of);
  const packed = await sums(
    method,
    [
      packBatch([[rows[0], rows[1]], [rows[2]], [rows[3]]] as TokenizedExample[][], {
        rows: 3,
        length: 16,
        supervised: 32,
      }),
    ],
    of,
  );
  const one = await sums(method, [packBatch([rows], { rows: 1, length: 40, supervised: 32 })], of);
  for (const { loss, gradients } of [packed, one]) {
    expect(Math.abs(loss - apart.loss) / apart.loss).toBeLessThanOrEqual(tolerance);
    for (const [name, { data }] of Object.entries(apart.gradients)) {
      const scale = Math.max(1, ...numbers(data).map(Math.abs));
      expect(worst(data, gradients[name]?.data) / scale, name).toBeLessThanOrEqual(tolerance);
    }
  }
}
