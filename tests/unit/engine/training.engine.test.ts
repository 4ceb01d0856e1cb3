/**
 * The engine around a run, on wasm in Node with a made-up model: budget, watch, and a checkpoint on demand.
 * Oracle: the run itself, which a budget must predict and must not change.
 */

import { beforeAll, describe, expect, test } from "vitest";
import type { EngineApi, EngineEvent, RunRequest } from "../../../src/protocol/engine.ts";
import { beforeTasks } from "../../../src/run/beforeTasks.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { SourceChoice } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

const timeout = 300_000;
const events: EngineEvent[] = [];
/** Whether an event makes the test skip what precedes the first step. */
let skipWhen = (_event: EngineEvent): boolean => false;
let engine: EngineApi;
let request: RunRequest;
let source: SourceChoice;

beforeAll(async () => {
  const here = await engineHere(nodeEntries);
  here.onEvent((event) => {
    events.push(event);
    if (skipWhen(event)) void engine.skipBefore();
  });
  ({ engine } = here);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  source = await takeIn(here.data, tinyRows());
  const recipe = recipeWith(defaultRecipe("lora"), {
    maxLength: 128,
    steps: 6,
    accumulation: 2,
    evaluateEvery: 3,
    checkpointEvery: 100,
    samplePrompts: 1,
    watchEvery: 2,
  });
  request = { name: "watched", modelHash, sources: [source], recipe };
}, timeout);

/** The losses of all steps of a run. */
async function lossesOf({ id, step }: Pick<RunRecord, "id" | "step">) {
  const { steps } = await engine.curvesOf(id);
  expect(steps.loss).toHaveLength(step);
  return [...steps.loss];
}

const watchOf = ({ watch }: Awaited<ReturnType<EngineApi["startRun"]>>) => {
  if (!watch) throw new Error("Nothing was watched.");
  return watch;
};

describe("what precedes the first step", () => {
  test("is reported by part, and skipped without a change to the steps", { timeout }, async () => {
    events.length = 0;
    const plain = await engine.startRun(request);
    const reported = events.flatMap((event) => (event.type === "progress" ? [event] : []));
    // It is the first run of this model, so its weights are copied.
    const parts = Object.values(beforeTasks).filter((task) => reported.some((event) => event.task === task));
    // Without preferences there is no reference.
    expect(parts).toEqual(Object.values(beforeTasks).filter((task) => task !== beforeTasks.reference));
    for (const part of parts) {
      const last = reported.findLast(({ task }) => task === part);
      expect([part, last?.done]).toEqual([part, last?.total]);
    }

    let asked = false;
    skipWhen = ({ type }) => {
      if (asked || type !== "progress") return false;
      asked = true;
      return true;
    };
    events.length = 0;
    const skipped = await engine.startRun(request);
    skipWhen = () => false;
    expect(asked).toBe(true);
    expect(await lossesOf(skipped)).toEqual(await lossesOf(plain));
    expect(skipped.samples).toEqual(plain.samples.map((sample) => ({ ...sample, before: null })));
    expect(watchOf(skipped).moments).toEqual(watchOf(plain).moments.slice(1));
    expect((await engine.curvesOf(skipped.id)).evaluations).toEqual(
      (await engine.curvesOf(plain.id)).evaluations.slice(1),
    );
    // In its own time it has no effect.
    await engine.skipBefore();
  });
});

describe("a budget", () => {
  test("predicts steps and time, and does not change the run that follows", { timeout }, async () => {
    const memory = () => events.flatMap((event) => (event.type === "step" ? [event.memory] : [])).at(-1);
    const plain = await engine.startRun(request);
    const before = memory();
    events.length = 0;
    const budget = await engine.budget(request);
    expect(budget).toMatchObject({ steps: plain.totalSteps, fits: true, advice: null });
    expect(budget.memory.trained).toBe(4 * plain.trainable);
    expect(budget.time?.secondsPerStep).toBeGreaterThan(0);
    expect(budget.time?.total).toBeGreaterThan(6 * (budget.time?.secondsPerStep ?? Number.NaN));
    const progress = events.flatMap((event) => (event.type === "progress" ? [event.done] : []));
    expect(progress.at(-1)).toBe(4);

    const after = await engine.startRun(request);
    expect(await lossesOf(after)).toEqual(await lossesOf(plain));
    expect(after.samples).toEqual(plain.samples);
    // The budget freed its tensors.
    expect([typeof before, memory()]).toEqual(["number", before]);
  });

  test("of full training does not change the model", { timeout }, async () => {
    const recipe = recipeWith(request.recipe, { method: "full", learningRate: 0.01 });
    const before = await engine.startRun({ ...request, recipe });
    const budget = await engine.budget({ ...request, recipe });
    expect(budget.memory.frozen).toBe(0);
    const after = await engine.startRun({ ...request, recipe });
    expect(await lossesOf(after)).toEqual(await lossesOf(before));
  });

  test("is refused while a run trains, and ended by a run that starts or by its signal", { timeout }, async () => {
    const cancelled = new AbortController();
    const first = engine.budget(request, cancelled.signal);
    cancelled.abort();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });

    const second = engine.budget(request);
    const run = engine.startRun(request);
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    await expect(engine.budget(request)).rejects.toThrow("A run is training");
    expect((await run).status).toBe("finished");
  });

  test("refuses an impossible recipe before it measures", { timeout }, async () => {
    const recipe = { ...request.recipe, maxLength: 512 };
    await expect(engine.budget({ ...request, recipe })).rejects.toThrow("the model's context holds 128");
  });
});

