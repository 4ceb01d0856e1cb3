/** The whole engine on WebGPU with a made-up model: it agrees with wasm step by step, and a lost GPU costs no run. */

import { afterEach, expect, test, vi } from "vitest";
import type { SourceChoice } from "../../src/run/source.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { engineHere, type Here, takeIn } from "../support/engineHere.ts";
import { isLong } from "../support/long.ts";
import { recipeOf, recipeWith } from "../support/recipe.ts";
import { asFiles, speakingModel, tinyRows } from "../support/tinyLlama.ts";

const steps = isLong ? 8 : 4;
const recipe = recipeOf("lora", {
  lora: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] },
  learningRate: 1e-2,
  batchSize: 4,
  accumulation: 2,
  maxLength: 64,
  steps,
  evaluateEvery: 2,
  checkpointEvery: 1,
  samplePrompts: 1,
  watchEvery: null,
});

async function openTiny({ engine, data }: Here): Promise<{ modelHash: string; sources: SourceChoice[] }> {
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(speakingModel()) });
  return { modelHash, sources: [await takeIn(data, tinyRows())] };
}

afterEach(() => void vi.restoreAllMocks());

test("a run on WebGPU has the losses, norms and answers of the same run on wasm", { timeout: 600_000 }, async () => {
  const records = [];
  for (const provider of ["webgpu", "wasm"] as const) {
    const here = await engineHere(browserEntries);
    const { engine } = here;
    expect((await engine.start(provider)).provider).toBe(provider);
    const record = await engine.startRun({ ...(await openTiny(here)), name: provider, recipe });
    expect(record).toMatchObject({ status: "finished", reason: null, step: steps, provider });
    records.push({ ...record, ...(await engine.curvesOf(record.id)) });
  }
  const [gpu, cpu] = records;
  if (!gpu || !cpu) throw new Error("two runs were expected");
  gpu.steps.loss.forEach((loss, i) => {
    expect(loss / (cpu.steps.loss[i] ?? Number.NaN)).toBeCloseTo(1, 4);
    expect((gpu.steps.gradientNorm[i] ?? Number.NaN) / (cpu.steps.gradientNorm[i] ?? Number.NaN)).toBeCloseTo(1, 3);
  });
  gpu.evaluations.forEach(({ loss }, i) => {
    expect(loss / (cpu.evaluations[i]?.loss ?? Number.NaN)).toBeCloseTo(1, 4);
  });
  expect(gpu.samples).toEqual(cpu.samples);
  expect(cpu.steps.loss.at(-1)).toBeLessThan(cpu.steps.loss[0] ?? 0);
});

test("a GPU that is lost pauses the run, and the run goes on with another device", { timeout: 600_000 }, async () => {
  const devices: GPUDevice[] = [];
  const { requestDevice } = GPUAdapter.prototype;
  vi.spyOn(GPUAdapter.prototype, "requestDevice").mockImplementation(async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  });
  const told: string[] = [];
  const here = await engineHere(browserEntries);
  here.onEvent((event) => {
    if (event.type === "step" && event.metrics.step === 2 && devices.length === 1) devices[0]?.destroy();
    if (event.type === "deviceLost") told.push(event.message);
  });
  const { engine } = here;
  await engine.start("webgpu");
  const quick = recipeWith(recipe, {
    steps: 4,
    validationShare: 0,
    samplePrompts: 0,
    lora: { ...recipe.lora, targets: ["q_proj"] },
  });
  const broken = await engine.startRun({ ...(await openTiny(here)), name: "lost", recipe: quick });
  expect(broken.status).toBe("paused");
  const [saved] = await engine.checkpointsOf(broken.id);
  const from = saved ? `the checkpoint of step ${saved.step}` : "the beginning";
  expect(broken.reason).toMatch(/^The GPU was lost/);
  expect(broken.reason).toContain(`Resume starts from ${from}.`);
  expect(told).toHaveLength(1);

  const resumed = await engine.resumeRun(broken.id);
  expect(devices).toHaveLength(2);
  expect(resumed).toMatchObject({ status: "finished", reason: null, step: 4 });
  expect([...(await engine.curvesOf(resumed.id)).steps.step]).toEqual([1, 2, 3, 4]);
});
