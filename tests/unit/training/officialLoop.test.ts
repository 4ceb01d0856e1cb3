/**
 * The loop on a language model's official artifacts, with accumulation, validation, pause, resume and a kill. Oracles: the run
 * without interruption, bit for bit, and onnxruntime-web 1.19.2's losses on the same batches.
 */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { openOfficial } from "../../../src/artifacts/official.ts";
import { officialFolder } from "../../../src/artifacts/officialFiles.ts";
import { makeBatch, packBatch } from "../../../src/batching/batch.ts";
import { validationOf } from "../../../src/run/heldOut.ts";
import type { StepMetrics } from "../../../src/run/metrics.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { DType, Shape } from "../../../src/tensor/dtype.ts";
import { createControl, nextTask } from "../../../src/training/control.ts";
import { evaluateHeldOut } from "../../../src/training/evaluate.ts";
import { type LoopCheckpoint, trainingLoop } from "../../../src/training/loop.ts";
import { createLanguageProgram, languageFeeds, languageInputs } from "../../../src/training/officialLanguage.ts";
import { uploadOfficial } from "../../../src/training/officialState.ts";
import { disposeAll } from "../../../src/training/parameters.ts";
import { initialState } from "../../../src/training/state.ts";
import { languageBatches, languageExamples, languageOrder, languageShape } from "../../support/languageBatches.ts";
import { languageSet } from "../../support/officialLanguage.ts";
import { officialSet } from "../../support/officialSet.ts";
import { worstRatio } from "../../support/trainOfficial.ts";

const golden: { readonly losses: readonly number[] } = JSON.parse(
  readFileSync(new URL("../../golden/official/language.json", import.meta.url), "utf8"),
);

const runtime = await createRuntime("wasm", { entries: nodeEntries });
afterAll(() => runtime.dispose());

const folder = officialFolder(languageSet());
const set = openOfficial(folder.files, folder.checkpoint);
const found = languageInputs(set);
if (typeof found === "string") throw new Error(found);
const options = { inputs: found, labelsAt: "token" } as const;

interface Saved {
  readonly state: LoopCheckpoint["state"];
  readonly tensors: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly shape: Shape;
    readonly bytes: Uint8Array<ArrayBuffer>;
  }[];
}

const totalSteps = 8;
const schedule = (step: number) => 0.02 * (1 - step / 20);

/** Drives a run; it is paused, or dies, at that poll of the loop. */
async function drive({ from = null as Saved | null, pauseAt = 0, dieAt = 0, rate = schedule } = {}) {
  const parameters = uploadOfficial(runtime, set, folder.checkpoint);
  const program = createLanguageProgram({ runtime, set, parameters }, options);
  if (from)
    await program.restore(async (restore) => {
      for (const { bytes, ...tensor } of from.tensors) await restore(tensor, async () => bytes);
    });
  const control = createControl();
  const metrics: StepMetrics[] = [];
  const validation: number[] = [];
  const saved: Saved[] = [];
  let polls = 0;
  const batches = languageBatches(from?.state.sampler);
  const run = trainingLoop(
    {
      recipe: { evaluateEvery: 4, checkpointEvery: 3 },
      totalSteps,
      learningRate: rate,
      program,
      batches,
      evaluate: (interrupted) =>
        evaluateHeldOut(
          program,
          [{ ...validationOf("mixed"), batches: [makeBatch(languageExamples.slice(0, 2), languageShape)] }],
          interrupted,
        ),
      preferences: null,
      patience: null,
      bestSet: null,
      boundaries: [],
      questions: [],
      answers: async () => [],
      watch: null,
      saveCheckpoint: async ({ state, tensors }) => {
        const copies = [];
        for (const { name, dtype, shape, read } of tensors) {
          const data = await read();
          copies.push({ name, dtype, shape, bytes: new Uint8Array(Float32Array.from(data as Float32Array).buffer) });
        }
        saved.push({ state, tensors: copies });
      },
      emit: (event) => {
        if (event.type === "step") metrics.push(event.metrics);
        if (event.type === "evaluation") validation.push(event.metrics.loss);
      },
      control,
      clock: () => 0,
      nextTask: async () => {
        await nextTask();
        polls += 1;
        if (polls === pauseAt) control.pause();
        if (polls === dieAt) throw new Error("the tab was killed");
      },
    },
    from?.state ?? initialState(languageOrder().state()),
  );
  const outcome = await run.catch((error: Error) => error);
  program.dispose();
  disposeAll(parameters);
  return { outcome, metrics, validation, saved, polls };
}

