/** A run in the real engine, on wasm in Node, whose browser clears its storage meanwhile. Oracle: what storage has afterwards. */

import { expect, test, vi } from "vitest";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { disk } from "../../support/disk.ts";
import { engineHere, stepTaken, takeIn } from "../../support/engineHere.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const settings = {
  steps: 8,
  accumulation: 1,
  maxLength: 64,
  samplePrompts: 0,
  checkpointEvery: 2,
  evaluateEvery: 100,
  watchEvery: null,
} as const;

test("the run goes on, its checkpoints from then on are whole, and its record says what is gone", {
  timeout: 300_000,
}, async () => {
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const source = await takeIn(here.data, tinyRows());
  const training = engine.startRun({ name: "a run", modelHash, sources: [source], recipe: recipeOf("lora", settings) });
  await stepTaken(here, 3);
  disk.clear();
  const run = await training;
  expect(run).toMatchObject({ status: "finished", step: 8 });
  expect(run.reason).toMatch(
    /^The browser has cleared this page's storage in the meantime, so some or all earlier data is gone\. The checkpoint of step \d of run "a run" is saved\./,
  );
  expect((await engine.report()).problems).toContain(run.reason);
  // True to the letter: the model's copy is gone, the newest checkpoints are there.
  expect(await engine.listModels()).toEqual([]);
  expect((await engine.checkpointsOf(run.id)).map(({ step }) => step)).toEqual([8, 6]);
  expect((await engine.exportAdapter(run.id, null)).tensors).toBeGreaterThan(0);
});

test("everything of the run is told to be gone where no checkpoint comes after it", { timeout: 300_000 }, async () => {
  disk.put();
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const source = await takeIn(here.data, tinyRows());
  const recipe = recipeOf("lora", { ...settings, steps: 500, checkpointEvery: 1000 });
  const training = engine.startRun({ name: "a run", modelHash, sources: [source], recipe });
  await stepTaken(here, 3);
  disk.clear();
  await engine.cancelRun();
  const run = await training;
  expect(run.status).toBe("cancelled");
  // The record itself was saved anew, and nothing is claimed of what was before.
  expect(await engine.checkpointsOf(run.id)).toEqual([]);
  expect(run.reason ?? "").not.toMatch(/untouched|still there/);
});
