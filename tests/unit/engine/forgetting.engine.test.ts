/**
 * General text, exam, guard and replay of a run on wasm. Oracles: the run that nothing disturbs, byte for byte, for pauses at any
 * moment; the run without a guard for one that the guard paused and that went on; counts by hand.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import type { DataApi } from "../../../src/protocol/datasets.ts";
import type { EngineEvent, RunRequest } from "../../../src/protocol/engine.ts";
import { generalOf, validationOfSource } from "../../../src/run/heldOut.ts";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { SourceChoice } from "../../../src/run/source.ts";
import { withLambdas } from "../../../src/run/stage.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { takeIn } from "../../support/engineHere.ts";
import { type RecipeChange, recipeWith, withForgetting } from "../../support/recipe.ts";
import { tinyRows } from "../../support/tinyLlama.ts";
import { type Disk, newDisk } from "../storage/backend.ts";
import { leftBy, openTab } from "./tab.ts";

const timeout = 300_000;
/** Letters that the task does not have, so that its training makes them less likely. */
const passages = Array.from({ length: 16 }, (_, i) => ({ text: "QUXZ JVWK ".repeat(2 + (i % 3)) + String(i) }));
const questions = Array.from({ length: 6 }, (_, i) => ({ prompt: `Say ${i}.`, expected: `It is ${i}.` }));
const exam = { name: "exam.jsonl", hash: "e", questions };
/** Two sources of the task, and one of general text. */
const general = generalOf(2).name;

function recipeOf(change: RecipeChange = {}, forgetting: Parameters<typeof withForgetting>[1] = {}): Recipe {
  const base = recipeWith(defaultRecipe("full"), {
    template: { kind: "built-in", name: "hone" },
    batchSize: 4,
    accumulation: 1,
    maxLength: 96,
    steps: 9,
    warmupRatio: 0,
    learningRate: 2e-2,
    validationShare: 0.2,
    evaluateEvery: 3,
    checkpointEvery: 2,
    samplePrompts: 0,
    watchEvery: null,
    seed: 11,
    ...change,
  });
  return withForgetting(withLambdas(base, [1, 1, 1], [2]), { sources: [2], ...forgetting });
}

let data: DataApi;
let sources: readonly SourceChoice[];

/** A tab over a disk, and what it needs to start a run. */
async function tabWith(disk: Disk, onEvent?: (event: EngineEvent) => void) {
  const { engine, hash } = await openTab(disk, data, onEvent);
  const request = (recipe: Recipe): RunRequest => ({ name: "meter", modelHash: hash, sources, recipe, exam });
  return { engine, request, hash };
}

beforeAll(async () => {
  data = createDatasetService(await openStorage(), () => undefined).during("");
  const others = tinyRows(10).map((row, i) => ({ ...row, instruction: `Tell ${i}`, output: `Told ${i}.` }));
  sources = [
    await takeIn(data, tinyRows()),
    await takeIn(data, others, "others.json"),
    await takeIn(data, passages, "passages.json"),
  ];
}, timeout);

