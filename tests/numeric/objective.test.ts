/**
 * A loss unlike that of supervised fine-tuning: weights of either sign, and a denominator that is not their sum. Oracles: the
 * graph on the reference interpreter in float64, central differences of its loss, and Σ w·CE of the token losses.
 * Tolerance: 1e-5 of the expected value on wasm, which computes in float32.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { buildLoss, compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorIn, accumulatorOut, lazyResetGrad, lossSum } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { type Batch, packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { meanLoss } from "../../src/training/evaluate.ts";
import { batchFeeds } from "../../src/training/feeds.ts";
import { disposeAll, uploadParameters } from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { originOf } from "../support/examples.ts";
import { smallLlama } from "../support/smallLlama.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";

const tolerance = 1e-5;
const model = smallLlama({ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, hidden_size: 16 });
const full: Method = { kind: "full" };
const specs = parametersOf(model, full);
/** Learning rate 1 and an ε above every gradient, so that the first step also shows the size of the mean gradient. */
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1, weightDecay: 0 };

const random = createRandom(31);
const example = (row: number, length: number): TokenizedExample => ({
  origin: originOf(row),
  ids: Int32Array.from({ length }, () => random.below(model.vocabulary)),
  mask: new Uint8Array(length).fill(1, 2),
  weights: new Float32Array(length).fill(1),
});
const shape = { rows: 2, length: 12, supervised: 20 };
/** Chosen and rejected rows, weighted as in preference training, in two micro-batches with their own denominators. */
const batches = [
  [[example(0, 5), example(1, 6)], [example(2, 9)]],
  [[example(3, 10)], [example(4, 7), example(5, 4)]],
].map((groups, i): Batch => {
  const batch = packBatch(groups, shape);
  const lossWeights = batch.lossWeights.map((weight, n) => (n % 3 === i ? -0.75 : 0.4 + 0.1 * n) * weight);
  return { ...batch, lossWeights, denominator: 1.5 + i };
});
const denominator = 1.5 + 2.5;

const values = new Map(
  specs.map(({ name, shape: dimensions }) => {
    const centre = name.includes("norm") ? 1 : 0;
    return [name, Float32Array.from({ length: sizeOf(dimensions) }, () => centre + 0.3 * random.normal())] as const;
  }),
);
const initial = (name: string) => values.get(name) ?? new Float32Array();

/** Feeds for the reference: the batch, and the parameters moved by `step` along `direction`. */
function feedsOf(batch: Batch, direction?: ReadonlyMap<string, Float64Array>, step = 0): Record<string, Tensor> {
  const feeds = Object.fromEntries(
    Object.entries(batchFeeds(batch)).map(([name, { shape: dimensions, data }]) => [
      name,
      tensor(dimensions, Array.from<number | bigint, number>(data, Number)),
    ]),
  );
  for (const { name, shape: dimensions } of specs) {
    const along = direction?.get(name);
    feeds[name] = tensor(
      dimensions,
      Array.from(initial(name), (value, i) => value + step * (along?.[i] ?? 0)),
    );
  }
  return feeds;
}

/** Σ w·CE over the micro-batches in float64. */
function referenceLoss(direction?: ReadonlyMap<string, Float64Array>, step = 0): number {
  const b = new GraphBuilder("loss");
  const graph = b.finish({ [lossSum]: buildLoss(b, model, full, shape).loss.sum });
  return batches.reduce(
    (sum, batch) => sum + Number(interpret(graph, feedsOf(batch, direction, step))[lossSum]?.data[0]),
    0,
  );
}

/** Its gradient in float64. */
function referenceGradient(): Map<string, Float64Array> {
  const graph = compileTraining(model, full, shape).graph();
  let accumulated = Object.fromEntries(
    specs.map(({ name, shape: dimensions }) => [
      accumulatorIn(name),
      tensor(dimensions, new Float64Array(sizeOf(dimensions))),
    ]),
  );
  for (const batch of batches) {
    const outputs = interpret(graph, { ...feedsOf(batch), ...accumulated, [lazyResetGrad]: tensor([1], [0]) });
    accumulated = Object.fromEntries(
      specs.map(({ name }) => [accumulatorIn(name), outputs[accumulatorOut(name)] as Tensor]),
    );
  }
  return new Map(specs.map(({ name }) => [name, accumulated[accumulatorIn(name)]?.data ?? new Float64Array()]));
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

test("loss_sum is Σ w·CE of the losses by token, and sums are divided once, by the denominators", async () => {
  // Weights of both signs, whose sum differs from the denominator.
  const weights = batches.flatMap(({ lossWeights, supervised }) => [...lossWeights.slice(0, supervised)]);
  expect([weights.some((w) => w < 0), weights.some((w) => w > 0)]).toEqual([true, true]);
  expect(Math.abs(weights.reduce((a, b) => a + b, 0) - denominator)).toBeGreaterThan(1);

  // Along a random direction the reference's gradient matches the difference of its loss.
  const gradient = referenceGradient();
  const direction = new Map(specs.map(({ name }) => [name, Float64Array.from(initial(name), () => random.normal())]));
  const h = 1e-5;
  const difference = (referenceLoss(direction, h) - referenceLoss(direction, -h)) / (2 * h);
  let slope = 0;
  for (const [name, values] of gradient)
    for (const [i, g] of values.entries()) slope += g * (direction.get(name)?.[i] ?? 0);
  expect(Math.abs(slope / difference - 1)).toBeLessThan(1e-6);

  const parameters = await uploadParameters(runtime, specs, ({ name }) => initial(name));
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: {
      training: (of) => compileTraining(model, full, of),
      evaluation: (of) => compileEvaluation(model, full, of),
      optimizer: compileOptimizer(model, full, settings),
    },
    recipe: { ...settings, maxGradNorm: null },
  });
  const expected = referenceLoss();
  let byToken = 0;
  for (const batch of batches) {
    const losses = await program.tokenLosses(batch);
    expect(losses).toHaveLength(batch.supervised);
    expect(losses.every((loss) => loss > 0)).toBe(true); // −log P, without the sign of the weight.
    byToken += losses.reduce((sum, loss, n) => sum + loss * (batch.lossWeights[n] ?? Number.NaN), 0);
  }
  expect(Math.abs(byToken / expected - 1)).toBeLessThan(tolerance);
  const evaluated = await meanLoss(program, batches, async () => false);
  expect(Math.abs((evaluated ?? Number.NaN) / (expected / denominator) - 1)).toBeLessThan(tolerance);

  const outcome = await takeStep(program, { step: 1, updates: 0, batches, learningRate: 1 }, async () => false);
  if (outcome.kind !== "updated") throw new Error(`The step was ${outcome.kind}.`);
  expect(Math.abs(outcome.loss / (expected / denominator) - 1)).toBeLessThan(tolerance);
  const mean = new Map([...gradient].map(([name, values]) => [name, values.map((g) => g / denominator)]));
  const norm = Math.hypot(...[...mean.values()].map((values) => Math.hypot(...values)));
  expect(Math.abs(outcome.gradientNorm / norm - 1)).toBeLessThan(tolerance);
  for (const [name, values] of mean) {
    const after = await parameters.get(name)?.read();
    // AdamW's first step: −lr · g / (|g| + ε).
    const wrong = [...values].filter(
      (g, i) => !(Math.abs(Number(after?.[i]) - ((initial(name)[i] ?? 0) - g / (Math.abs(g) + 1))) < tolerance),
    );
    expect([name, wrong.length]).toEqual([name, 0]);
  }
  program.dispose();
  disposeAll(parameters);
});