describe("a watch", () => {
  test("has snapshots of the first held-out row before, during and after training, also when resumed", {
    timeout,
  }, async () => {
    const whole = await engine.startRun(request);
    const watch = watchOf(whole);
    expect(watch.moments.map(({ step }) => step)).toEqual([0, 2, 4, 6]);
    // A row is "Say la la 2." and "It is 2.", and the answer is supervised.
    expect(watch.prompt).toBe(`Say ${"la ".repeat(watch.place.row % 4)}${watch.place.row}.`);
    const supervised = watch.tokens.filter(({ weight }) => weight > 0);
    expect(supervised.map(({ text }) => text).join("")).toContain(`It is ${watch.place.row}.`);
    for (const { losses } of watch.moments) expect(losses).toHaveLength(supervised.length);
    // An untrained model predicts all tokens of the vocabulary about equally.
    const [first] = watch.moments;
    const mean = (first?.losses.reduce((sum, loss) => sum + loss, 0) ?? 0) / supervised.length;
    expect(mean).toBeCloseTo(Math.log(272), 0);
    const emitted = events.findLast((event) => event.type === "watch");
    expect(emitted).toMatchObject({ runId: whole.id, watch });

    // Paused in step 3 and resumed.
    events.length = 0;
    const running = engine.startRun(request);
    while (!events.some((event) => event.type === "step" && event.metrics.step === 3))
      await new Promise((resolve) => setTimeout(resolve));
    await engine.pauseRun();
    const paused = await running;
    if (paused.status === "paused") {
      const resumed = await engine.resumeRun(paused.id);
      expect(watchOf(resumed)).toEqual(watch);
    } else expect(watchOf(paused)).toEqual(watch);
  });

  test("can have a chosen prompt and row; a row that the run leaves out is refused", { timeout }, async () => {
    const place = { source: 0, row: 7 };
    const run = await engine.startRun({ ...request, watch: { prompt: "Say 99.", place } });
    expect(watchOf(run)).toMatchObject({ prompt: "Say 99.", place });
    expect(
      watchOf(run)
        .tokens.map(({ text }) => text)
        .join(""),
    ).toContain("It is 7.");
    const excluded = { ...source, excluded: [7] };
    await expect(engine.startRun({ ...request, sources: [excluded], watch: { prompt: null, place } })).rejects.toThrow(
      "Row 8 of pairs.json cannot be watched",
    );
  });

  test("is off where the recipe says so", { timeout }, async () => {
    const run = await engine.startRun({ ...request, recipe: { ...request.recipe, watchEvery: null } });
    expect(run.watch).toBeNull();
  });
});

test("a checkpoint is saved on demand, and refused where nothing trains", { timeout }, async () => {
  await expect(engine.saveCheckpointNow()).rejects.toThrow("No run is training");
  events.length = 0;
  const run = engine.startRun({ ...request, recipe: recipeWith(request.recipe, { validationShare: 0, steps: 40 }) });
  while (!events.some((event) => event.type === "step")) await new Promise((resolve) => setTimeout(resolve));
  await engine.saveCheckpointNow();
  await run;
  const saved = events.flatMap((event) => (event.type === "checkpoint" ? [event.step] : []));
  expect(saved).toHaveLength(2);
  expect(saved[0]).toBeLessThan(40);
  expect(saved[1]).toBe(40);
  const step = events.find((event) => event.type === "step");
  expect(step).toMatchObject({ memory: expect.any(Number) });
  expect(step?.type === "step" && step.memory).toBeGreaterThan(26_816);
});

test("after a loss that is not finite, a run resumes from good weights with a lower rate, and finishes", {
  timeout,
}, async () => {
  // After the first step of this rate, squares of the weights overflow float32.
  const recipe = recipeWith(request.recipe, {
    watchEvery: null,
    checkpointEvery: 1,
    validationShare: 0,
    learningRate: 1e24,
    warmupRatio: 0,
    schedule: "constant",
  });
  let run = await engine.startRun({ ...request, recipe });
  expect(run).toMatchObject({ status: "failed", resumeFrom: 0, slowdowns: [{ fromStep: 0, factor: 0.1 }] });
  // The file is JSON in one line.
  expect(run.reason).toMatch(/these rows of the dataset: (pairs\.json line 1( \(row \d+\))?, ){3}/);
  expect(run.reason).toContain("Resume starts from the beginning with a tenth of the learning rate.");
  let slower = 1;
  while (run.status === "failed" && slower < 30) {
    run = await engine.resumeRun(run.id);
    slower++;
  }
  expect(run).toMatchObject({ status: "finished", resumeFrom: null });
  const product = run.slowdowns.reduce((rate, { factor }) => rate * factor, 1e24);
  const { steps } = await engine.curvesOf(run.id);
  expect([...steps.step]).toEqual([1, 2, 3, 4, 5, 6]);
  expect((steps.learningRate.at(-1) ?? 0) / product).toBeCloseTo(1, 6);
});
