/**
 * Each family answers from its cache as over whole rows, beyond its windows and under an adapter on all of its linear layers.
 * Oracle: the eval artifact over the whole row, −log P of every token of the vocabulary at every step. Seeds: 11 and 7.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileEvaluation } from "../../../src/artifacts/compile.ts";
import { generationPorts } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import type { Batch } from "../../../src/batching/batch.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { defineModel } from "../../../src/models/define.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { disposeAll, type ParameterTensors, uploadParameters } from "../../../src/training/parameters.ts";
import { createWholeGraphEvaluation } from "../../../src/training/wholeGraph.ts";
import { smallFamilies, smallValues } from "../../support/smallFamilies.ts";
import { trainedValues } from "../export/made.ts";

const promptLength = 22;
const answerLength = 24;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

/** A sampled answer, and the logits after each run. */
async function answerOf(model: ModelDefinition, method: Method, parameters: ParameterTensors, prompt: number[]) {
  const logits: Float32Array[] = [];
  const recording: Pick<Runtime, "tensor" | "session" | "report"> = {
    report: runtime.report,
    tensor: (...parts) => runtime.tensor(...parts),
    session: async (artifact) => {
      const session = await runtime.session(artifact);
      return {
        ...session,
        run: async (...parts) => {
          const outputs = await session.run(...parts);
          logits.push(Float32Array.from(outputs[generationPorts.logits]?.data ?? [], Number));
          return outputs;
        },
      };
    },
  };
  const generate = createGenerator({
    runtime: recording,
    parameters,
    artifact: (shape) => compileGeneration(model, method, shape),
    contextLength: model.contextLength,
  });
  const { ids } = await generate({
    prompt,
    stopIds: [],
    maxTokens: answerLength,
    // Greedy answers of random weights repeat a token, so they would hide most of the vocabulary.
    sampling: { temperature: 5, topK: null, topP: null },
    seed: 3,
  });
  return { ids, logits };
}

/** −log P of every token after each prefix of `row` from the prompt's end on, over the whole row at once. */
async function lossesOf(model: ModelDefinition, method: Method, parameters: ParameterTensors, row: readonly number[]) {
  const { vocabulary } = model;
  const length = row.length;
  const supervised = answerLength * vocabulary;
  const shape = { rows: 1, length, supervised };
  const batch: Batch = {
    shape,
    inputIds: Int32Array.from(row),
    positionIds: Int32Array.from(row, (_, t) => t),
    segmentIds: new Int32Array(length).fill(1),
    supervisedIndex: Int32Array.from({ length: supervised }, (_, i) => promptLength - 1 + Math.floor(i / vocabulary)),
    targets: Int32Array.from({ length: supervised }, (_, i) => i % vocabulary),
    lossWeights: new Float32Array(supervised).fill(1),
    denominator: supervised,
    tokens: length,
    supervised,
    examples: [],
    origins: [{ source: 0, name: "the row", row: 0, line: 1 }],
  };
  const { tokenLosses } = createWholeGraphEvaluation(runtime, parameters, (own) =>
    compileEvaluation(model, method, own),
  );
  const losses = await tokenLosses(batch);
  return Array.from({ length: answerLength }, (_, i) => losses.slice(i * vocabulary, (i + 1) * vocabulary));
}

function negativeLogSoftmax(logits: Float32Array): number[] {
  const top = Math.max(...logits);
  const sum = Math.log(logits.reduce((total, z) => total + Math.exp(z - top), 0)) + top;
  return Array.from(logits, (z) => sum - z);
}

async function answersOf(config: Readonly<Record<string, unknown>>) {
  const model = defineModel({ ...config, vocab_size: 61 });
  const targets = linearsOf(model).map(({ name }) => name);
  const method: Method = { kind: "lora", rank: 2, alpha: 1, targets };
  const values = new Map([...smallValues(model), ...trainedValues(model, method)]);
  const parameters = await uploadParameters(runtime, parametersOf(model, method), ({ name }) => values.get(name));
  const prompt = Array.from({ length: promptLength }, (_, t) => (13 * t * t + 5) % model.vocabulary);
  try {
    const { ids, logits } = await answerOf(model, method, parameters, prompt);
    const losses = await lossesOf(model, method, parameters, [...prompt, ...ids].slice(0, -1));
    return { model, ids, logits, losses };
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

describe.each(Object.entries(smallFamilies))("%s", (_, config) => {
  test("log-probabilities and the likeliest token from the cache are those of the whole row, at every step", async () => {
    const { model, ids, logits, losses } = await answersOf(config);
    expect(ids).toHaveLength(answerLength);
    expect(new Set(ids).size).toBeGreaterThan(8);
    const steps = logits.slice(-answerLength);
    expect(steps.map((of) => of.indexOf(Math.max(...of)))).toEqual(losses.map((of) => of.indexOf(Math.min(...of))));
    steps.forEach((of, step) => {
      const apart = negativeLogSoftmax(of).map((value, id) => Math.abs(value - (losses[step]?.[id] ?? Number.NaN)));
      expect(Math.max(...apart)).toBeLessThan(1e-4);
    });
    const cap = model.logitCap ?? Number.POSITIVE_INFINITY;
    expect(Math.max(...steps.flatMap((of) => Array.from(of, Math.abs)))).toBeLessThanOrEqual(cap);
  });
});

const sliding = Object.entries(smallFamilies).filter(([, config]) =>
  defineModel(config).layers.some(({ window }) => window !== null),
);

test.each(sliding)("%s without its windows would answer otherwise", async (_, config) => {
  const [own, wider] = [await answersOf(config), await answersOf({ ...config, sliding_window: 100 })];
  const apart = own.losses[0]?.map((loss, id) => Math.abs(loss - (wider.losses[0]?.[id] ?? Number.NaN))) ?? [];
  expect(Math.max(...apart)).toBeGreaterThan(0.01);
});
