/**
 * Adapters on frozen weights of every storage learn eight rows by heart, on wasm: Seedling's own weights, tokenizer and rows.
 * Oracle: the rows themselves.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesOfFolder, readTokenizerFiles } from "../../scripts/harness/modelFolder.ts";
import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import type { ParameterSpec } from "../../src/artifacts/contract.ts";
import { checkpointTensors, linearsOf, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { type Batch, makeBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import { modelFromFiles } from "../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../src/hub/model.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { createRandom } from "../../src/tensor/random.ts";
import type { WeightStorage } from "../../src/tensor/storage.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import {
  disposeAll,
  initialAdapter,
  parameterPieces,
  uploadParameters,
  type Values,
} from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { originOf } from "../support/examples.ts";
import { precisionFeeds, precisionModels, storedAs } from "../support/precisions.ts";

const folder = fileURLToPath(new URL("../../public/models/seedling", import.meta.url));
const samples = new URL("../../public/samples/small-world.jsonl", import.meta.url);
const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

let runtime: Runtime;
let model: OpenModel;
let rows: TokenizedExample[];
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  model = await openModel(modelFromFiles(filesOfFolder(folder)), (json) => checkpointTensors(defineModel(json)));
  const { tokenizerJson, tokenizerConfig } = await readTokenizerFiles(folder);
  const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig);
  const lines = (await readFile(samples, "utf8")).trim().split("\n");
  rows = Array.from({ length: 8 }, (_, row) => {
    const { instruction, output } = JSON.parse(lines[25 * row] ?? "");
    const ids = (text: string) =>
      tokenizer.encode([
        { text, kind: "content", role: null, message: null, answer: false, supervised: true, weight: 1 },
      ]).ids;
    const [question, answer] = [ids(`${instruction}\n`), ids(output)];
    const length = question.length + answer.length;
    return {
      origin: originOf(row),
      ids: Int32Array.from([...question, ...answer]),
      mask: new Uint8Array(length).fill(1, question.length),
      weights: new Float32Array(length).fill(1),
    };
  });
});
afterAll(() => runtime.dispose());

/** The loss before each of `steps` steps of LoRA with rank 16 on all linear layers; `read` gives the frozen parameters. */
async function lossesOf(
  plain: ModelDefinition,
  storage: WeightStorage,
  read: (spec: ParameterSpec) => Values,
  batch: Batch,
  steps: number,
) {
  const definition = withPrecision(plain, storedAs(storage));
  const targets = linearsOf(definition).map(({ name }) => name);
  const method = { kind: "lora", rank: 16, alpha: 32, targets } as const;
  const specs = parametersOf(definition, method);
  const adapter = initialAdapter(specs, 1);
  const parameters = await uploadParameters(runtime, specs, (spec) => adapter.get(spec.name) ?? read(spec));
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: {
      training: (shape) => compileTraining(definition, method, shape),
      evaluation: (shape) => compileEvaluation(definition, method, shape),
      optimizer: compileOptimizer(definition, method, adam),
    },
    recipe: { ...adam, maxGradNorm: 1 },
  });
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const request = { step, updates: step - 1, batches: [batch], learningRate: 5e-3 };
    const outcome = await takeStep(program, request, async () => false);
    if (outcome.kind !== "updated") throw new Error(`Step ${step} was ${outcome.kind}.`);
    losses.push(outcome.loss);
  }
  program.dispose();
  disposeAll(parameters);
  await runtime.releaseSessions();
  const stored = specs.filter((spec) => !spec.trainable && spec.storage === storage).length;
  console.info(`${storage}: loss ${losses[0]?.toFixed(3)} → ${losses.at(-1)?.toFixed(4)}`);
  return { losses, stored };
}

test.each(["float16", "int8", "int4"] as const)(
  "Seedling in %s: a loss under 0.05",
  { timeout: 300_000 },
  async (storage) => {
    const batch = makeBatch(rows, { rows: 8, length: 32, supervised: 128 });
    const read = (spec: ParameterSpec) => parameterPieces(spec, model.devicePieces);
    const { losses, stored } = await lossesOf(defineModel(model.config), storage, read, batch, 20);
    // Embedding and six matrices a layer have whole blocks; the seventh has rows of 432.
    expect(stored).toBe(storage === "float16" ? 1 + 4 * 7 : 1 + 4 * 6);
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.05);
  },
);

/** Seedling's rows have an odd number of blocks, so uint4 has a random model and random rows. */
test("a random model in uint4: a loss under 0.05", { timeout: 300_000 }, async () => {
  const plain = precisionModels["Qwen 3"] as ModelDefinition;
  const { numbers } = precisionFeeds(plain, storedAs("float32"), { kind: "full" });
  const random = createRandom(2);
  const examples = Array.from({ length: 8 }, (_, row) => ({
    origin: originOf(row),
    ids: Int32Array.from({ length: 10 }, () => random.below(plain.vocabulary)),
    mask: new Uint8Array(10).fill(1, 2),
    weights: new Float32Array(10).fill(1),
  }));
  const batch = makeBatch(examples, { rows: 8, length: 10, supervised: 64 });
  const read = ({ name }: ParameterSpec) => numbers[name]?.data as Float32Array;
  const { losses, stored } = await lossesOf(plain, "uint4", read, batch, 100);
  // Embedding, head, and the six matrices a layer with rows of 64; the seventh's 96 are an odd number of blocks.
  expect(stored).toBe(2 + 2 * 6);
  expect(losses[0]).toBeGreaterThan(3);
  expect(losses.at(-1)).toBeLessThan(0.05);
});
