/** The whole path on wasm in Node: compiled artifacts, real sessions, the loop, storage and generation on a tiny random Llama. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileEvaluation } from "../../../src/artifacts/compile.ts";
import { tokenLoss } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../../src/artifacts/ofRun.ts";
import type { TokenizedExample } from "../../../src/batching/batch.ts";
import { chooseBuckets } from "../../../src/batching/buckets.ts";
import type { SamplerOptions } from "../../../src/batching/sampler.ts";
import { createGenerator } from "../../../src/generation/generate.ts";
import { withPrecision } from "../../../src/models/architecture.ts";
import { noProgress } from "../../../src/run/curves.ts";
import { validationOf } from "../../../src/run/heldOut.ts";
import type { StepMetrics } from "../../../src/run/metrics.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { memoryKeyValue } from "../../../src/storage/keyValue.ts";
import { realmLocks } from "../../../src/storage/lock.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { createBatchSource, evaluationBatches } from "../../../src/training/batchSource.ts";
import { createControl, nextTask } from "../../../src/training/control.ts";
import { evaluateHeldOut } from "../../../src/training/evaluate.ts";
import { batchFeeds, bindTensors } from "../../../src/training/feeds.ts";
import { trainingLoop } from "../../../src/training/loop.ts";
import { disposeAll, initialAdapter, uploadParameters } from "../../../src/training/parameters.ts";
import { learningRateAt } from "../../../src/training/schedule.ts";
import { initialState, readState } from "../../../src/training/state.ts";
import { createWholeGraph } from "../../../src/training/wholeGraph.ts";
import { originOf } from "../../support/examples.ts";
import { oneStage } from "../../support/oneStage.ts";
import { storedAs } from "../../support/precisions.ts";
import { smallLlama } from "../../support/smallLlama.ts";
import { type SavedTensor, snapshotOf } from "./fakeRuntime.ts";

const sizes = {
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 80,
};
const model = smallLlama(sizes);
const full: Method = { kind: "full" };
const lora: Method = {
  kind: "lora",
  rank: 8,
  alpha: 16,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};
const stopId = 1;

/** Far above what they take, for a machine that is busy otherwise. */
const timeout = 300_000;

/** Prompts of three tokens, answers of unequal length that end in a stop token; loss on the answers only. */
const prompts = [
  [10, 11, 12],
  [20, 21, 22],
  [30, 31, 32],
  [40, 41, 42],
];
const answers = [
  [5, 6, 7, 8],
  [60, 50, 60, 50, 9, 2],
  [33, 2],
  [12, 11, 10, 42, 41, 40, 63, 63, 7],
];
const examples: TokenizedExample[] = prompts.map((prompt, row) => {
  const ids = Int32Array.of(...prompt, ...(answers[row] as number[]), stopId);
  const mask = new Uint8Array(ids.length).fill(1, prompt.length);
  return { origin: originOf(row), ids, mask, weights: new Float32Array(ids.length).fill(1) };
});

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

/** Embeddings wide enough for a frozen, tied head to be sure of a token. */
const scale = (name: string) => (name.includes("embed") ? 0.6 : 0.2);

/** Random weights as a fresh checkpoint has them, with the adapter's start. */
function upload(method: Method, of = model) {
  const specs = parametersOf(of, method);
  const random = createRandom(17);
  const base = new Map(
    parametersOf(of, null).map(({ name, shape }) => [
      name,
      Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 1 : scale(name) * random.normal())),
    ]),
  );
  const adapter = initialAdapter(specs, 5);
  return uploadParameters(runtime, specs, ({ name }) => base.get(name) ?? adapter.get(name));
}

const recipe = (totalSteps: number, learningRate: number): RunRecord["recipe"] => ({
  method: "full",
  lora: { rank: 8, alpha: 16, targets: [] },
  template: { kind: "built-in", name: "hone" },
  systemPrompt: null,
  forgetting: null,
  mask: "responses",
  truncation: "drop",
  packing: false,
  stages: [
    {
      objective: "mixed",
      preference: null,
      sources: null,
      mixture: "weight",
      learningRate,
      schedule: "cosine",
      warmupRatio: 0.05,
      replay: 0,
      epochs: 1,
      steps: totalSteps,
    },
  ],
  batchSize: 2,
  accumulation: 2,
  maxLength: 32,
  weightDecay: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  maxGradNorm: 1,
  validationShare: 0,
  evaluateEvery: 8,
  checkpointEvery: 5,
  keepLast: 2,
  bestBy: "last",
  patience: null,
  samplePrompts: 0,
  watchEvery: null,
  weights: "float32",
  compute: "float32",
  program: "whole",
  seed: 3,
});

