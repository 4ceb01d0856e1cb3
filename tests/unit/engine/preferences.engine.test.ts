/**
 * A run in three stages, text, chats and preferences, on wasm. Oracles: the run that nothing disturbs, byte for byte, for kills
 * at any moment; the untrained margin, which is 0; and the reference, which is the model at the stage's start.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import type { DataApi } from "../../../src/protocol/datasets.ts";
import type { EngineEvent, RunRequest } from "../../../src/protocol/engine.ts";
import { beforeTasks } from "../../../src/run/beforeTasks.ts";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import type { SourceChoice } from "../../../src/run/source.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { tinyRows } from "../../support/tinyLlama.ts";
import { type Disk, mortal, newDisk } from "../storage/backend.ts";
import { leftBy, openTab } from "./tab.ts";

const timeout = 300_000;
const pairs = Array.from({ length: 14 }, (_, i) => ({
  prompt: `Count to ${i % 5}.`,
  chosen: `${i}.`,
  rejected: `Of course, here is a long way to ${i}.`,
}));

function threeStages(method: Recipe["method"]): Recipe {
  const base = recipeWith(defaultRecipe(method), {
    template: { kind: "built-in", name: "hone" },
    batchSize: 4,
    accumulation: 2,
    maxLength: 96,
    validationShare: 0.2,
    evaluateEvery: 3,
    checkpointEvery: 2,
    samplePrompts: 1,
    seed: 11,
  });
  const stage = { ...lastStage(base), warmupRatio: 0, steps: 4, learningRate: 5e-3 };
  return {
    ...base,
    stages: [
      { ...stage, objective: "text" },
      { ...stage, objective: "chat" },
      {
        ...stage,
        objective: "preference",
        preference: { loss: "dpo", beta: 0.5, labelSmoothing: 0, gamma: 0, chosenWeight: 1, rejectedWeight: 1 },
        steps: 5,
        learningRate: 2e-3,
      },
    ],
  };
}
const begin = 8;

let data: DataApi;
let sources: readonly SourceChoice[];

/** A tab over a disk, and what it needs to start a run. */
async function tabWith(disk: Disk, onEvent?: (event: EngineEvent) => void) {
  const { engine, hash } = await openTab(disk, data, onEvent);
  const request = (recipe: Recipe): RunRequest => ({ name: "three", modelHash: hash, sources, recipe });
  return { engine, request };
}

beforeAll(async () => {
  data = createDatasetService(await openStorage(), () => undefined).during("");
  const passages = Array.from({ length: 20 }, (_, i) => ({ text: `The fox of house ${i} runs, and the fox sleeps.` }));
  sources = [
    await takeIn(data, passages, "passages.json"),
    await takeIn(data, tinyRows()),
    await takeIn(data, pairs, "answers.json"),
  ];
}, timeout);

