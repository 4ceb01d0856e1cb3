/** Budget and watch as topics, on a fake engine behind a real message channel. Oracle: what the fake engine was told to do. */

import { expect, test } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { budgetKey } from "../../../src/store/budget.ts";
import { createHone } from "../../../src/store/hone.ts";
import { watchChoice } from "../../../src/store/watching.ts";
import { fakeSource } from "../../support/fakeData.ts";
import { type FakeSettings, fakeModel, fakeWorkers } from "../../support/fakeEngine.ts";
import { type RecipeChange, recipeWith } from "../../support/recipe.ts";

const request = {
  name: "a run",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, excluded: [] }],
  recipe: recipeWith(defaultRecipe("lora"), { steps: 12 }),
};

async function started(settings: Partial<FakeSettings> = {}) {
  const hone = createHone(
    createEngineClient(fakeWorkers({ pace: 5, models: [fakeModel], sources: [fakeSource], ...settings })),
  );
  await hone.engine.start("auto");
  return { hone, facts: () => hone.store.getState().budget };
}

test("a later measuring ends an earlier one, and the last budget stays until the new one is there", async () => {
  const { hone, facts } = await started();
  await hone.budget.measure(request, "first");
  expect(facts()).toMatchObject({ key: "first", measuring: null, budget: { steps: 12 }, failure: null });
  const second = hone.budget.measure({ ...request, recipe: recipeWith(request.recipe, { steps: 20 }) }, "second");
  const third = hone.budget.measure({ ...request, recipe: recipeWith(request.recipe, { steps: 30 }) }, "third");
  expect(facts()).toMatchObject({ key: "first", measuring: "third", budget: { steps: 12 } });
  await Promise.all([second, third]);
  expect(facts()).toMatchObject({ key: "third", measuring: null, budget: { steps: 30 } });
});

test("cancelling is no failure; a failure names the run that it is of", async () => {
  const { hone, facts } = await started();
  const measuring = hone.budget.measure(request, "one");
  hone.budget.cancel();
  await measuring;
  expect(facts()).toEqual({ budget: null, key: null, measuring: null, failure: null, failedKey: null });
  const failing = await started({ failing: { budget: new RangeError("too large") } });
  await failing.hone.budget.measure(request, "two");
  expect(failing.facts()).toMatchObject({ failure: { message: "too large" }, failedKey: "two", measuring: null });
});

test("what only steers the learning needs no other budget; what changes memory or time does", () => {
  const key = (change: RecipeChange) => budgetKey({ ...request, recipe: recipeWith(request.recipe, change) });
  for (const change of [
    { learningRate: 1 },
    { seed: 7 },
    { schedule: "linear" },
    { patience: 3 },
  ] satisfies RecipeChange[]) {
    expect([change, key(change)]).toEqual([change, key({})]);
  }
  for (const change of [
    { batchSize: 8 },
    { method: "full" },
    { keepLast: 5 },
    { watchEvery: null },
    { maxLength: 64 },
    { epochs: 9, steps: null },
    { stages: "text-first" },
  ] satisfies RecipeChange[]) {
    expect([change, key(change)]).not.toEqual([change, key({})]);
  }
});

const chosen = [{ hash: "a" }, { hash: "b" }];
test.each([
  [
    { prompt: "", row: "", source: null },
    { prompt: null, place: null },
  ],
  [
    { prompt: " ", row: " ", source: "b" },
    { prompt: null, place: null },
  ],
  [
    { prompt: "Why?", row: "3", source: "b" },
    { prompt: "Why?", place: { source: 1, row: 2 } },
  ],
  [
    { prompt: "", row: "1", source: "gone" },
    { prompt: null, place: { source: 0, row: 0 } },
  ],
  [{ prompt: "", row: "0", source: null }, null],
  [{ prompt: "", row: "2.5", source: null }, null],
  [{ prompt: "", row: "last", source: null }, null],
])("watching %o", (typed, choice) => {
  expect(watchChoice(typed, chosen)).toEqual(choice);
});

test("looks of a run in training come into its record, and a checkpoint is asked for once", async () => {
  const { hone } = await started();
  hone.model.select(fakeModel.hash);
  hone.data.choose(fakeSource.hash, true);
  const saving = new Set<boolean>();
  hone.store.subscribe(({ training }) => saving.add(training.saving));
  const seen = new Set<number>();
  hone.store.subscribe(({ runs }) => seen.add(runs.list[0]?.watch?.moments.length ?? 0));
  const run = hone.training.start({ ...request.recipe, watchEvery: 4 }, "watched");
  await new Promise<void>((resolve) => {
    const stop = hone.store.subscribe(({ training }) => {
      if (training.phase !== "running") return;
      stop();
      resolve();
    });
  });
  await hone.training.save();
  await run;
  expect([...seen].filter((count) => count > 0)).toEqual([1, 2, 3, 4]);
  expect([...saving]).toEqual([false, true]);
  expect(hone.store.getState().training.saving).toBe(false);
  await hone.training.save();
  expect(hone.store.getState().training.failure?.message).toContain("No run is training");
});