/** A run in storage, as the worker would drive it; `pauseAt` pauses at that poll. The caller frees it. */
function createRun(method: Method, totalSteps: number, learningRate: number, of = model) {
  const settings = recipe(totalSteps, learningRate);
  const locks = realmLocks();
  const storage = openStorage({
    records: memoryKeyValue(),
    chunks: memoryKeyValue(),
    locks,
    chunkLocks: locks,
    reason: null,
  });
  const record: RunRecord = {
    id: "run",
    name: "tiny",
    note: "",
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    status: "running",
    reason: null,
    model: { name: "tiny", hash: "0", parameters: 0 },
    sources: [{ name: "four", hash: "0", mapping: null, excluded: [] }],
    recipe: settings,
    provider: "wasm",
    trainable: 0,
    examples: { training: 4, validation: 0 },
    stages: [{ objective: "mixed", steps: totalSteps, examples: 4, supervisedTokens: 25 }],
    totalSteps,
    step: 0,
    seconds: 0,
    progress: noProgress,
    best: null,
    samples: [],
    watch: null,
    slowdowns: [],
    resumeFrom: null,
  };
  const buckets = chooseBuckets(examples, settings.batchSize, { repeats: false });
  const samplerOptions: SamplerOptions = {
    lengths: examples.map(({ ids }) => ids.length),
    sources: examples.map(({ origin }) => origin.source),
    mixture: { mode: "weight", lambdas: [1] },
    packing: null,
    buckets,
    batchSize: settings.batchSize,
    accumulation: settings.accumulation,
    seed: settings.seed,
  };

  return async ({ pauseAt = Number.POSITIVE_INFINITY, resume = false } = {}) => {
    const parameters = await upload(method, of);
    const program = createWholeGraph({
      runtime,
      parameters,
      specs: parametersOf(of, method),
      artifacts: artifactsOfRun(of, method, settings, "wasm"),
      recipe: settings,
    });
    const { checkpoints, runs } = await storage;
    if (!resume) await runs.put(record);
    const from = resume
      ? readState((await program.restore((restore) => checkpoints.load(record.id, "latest", restore))).state, null)
          .state
      : initialState(oneStage(samplerOptions).state());
    const control = createControl();
    let polls = 0;
    const losses: number[] = [];
    const metrics: StepMetrics[] = [];
    const outcome = await trainingLoop(
      {
        recipe: settings,
        totalSteps,
        learningRate: (step) => learningRateAt(lastStage(settings), step, totalSteps),
        program,
        preferences: null,
        batches: createBatchSource(
          examples.map((example) => [example]),
          buckets,
          oneStage(samplerOptions, from.sampler),
        ),
        evaluate: (interrupted) =>
          evaluateHeldOut(
            program,
            [{ ...validationOf("mixed"), batches: evaluationBatches(examples, buckets) }],
            interrupted,
          ),
        patience: null,
        bestSet: null,
        boundaries: [],
        questions: [],
        answers: async () => [],
        watch: null,
        saveCheckpoint: async ({ state, tensors }) => {
          await checkpoints.save({ record: { ...record, step: state.step, best: state.best }, state, tensors });
        },
        emit: (event) => {
          if (event.type === "evaluation") losses.push(event.metrics.loss);
          if (event.type === "step") metrics.push(event.metrics);
        },
        control,
        clock: () => 0,
        nextTask: async () => {
          await nextTask();
          if (++polls === pauseAt) control.pause();
        },
      },
      from,
    );
    const tensors = await snapshotOf(program.tensors());
    const free = () => {
      program.dispose();
      disposeAll(parameters);
    };
    return { ...outcome, losses, metrics, tensors, parameters, polls, free };
  };
}

const bitsOf = (tensors: readonly SavedTensor[]) =>
  tensors.map(({ name, values }) => [name, Buffer.from(values.buffer).toString("base64")]);