describe.each(["lora", "full"] as const)("three stages, %s", (method) => {
  const recipe = threeStages(method);

  test("margins start at 0, grow, and the reference is that of the stage's start", { timeout }, async () => {
    const disk = newDisk();
    const { engine, request } = await tabWith(disk);
    const run = await engine.startRun(request(recipe));
    expect([run.status, run.reason, run.totalSteps]).toEqual(["finished", null, begin + 5]);
    expect(run.stages.map(({ objective, steps }) => [objective, steps])).toEqual([
      ["text", 4],
      ["chat", 4],
      ["preference", 5],
    ]);
    const { metrics, evaluations, tensors } = await leftBy(disk, engine, run);
    for (const { step, preference } of metrics) expect([step, preference !== undefined]).toEqual([step, step > begin]);
    // Sums of some hundred nats in float32, in batches of different shapes.
    const first = metrics[begin];
    expect(first?.preference?.margin).toBeCloseTo(0, 4);
    expect(first?.loss).toBeCloseTo(Math.LN2, 4);
    const last = metrics.at(-1);
    expect(last?.preference?.margin).toBeGreaterThan(0.05);
    expect(last?.loss).toBeLessThan(Math.LN2);
    const held = evaluations.filter(({ step }) => step >= begin).map(({ preference }) => preference?.margin);
    expect(held[0]).toBeCloseTo(0, 4);
    expect(held.at(-1)).toBeGreaterThan(0);

    await expect(engine.exportHandOver(run.id, null)).rejects.toThrow("Stage 3 trains on preferences, but the scripts");
    // Its mean over the chosen and rejected answers equals that of the stage's first step and validation.
    const reference = new Float32Array((tensors["reference.2"] ?? new Uint8Array()).slice().buffer);
    expect(reference).toHaveLength(28);
    expect(reference.every((value) => value < -1)).toBe(true);
  });

  test("paused among the preferences, exported and imported elsewhere, it goes on with its reference", {
    timeout,
  }, async () => {
    const first = newDisk();
    let pause: () => unknown = () => undefined;
    const here = await tabWith(first, (event) => {
      if (event.type === "step" && event.metrics.step === begin + 2) pause();
    });
    const whole = await here.engine.startRun(here.request(recipe));
    const expected = await leftBy(first, here.engine, whole);
    pause = () => void here.engine.pauseRun();
    const paused = await here.engine.startRun(here.request(recipe));
    expect([paused.status, paused.step]).toEqual(["paused", begin + 2]);
    const { archive } = await here.engine.exportRun(paused.id);

    const second = newDisk();
    const there = await tabWith(second);
    const { record } = await there.engine.importRun(new File([await archive.arrayBuffer()], "three.zip"));
    const finished = await there.engine.resumeRun(record.id);
    expect([finished.status, finished.reason]).toEqual(["finished", null]);
    expect(await leftBy(second, there.engine, finished)).toEqual(expected);
  });

  test("killed ten times, at any stage, it ends byte for byte as without a kill", { timeout }, async () => {
    const calm = newDisk();
    const undisturbed = await tabWith(calm);
    const whole = await undisturbed.engine.startRun(undisturbed.request(recipe));
    const expected = await leftBy(calm, undisturbed.engine, whole);
    expect(Object.keys(expected.tensors)).toContain("reference.2");

    const atStep = (step: number) => (event: EngineEvent) => event.type === "step" && event.metrics.step === step;
    const atReference = (done: number) => (event: EngineEvent) =>
      event.type === "progress" && event.task === beforeTasks.reference && event.done === done;
    const atEvaluation = (step: number) => (event: EngineEvent) =>
      event.type === "evaluation" && event.metrics.step === step;
    const atCheckpoint = (step: number) => (event: EngineEvent) => event.type === "checkpoint" && event.step === step;
    /** The moment, and how many more writes reach the disk. */
    const kills: readonly (readonly [when: (event: EngineEvent) => boolean, writes: number])[] = [
      [atStep(1), 0],
      [atStep(4), 1],
      [atCheckpoint(4), 0],
      [atStep(7), 0],
      [atReference(0), 0],
      [atReference(1), 0],
      [atEvaluation(8), 1],
      [atStep(9), 0],
      [atStep(11), 0],
      [atStep(13), 2],
    ];
    const disk = newDisk();
    for (const [when, writes] of kills) {
      const tab = mortal(disk);
      let killed = false;
      const { engine, request } = await tabWith(tab.disk, (event) => {
        if (killed || !when(event)) return;
        killed = true;
        tab.dieAfter(writes);
      });
      const [begun] = await engine.listRuns();
      const running = begun ? engine.resumeRun(begun.id) : engine.startRun(request(recipe));
      await running.catch(() => undefined);
      expect([when.toString(), killed, tab.isDead()]).toEqual([when.toString(), true, true]);
    }
    const { engine } = await tabWith(disk);
    const [left] = await engine.listRuns();
    expect(left?.status).toBe("paused");
    const finished = await engine.resumeRun(left?.id ?? "");
    expect(finished.status).toBe("finished");
    expect(await leftBy(disk, engine, finished)).toEqual(expected);
  });
});
