/**
 * A new family changes only models/: a toy one, passed in from here, trains, generates and exports without a change of the other
 * rooms. Oracles: float64 finite differences, the whole row without a cache, and the files' own layout, written by hand.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildLoss, compileEvaluation } from "../../../src/artifacts/compile.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { checkpointTensors, linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../../src/artifacts/ofRun.ts";
import { type Batch, packBatch } from "../../../src/batching/batch.ts";
import { exportAdapter } from "../../../src/export/exportAdapter.ts";
import { reopened } from "../../../src/export/files.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import { greedySampling } from "../../../src/generation/sampling.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { writeSafetensors } from "../../../src/hub/safetensors.ts";
import { ConfigError } from "../../../src/models/config.ts";
import { defineModel } from "../../../src/models/define.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { meanLoss } from "../../../src/training/evaluate.ts";
import {
  initialAdapter,
  type ParameterTensors,
  readParameter,
  uploadParameters,
} from "../../../src/training/parameters.ts";
import { takeStep } from "../../../src/training/step.ts";
import { createWholeGraph, createWholeGraphEvaluation } from "../../../src/training/wholeGraph.ts";
import { gradcheck } from "../../numeric/gradcheck.ts";
import { gradientTolerance } from "../../numeric/tolerance.ts";
import { originOf } from "../../support/examples.ts";
import { templateWriter } from "../../support/templateWriter.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { toy } from "./toyFamily.ts";

const json = {
  architectures: ["ToyForCausalLM"],
  vocabulary: 280,
  width: 16,
  hidden: 24,
  heads: 4,
  context: 32,
  window: 3,
};
const define = (config: unknown) => defineModel(config, { families: [toy] });
const model = define(json);
const targets = linearsOf(model).map(({ name }) => name);
const methods: Method[] = [{ kind: "full" }, { kind: "lora", rank: 3, alpha: 6, targets }];

test("its config is refused by name where it has an unread field", () => {
  expect(() => define({ ...json, bos_token_id: 1, _name_or_path: "toy" })).not.toThrow();
  for (const [field, value] of [
    ["attn_logit_softcapping", 30],
    ["made_up", "x"],
    ["hidden_act", "gelu"],
  ] as const) {
    expect(() => define({ ...json, [field]: value })).toThrow(ConfigError);
    expect(() => define({ ...json, [field]: value })).toThrow(
      `${field} is ${JSON.stringify(value)}, and Hone does not`,
    );
  }
  expect(() => define({ ...json, width: "16" })).toThrow(/width must be a whole number from 1 to 65536, not "16"/);
  expect(() => defineModel(json)).toThrow(/ToyForCausalLM is not supported/);
});

test("its trace names the layers that have adapters, and its files have their own names and shapes", () => {
  expect(targets).toEqual(["query", "key", "value", "output", "up", "down"]);
  const files = checkpointTensors(model).map(({ name, shape }) => `${name} [${shape}]`);
  expect(files).toContain("toy.tokens.w [280,16]");
  expect(files).toContain("toy.h.1.up.w [16,24]");
  expect(files).toContain("toy.h.1.up.bias [24]");
});

test.each(methods)("$kind: gradients are those of finite differences in float64", (method) => {
  const small = define({ ...json, vocabulary: 11, width: 8, hidden: 6, context: 6 });
  const row = {
    ops: [],
    name: `toy ${method.kind}`,
    domain: [-0.7, 0.7],
    given: {
      input_ids: [1, 4, 2, 9, 7, 10, 3, 10, 5, 0],
      position_ids: [0, 1, 2, 3, 4, 0, 1, 0, 1, 0],
      segment_ids: [1, 1, 1, 1, 1, 1, 1, 2, 2, 0],
      supervised_index: [1, 3, 4, 6, 8, 0],
      targets: [2, 7, 10, 10, 1, 0],
      loss_weights: [1, 0.5, 2, 1, 1, 0],
    },
    build: (b: Parameters<typeof buildLoss>[0]) =>
      buildLoss(b, small, method, { rows: 2, length: 5, supervised: 6 }).loss.sum,
  } as const;
  const { error, comparisons, variable } = gradcheck(row);
  expect(comparisons).toBeGreaterThan(300);
  expect([variable, error < gradientTolerance]).toEqual([variable, true]);
});

/** The opened model: its files with seeded numbers, in the layout of the files. */
async function openToy() {
  const random = createRandom(5);
  const tensors = checkpointTensors(model).map(({ name, shape }) => {
    const scale = shape.length === 1 ? 0 : /tokens|places|unembed/.test(name) ? 0.5 : 0.6 / Math.sqrt(shape[0] ?? 1);
    const centre = /before|between|after|last/.test(name) ? 1 : 0;
    const data = Float32Array.from({ length: sizeOf(shape) }, () => centre + scale * random.normal());
    return { name, shape, dtype: "F32" as const, data };
  });
  const tokenizer = byteLevelTokenizer({ added: ["<|end|>"] });
  const text = (name: string, value: unknown) => bytesFromMemory(name, new TextEncoder().encode(JSON.stringify(value)));
  const sources = [
    text("config.json", json),
    text("tokenizer.json", tokenizer.json),
    text("tokenizer_config.json", tokenizer.config),
    bytesFromMemory("model.safetensors", writeSafetensors(tensors)),
  ];
  return {
    opened: await openModel(modelFromSources("toy", sources), (config) => checkpointTensors(define(config))),
    tensors,
  };
}