const whole = await drive();

test("at a constant rate, losses are those of onnxruntime-web 1.19.2", async () => {
  const run = await drive({ rate: () => 1e-3 });
  const losses = run.metrics.map(({ loss }) => loss);
  expect(worstRatio(losses, golden.losses)).toBeLessThan(1e-5);
});

test("with a schedule and accumulation, training and validation losses fall", () => {
  expect(whole.metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const losses = whole.metrics.map(({ loss }) => loss);
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) - 0.2);
  expect(whole.validation).toHaveLength(3);
  expect(whole.validation.at(-1)).toBeLessThan(whole.validation[0] as number);
});

describe("a run that is interrupted ends as the run without interruption", () => {
  test.each([3, 9, 14])("paused at poll %i", async (pauseAt) => {
    const first = await drive({ pauseAt });
    expect(first.outcome).toMatchObject({ status: "paused" });
    const second = await drive({ from: first.saved.at(-1) ?? null });
    expect(second.metrics.at(-1)).toEqual(whole.metrics.at(-1));
    expect(second.saved.at(-1)).toEqual(whole.saved.at(-1));
  });

  test("killed in the middle of step 5", async () => {
    const first = await drive({ dieAt: Math.floor(whole.polls * 0.6) });
    expect(first.outcome).toBeInstanceOf(Error);
    const last = first.saved.at(-1) ?? null;
    expect([first.metrics.length, last?.state.step]).toEqual([4, 4]);
    const second = await drive({ from: last });
    expect(second.metrics).toEqual(whole.metrics.slice(4));
    expect(second.saved.at(-1)).toEqual(whole.saved.at(-1));
  });
});

describe("what the artifacts cannot express is refused", () => {
  const [first, second] = languageExamples as [(typeof languageExamples)[number], (typeof languageExamples)[number]];

  test("packed rows", () => {
    const batch = packBatch([[first, second]], { ...languageShape, length: 24 });
    expect(() => languageFeeds(batch, options)).toThrow(/switch packing off/);
  });

  test("loss weights", () => {
    const batch = makeBatch([{ ...first, weights: first.weights.map(() => 0.5) }], languageShape);
    expect(() => languageFeeds(batch, options)).toThrow(/line \d+.*loss weight 0\.5 has no effect/);
  });

  test("artifacts that are no language model's", () => {
    const { files, checkpoint } = officialFolder(officialSet());
    expect(languageInputs(openOfficial(files, checkpoint))).toMatch(
      /reads input_ids and labels; these artifacts read input-0, labels/,
    );
  });
});

test("labels stand at their tokens, or at the predictions before them", () => {
  const batch = makeBatch(languageExamples.slice(0, 1), languageShape);
  const at = (labelsAt: "token" | "prediction") =>
    Array.from(languageFeeds(batch, { ...options, labelsAt }).labels?.data ?? [], Number);
  const { ids, mask } = languageExamples[0] as (typeof languageExamples)[number];
  const labels = Array.from({ length: languageShape.length }, (_, t) => (mask[t] ? (ids[t] as number) : -100));
  expect(at("token").slice(0, languageShape.length)).toEqual(labels);
  expect(at("prediction").slice(0, languageShape.length)).toEqual([...labels.slice(1), -100]);
});
