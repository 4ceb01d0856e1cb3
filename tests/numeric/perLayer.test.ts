/**
 * The per-layer program on wasm. Oracle: the whole-graph program with the same weights and batches. Tolerance 1e-6 of each
 * tensor's largest value: float32 sums in another order.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { artifactsOfRun, layerArtifactsOfRun } from "../../src/artifacts/ofRun.ts";
import { layerKinds } from "../../src/artifacts/perLayer.ts";
import { packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { disposeAll, initialAdapter, uploadParameters } from "../../src/training/parameters.ts";
import { createPerLayer } from "../../src/training/perLayer.ts";
import type { TrainingProgram } from "../../src/training/program.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { originOf } from "../support/examples.ts";
import { familyLora, familyModel, familyNames } from "../support/families.ts";
import { loraOf, precisionModels, storedAs } from "../support/precisions.ts";
import { smallValues } from "../support/smallFamilies.ts";

const tolerance = 1e-6;
const recipe = {
  beta1: 0.9,
  beta2: 0.999,
  // Large: the key biases of some families have a gradient of 0, and Adam would divide its noise by itself.
  epsilon: 1e-3,
  weightDecay: 0.01,
  maxGradNorm: 1,
  accumulation: 2,
};
const shape = { rows: 2, length: 12, supervised: 16 };

/** Two packed micro-batches of two rows; every row has two examples. */
function batchesOf({ vocabulary }: ModelDefinition) {
  const random = createRandom(31);
  const example = (row: number, length: number): TokenizedExample => ({
    origin: originOf(row),
    ids: Int32Array.from({ length }, () => random.below(vocabulary)),
    mask: new Uint8Array(length).fill(1, 2),
    weights: new Float32Array(length).fill(row % 2 ? 0.5 : 1),
  });
  const grid = (from: number) => [
    [example(from, 6), example(from + 1, 5)],
    [example(from + 2, 7), example(from + 3, 4)],
  ];
  return [packBatch(grid(0), shape), packBatch(grid(4), shape)];
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

interface Outcome {
  readonly figures: Readonly<Record<string, Float32Array>>;
}

/** Losses, norms, parameters and moments of two steps, and the losses of an evaluation. */
async function outcome(
  model: ModelDefinition,
  method: Method,
  program: (parts: Omit<Parameters<typeof createWholeGraph>[0], "artifacts">) => TrainingProgram,
): Promise<Outcome> {
  const specs = parametersOf(model, method);
  const random = createRandom(3);
  const values = new Map<string, Float32Array>([...smallValues(model), ...initialAdapter(specs, 2)]);
  // B is zero at the start: then A has no gradient.
  for (const [name, data] of values) {
    if (name.includes("lora_B"))
      values.set(
        name,
        data.map(() => 0.1 * random.normal()),
      );
  }
  const parameters = await uploadParameters(runtime, specs, ({ name }) => values.get(name));
  const made = program({ runtime, parameters, specs, recipe });
  const batches = batchesOf(model);
  const figures: Record<string, Float32Array> = {};
  try {
    for (const step of [1, 2]) {
      let denominator = 0;
      for (const [index, batch] of batches.entries()) {
        const { lossSum } = await made.microBatch(batch, index === 0);
        figures[`loss ${index} of step ${step}`] = Float32Array.of(lossSum);
        denominator += batch.denominator;
      }
      const { gradientNorm } = await made.update({ t: step, learningRate: 1e-3, denominator });
      figures[`norm of step ${step}`] = Float32Array.of(gradientNorm);
      for (const tensor of made.tensors()) {
        const data = await tensor.read();
        if (data instanceof Float32Array) figures[`${tensor.name} after step ${step}`] = data.slice();
      }
    }
    const [batch] = batches;
    if (batch) {
      figures["eval loss"] = Float32Array.of(await made.lossSum(batch));
      figures["token losses"] = await made.tokenLosses(batch);
    }
  } finally {
    made.dispose();
    disposeAll(parameters);
  }
  return { figures };
}

/** The largest difference of a tensor, as a share of its largest value. */
function deviations(expected: Outcome, actual: Outcome): readonly (readonly [string, number])[] {
  expect(Object.keys(actual.figures).sort()).toEqual(Object.keys(expected.figures).sort());
  return Object.entries(expected.figures).map(([name, values]) => {
    const other = actual.figures[name] ?? new Float32Array();
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - (other[i] ?? Number.NaN))), 0);
    // The relative error of g² is twice that of g.
    const squares = name.includes("second_moment") ? 2 : 1;
    return [name, off / Math.max(scale, 1e-7) / squares] as const;
  });
}