describe("four sequences", () => {
  test.each([
    ["full", full, 40, 0.02],
    ["lora", lora, 50, 0.02],
  ] as const)(
    "are learnt by heart, %s, and answered from the cache as without one",
    { timeout },
    async (_, method, steps, rate) => {
      const before = runtime.memory();
      const run = await createRun(method, steps, rate)();
      const { losses } = run;
      expect(losses[0]).toBeGreaterThan(3);
      expect(losses.at(-1)).toBeLessThan(0.05);

      const generate = createGenerator({
        runtime,
        parameters: run.parameters,
        artifact: (shape) => compileGeneration(model, method, shape),
        contextLength: model.contextLength,
      });
      const greedy = { temperature: 0, topK: null, topP: null };
      for (const [row, prompt] of prompts.entries()) {
        const answer = await generate({ prompt, stopIds: [stopId], maxTokens: 20, sampling: greedy, seed: 0 });
        expect(answer).toEqual({ ids: answers[row], finish: "stop" });
      }

      // Oracle: the eval artifact without any cache; the loss of every candidate at the last position, the least one wins.
      const prompt = Array.from({ length: 37 }, (_, i) => (7 * i + 3) % model.vocabulary);
      const generated = await generate({ prompt, stopIds: [], maxTokens: 99, sampling: greedy, seed: 0 });
      expect(generated.finish).toBe("context");
      const shape = { rows: 1, length: model.contextLength, supervised: model.vocabulary };
      const evaluation = compileEvaluation(model, method, shape);
      const session = await runtime.session(evaluation);
      const sequence = [...prompt];
      while (sequence.length < model.contextLength) {
        const padded = Int32Array.from({ length: shape.length }, (_, t) => sequence[t] ?? 0);
        const result = await session.run({
          ...bindTensors(evaluation, run.parameters).inputs,
          ...batchFeeds({
            shape,
            inputIds: padded,
            positionIds: padded.map((_, t) => (t < sequence.length ? t : 0)),
            segmentIds: padded.map((_, t) => (t < sequence.length ? 1 : 0)),
            supervisedIndex: new Int32Array(shape.supervised).fill(sequence.length - 1),
            targets: Int32Array.from({ length: shape.supervised }, (_, id) => id),
            lossWeights: new Float32Array(shape.supervised).fill(1),
            denominator: shape.supervised,
            tokens: sequence.length,
            supervised: shape.supervised,
            examples: [],
            origins: [],
          }),
        });
        const candidateLosses = result[tokenLoss]?.data as Float32Array;
        sequence.push(candidateLosses.indexOf(Math.min(...candidateLosses)));
      }
      expect(generated.ids).toEqual(sequence.slice(prompt.length));

      run.free();
      await runtime.releaseSessions();
      expect(runtime.memory()).toMatchObject({ tensors: before.tensors, bytes: before.bytes, sessions: 0 });
    },
  );
});

/** Rows of two blocks in every matrix. */
const wide = smallLlama({ ...sizes, hidden_size: 64, intermediate_size: 64 });

describe("a run that is paused, stored and resumed", () => {
  test.each([
    ["full", full, model],
    ["lora", lora, model],
    ...(["float16", "int8", "int4", "uint4"] as const).map(
      (storage) => [`lora on ${storage}`, lora, withPrecision(wide, storedAs(storage))] as const,
    ),
  ] as const)("%s: ends byte for byte as the run without a pause", { timeout }, async (_, method, of) => {
    const whole = await createRun(method, 10, 0.01, of)();
    expect(whole.status).toBe("finished");
    for (const pauseAt of of === model ? [1, 10, 18, whole.polls] : [10]) {
      const go = createRun(method, 10, 0.01, of);
      const first = await go({ pauseAt });
      expect([pauseAt, first.status]).toEqual([pauseAt, "paused"]);
      first.free();
      const second = await go({ resume: true });
      expect([pauseAt, second.state]).toEqual([pauseAt, whole.state]);
      expect([pauseAt, first.metrics.concat(second.metrics)]).toEqual([pauseAt, whole.metrics]);
      expect([pauseAt, bitsOf(second.tensors)]).toEqual([pauseAt, bitsOf(whole.tensors)]);
      second.free();
    }
    whole.free();
  });
});