/** Two rows; the second half of each is supervised. */
const batch = packBatch(
  [0, 1].map((row) => [
    {
      origin: originOf(row),
      ids: Int32Array.from({ length: 12 }, (_, t) => (7 * t + 40 * row + 3) % json.vocabulary),
      mask: new Uint8Array(12).fill(1, 6),
      weights: new Float32Array(12).fill(1),
    },
  ]),
  { rows: 2, length: 12, supervised: 12 },
);
const never = async () => false;

describe.each(methods)("$kind, on wasm", (method) => {
  let runtime: Runtime;
  let opened: OpenModel;
  let parameters: ParameterTensors;
  let trained: Map<string, Float32Array<ArrayBuffer>>;
  const losses: number[] = [];

  const lossOf = (tensors: ParameterTensors, under: Method | null) =>
    meanLoss(
      createWholeGraphEvaluation(runtime, tensors, (shape) => compileEvaluation(model, under, shape)),
      [batch],
      never,
    );

  beforeAll(async () => {
    runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
    ({ opened } = await openToy());
    const specs = parametersOf(model, method);
    const adapter = initialAdapter(specs, 3);
    parameters = await uploadParameters(
      runtime,
      specs,
      (spec) => adapter.get(spec.name) ?? readParameter(spec, opened.read),
    );
    losses.push((await lossOf(parameters, method)) ?? Number.NaN);
    const recipe = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1, accumulation: 1 };
    const artifacts = artifactsOfRun(model, method, recipe, "wasm");
    const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe });
    for (let step = 1; step <= 40; step++) {
      const outcome = await takeStep(program, { step, updates: step - 1, batches: [batch], learningRate: 0.01 }, never);
      if (outcome.kind === "updated") losses.push(outcome.loss);
    }
    losses.push((await lossOf(parameters, method)) ?? Number.NaN);
    trained = new Map();
    for (const { name, trainable } of specs) {
      const values = trainable ? await parameters.get(name)?.read() : null;
      if (values instanceof Float32Array) trained.set(name, new Float32Array(values));
    }
  }, 120_000);
  afterAll(() => runtime.dispose());

  test("it trains: the loss falls from that of random answers", () => {
    expect(losses).toHaveLength(42);
    expect(Math.abs((losses[1] ?? 0) - (losses[0] ?? 1))).toBeLessThan(1e-4);
    expect(losses[0]).toBeGreaterThan(Math.log(json.vocabulary) * 0.9);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3);
  });

  test("it answers from the cache, beyond its window, the same as over the whole row", async () => {
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(model, method, shape),
      contextLength: model.contextLength,
    });
    const prompt = [3, 10, 17, 24, 31];
    const { ids } = await generate({ prompt, stopIds: [], maxTokens: 20, sampling: greedySampling, seed: 0 });
    expect(new Set(ids).size).toBeGreaterThan(3);

    // Oracle: the eval artifact, the loss of every candidate at the last position.
    const shape = { rows: 1, length: model.contextLength, supervised: model.vocabulary };
    const { tokenLosses } = createWholeGraphEvaluation(runtime, parameters, () =>
      compileEvaluation(model, method, shape),
    );
    const row = [...prompt];
    while (row.length < prompt.length + 20) {
      const padded = Int32Array.from({ length: shape.length }, (_, t) => row[t] ?? 0);
      const all = new Array<number>(shape.supervised).fill(row.length - 1);
      const candidates: Batch = {
        ...batch,
        shape,
        inputIds: padded,
        positionIds: padded.map((_, t) => t),
        segmentIds: padded.map((_, t) => (t < row.length ? 1 : 0)),
        supervisedIndex: Int32Array.from(all),
        targets: Int32Array.from(all, (_, id) => id),
        supervised: all.length,
        lossWeights: Float32Array.from(all, () => 1),
      };
      const of = await tokenLosses(candidates);
      row.push(of.indexOf(Math.min(...of)));
    }
    expect(ids).toEqual(row.slice(prompt.length));
  });

  test("it is exported in the layout of its files, and opens again as it was trained", async () => {
    const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
    const template = { choice: { kind: "built-in", name: "hone" }, systemPrompt: null } as const;
    const visitTrained = async (visit: (name: string, values: Float32Array<ArrayBuffer>) => void | Promise<void>) => {
      for (const [name, values] of trained) await visit(name, values);
    };
    const scratch = memoryScratch();
    const { files } = await exportMerged({
      opened,
      model,
      vocabulary: tokenizer,
      method,
      trained: visitTrained,
      templates: templateWriter(template, { tokenizer, chatTemplate: null }),
      scratch,
    });
    const again = await openModel(reopened("exported", files), (config) => checkpointTensors(define(config)));
    const specs = parametersOf(model, null);
    const merged = await uploadParameters(runtime, specs, (spec) => readParameter(spec, again.read));
    expect(await lossOf(merged, null)).toBeCloseTo(losses.at(-1) ?? 0, 4);

    // By hand: the file has [in, out], and an adapter adds (α/r)·B·A to [out, in].
    const [name, inputs, outputs] = ["block.1.up", json.width, json.hidden];
    const [file, base] = [await again.read("toy.h.1.up.w"), await opened.read("toy.h.1.up.w")];
    const [whole, down, up] = ["weight", "lora_A.weight", "lora_B.weight"].map((part) =>
      trained.get(`${name}.${part}`),
    );
    const wanted = Array.from({ length: inputs * outputs }, (_, i) => {
      const [input, output] = [Math.floor(i / outputs), i % outputs];
      if (whole) return whole[output * inputs + input] ?? Number.NaN;
      const low = [0, 1, 2].map((k) => (up?.[output * 3 + k] ?? 0) * (down?.[k * inputs + input] ?? 0));
      return (base[i] ?? 0) + 2 * low.reduce((sum, product) => sum + product, 0);
    });
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - (file[i] ?? Number.NaN))))).toBeLessThan(1e-6);
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - (base[i] ?? Number.NaN))))).toBeGreaterThan(0.01);

    if (method.kind !== "lora") return;
    const adapter = await exportAdapter({ model, method, baseModel: "toy", trained: visitTrained });
    expect(adapter.tensors).toBe(2 * 2 * targets.length);
  });
});