const cases = [
  ...familyNames.flatMap((name) => [
    { name, method: { kind: "full" } as const, saves: "inputs" } as const,
    { name, method: familyLora(name), saves: "products" } as const,
  ]),
  ...["Llama", "Gemma 3", "GPT-2"].flatMap((name) => [
    { name, method: { kind: "full" } as const, saves: "products" } as const,
    { name, method: familyLora(name), saves: "inputs" } as const,
  ]),
  // Kinds with one adapter and with none.
  { name: "Llama", method: oneTarget("layers.1.mlp.down_proj"), saves: "products" } as const,
  { name: "Llama", method: oneTarget("layers.0.self_attn.k_proj"), saves: "inputs" } as const,
];

function oneTarget(target: string): Method {
  return { kind: "lora", rank: 2, alpha: 3, targets: [target] };
}

test.each(cases)("$name, $method.kind $method.targets, saving $saves", async ({ name, method, saves }) => {
  const model = familyModel(name);
  const whole = await outcome(model, method, (parts) =>
    createWholeGraph({ ...parts, artifacts: artifactsOfRun(model, method, recipe, "wasm") }),
  );
  const layered = await outcome(model, method, (parts) =>
    createPerLayer({ ...parts, model, artifacts: layerArtifactsOfRun(model, method, recipe, "wasm", saves) }),
  );
  expect(deviations(whole, layered).filter(([, off]) => !(off <= tolerance))).toEqual([]);
  await runtime.releaseSessions();
});

test("kinds of layers: equal but for their parameters' values", () => {
  const kinds = (name: string, method: Method | null, change: Record<string, unknown> = {}) =>
    layerKinds(familyModel(name, change), method).map(({ layers }) => layers);
  expect(kinds("Llama", { kind: "full" }, { num_hidden_layers: 5 })).toEqual([[0, 1, 2, 3, 4]]);
  expect(kinds("Llama", oneTarget("layers.1.mlp.down_proj"), { num_hidden_layers: 3 })).toEqual([[0, 2], [1]]);
  const smol = { num_hidden_layers: 8, no_rope_layer_interval: 4 };
  expect(kinds("SmolLM3", null, smol)).toEqual([
    [0, 1, 2, 4, 5, 6],
    [3, 7],
  ]);
});

test.each(
  Object.entries(precisionModels).flatMap(([name, model]) =>
    (["float16", "int8", "int4", "uint4"] as const).map((storage) => [name, storage, model] as const),
  ),
)("%s on frozen %s, saving products", async (_name, storage, plainModel) => {
  const model = withPrecision(plainModel, storedAs(storage));
  const method = loraOf(model);
  const whole = await outcome(model, method, (parts) =>
    createWholeGraph({ ...parts, artifacts: artifactsOfRun(model, method, recipe, "wasm") }),
  );
  const layered = await outcome(model, method, (parts) =>
    createPerLayer({ ...parts, model, artifacts: layerArtifactsOfRun(model, method, recipe, "wasm", "products") }),
  );
  expect(deviations(whole, layered).filter(([, off]) => !(off <= tolerance))).toEqual([]);
  await runtime.releaseSessions();
});