describe("the meter", () => {
  const recipe = recipeOf({}, { exam: 4, examEvery: 2 });

  test("measures the task by source, general text, and an exam on its schedule", { timeout }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const run = await engine.startRun(request(recipe));
    expect([run.status, run.reason]).toEqual(["finished", null]);
    const { evaluations, exam: drawn } = await leftBy(disk, engine, run);
    expect(evaluations.map(({ step }) => step)).toEqual([0, 3, 6, 9]);
    expect(evaluations.map(({ exam: score }) => score?.questions ?? null)).toEqual([4, null, 4, 4]);
    const names = ["validation", validationOfSource(0), validationOfSource(1), general];
    for (const { sets, loss } of evaluations) {
      expect(Object.keys(sets)).toEqual(names);
      expect(loss).toBe(sets.validation);
      const ofSources = [sets[validationOfSource(0)] ?? 0, sets[validationOfSource(1)] ?? 0];
      expect(loss).toBeGreaterThan(Math.min(...ofSources));
      expect(loss).toBeLessThan(Math.max(...ofSources));
    }
    expect(evaluations.at(-1)?.sets[general]).toBeGreaterThan((evaluations[0]?.sets[general] ?? 0) + 0.3);
    expect(evaluations.at(-1)?.loss).toBeLessThan((evaluations[0]?.loss ?? 0) - 0.3);
    // A seeded draw of the exam's questions, in its order.
    const places = drawn?.questions.map(({ prompt }) => questions.findIndex((question) => question.prompt === prompt));
    expect(places).toHaveLength(4);
    expect(places).toEqual([...new Set(places)].sort());
  });

  test("leaves the trajectory as it is without it", { timeout }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const [measured, plain] = [await engine.startRun(request(recipe)), await engine.startRun(request(recipeOf()))];
    const [one, other] = [await leftBy(disk, engine, measured), await leftBy(disk, engine, plain)];
    expect(one.metrics).toEqual(other.metrics);
    expect(one.tensors).toEqual(other.tensors);
  });

  test("paused at any moment, an exam included, and resumed, it ends byte for byte the same", { timeout }, async () => {
    const quiet = newDisk();
    const tab = await tabWith(quiet);
    const whole = await leftBy(quiet, tab.engine, await tab.engine.startRun(tab.request(recipe)));
    const disk = newDisk();
    let events = 0;
    let at = 0;
    const { engine, request } = await tabWith(disk, (event) => {
      // The steps, checkpoints, validations and parts before the first step of a run.
      if (["step", "checkpoint", "evaluation", "progress"].includes(event.type) && ++events === at)
        void engine.pauseRun();
    });
    const moments: number[] = [];
    let run: RunRecord | null = null;
    for (at = 2; run?.status !== "finished"; at += 5) {
      events = 0;
      run = run ? await engine.resumeRun(run.id) : await engine.startRun(request(recipe));
      expect(["paused", "finished"]).toContain(run.status);
      moments.push(run.step);
    }
    expect(moments.length).toBeGreaterThan(3);
    expect(await leftBy(disk, engine, run)).toEqual(whole);
  });

  test("an exam is only started with questions", { timeout }, async () => {
    const { engine, request } = await tabWith(newDisk());
    const { exam: _, ...without } = request(recipe);
    await expect(engine.startRun(without)).rejects.toThrow(/exam of 4 questions during training, but no exam is open/);
    expect(await engine.listRuns()).toEqual([]);
  });
});

describe("the guard", () => {
  test("pauses where the loss on general text rises too much; resumed, it goes on as without it", {
    timeout,
  }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const free = await leftBy(disk, engine, await engine.startRun(request(recipeOf({ checkpointEvery: 100 }))));
    const losses = free.evaluations.map(({ sets }) => sets[general] ?? 0);
    const [base = 0, first = 0, second = 0, third = 0] = losses;
    // Between the rise at step 3 and that at step 6.
    const allowedRise = (first + second) / 2 - base;
    expect([allowedRise > 0, second - base > allowedRise, first - base < allowedRise]).toEqual([true, true, true]);
    const paused = await engine.startRun(request(recipeOf({ checkpointEvery: 100 }, { allowedRise })));
    expect([paused.status, paused.step]).toEqual(["paused", 6]);
    expect(paused.reason).toBe(
      `Step 6: the loss on passages.json rose from ${base.toFixed(4)} at step 0 to ${second.toFixed(4)}, by more than ` +
        `${allowedRise}. Resume allows the same rise again; or take the best checkpoint, of step 3.`,
    );
    // The best is within the guard, although the task's loss fell further.
    expect(paused.best?.step).toBe(3);
    expect((await engine.checkpointsOf(paused.id)).map(({ step, best }) => [step, best])).toEqual([
      [6, false],
      [3, true],
    ]);

    const resumed = await engine.resumeRun(paused.id);
    const again = third - second > allowedRise;
    expect([resumed.status, resumed.step, resumed.reason === null]).toEqual(["finished", 9, !again]);
    const left = await leftBy(disk, engine, resumed);
    expect(left.evaluations).toEqual(free.evaluations);
    expect(left.metrics).toEqual(free.metrics);
    expect(left.tensors).toEqual(free.tensors);
  });

  test("counts the rise from the stop after a reload, too", { timeout }, async () => {
    const disk = newDisk();
    const recipe = recipeOf({ steps: 12 }, { allowedRise: 0.01 });
    const first = await tabWith(disk);
    let run = await first.engine.startRun(first.request(recipe));
    expect([run.status, run.step]).toEqual(["paused", 3]);
    const stops = [run.step];
    while (run.status === "paused") {
      const { engine } = await tabWith(disk);
      run = await engine.resumeRun(run.id);
      stops.push(run.step);
    }
    const { evaluations } = await first.engine.curvesOf(run.id);
    const loss = (step: number) => evaluations.find((found) => found.step === step)?.sets[general] ?? Number.NaN;
    for (const [index, step] of stops.entries()) {
      if (step < 12) expect(loss(step) - loss(stops[index - 1] ?? 0)).toBeGreaterThan(0.01);
    }
    expect(run.step).toBe(12);
  });

  test("keeps the lowest general loss where that chooses the best", { timeout }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const run = await engine.startRun(request({ ...recipeOf(), bestBy: "general" }));
    const { evaluations } = await engine.curvesOf(run.id);
    const [lowest] = evaluations.toSorted((a, b) => (a.sets[general] ?? 0) - (b.sets[general] ?? 0));
    expect(run.best).toEqual(lowest);
  });
});

describe("replay", () => {
  test("draws general text, and less of it is forgotten", { timeout }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const epochs = { steps: null, epochs: 3 };
    const without = await leftBy(disk, engine, await engine.startRun(request(recipeOf(epochs))));
    const run = await engine.startRun(request(recipeOf({ ...epochs, replay: 0.5 })));
    const replayed = await leftBy(disk, engine, run);
    const [plain, mixed] = [without.stages[0], replayed.stages[0]];
    // Eight of 16 passages are measured.
    expect([plain?.replayed, mixed?.replayed, mixed?.examples]).toEqual([undefined, 8, plain?.examples]);
    const supervised = (left: typeof without) =>
      left.metrics.reduce((sum, { supervisedTokens }) => sum + supervisedTokens, 0);
    expect(supervised(replayed) / supervised(without)).toBeCloseTo(2, 0);
    const last = ({ evaluations }: typeof without) => evaluations.at(-1)?.sets[general] ?? 0;
    expect(last(replayed)).toBeLessThan(last(without) - 0.5);
    expect(run.examples).toEqual({ training: 24, validation: 6 });
  });

  test.each([
    [
      "without general text",
      { sources: [] },
      { replay: 0.1 },
      /replays 10 % of general text, but the run has no general text/,
    ],
    ["without held-out rows", {}, { validationShare: 0 }, /no row of the task is held out/],
  ] as const)("is refused %s", async (_, forgetting, change, message) => {
    const { engine, request } = await tabWith(newDisk());
    await expect(engine.startRun(request(recipeOf(change, forgetting)))).rejects.toThrow(message);
  });
});

describe("texts that the base model writes", () => {
  test("are equal for equal seeds, and train as general text", { timeout }, async () => {
    const { engine, request, hash } = await tabWith(newDisk());
    const written = await engine.writeTexts({ modelHash: hash, texts: 6, tokens: 12, seed: 3 });
    expect(written.length).toBeGreaterThan(3);
    expect(await engine.writeTexts({ modelHash: hash, texts: 6, tokens: 12, seed: 3 })).toEqual(written);
    const fewer = await engine.writeTexts({ modelHash: hash, texts: 3, tokens: 12, seed: 3 });
    expect(fewer.every((text, i) => text === written[i])).toBe(true);
    expect(await engine.writeTexts({ modelHash: hash, texts: 6, tokens: 12, seed: 9 })).not.toEqual(written);

    // An untrained model writes bytes that are no characters.
    const own = await takeIn(
      data,
      written.map((text) => ({ text })),
      "own.json",
    );
    const wanted = {
      ...request(recipeOf({ replay: 0.3, steps: 2 })),
      sources: [...sources.slice(0, 2), { ...own, options: { replaced: true } }],
    };
    const run = await engine.startRun(wanted);
    expect([run.status, run.sources[2]?.name]).toEqual(["finished", "own.json"]);
  });

  test("can be cancelled, and their number has a limit", { timeout }, async () => {
    const { engine, hash } = await tabWith(newDisk());
    const controller = new AbortController();
    const writing = engine.writeTexts({ modelHash: hash, texts: 40, tokens: 100, seed: 3 }, controller.signal);
    controller.abort();
    await expect(writing).rejects.toThrow(/abort/i);
    await expect(engine.writeTexts({ modelHash: hash, texts: 0, tokens: 5, seed: 1 })).rejects.toThrow(/1 to 2000/);
  });
});
