/** Budget and watch as topics, on the real engine in Node. Oracle: what the engine measured and told. */

import { expect, test, vi } from "vitest";
import type { RunRequest } from "../../../src/protocol/engine.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { budgetKey } from "../../../src/store/budget.ts";
import { watchChoice } from "../../../src/store/watching.ts";
import { keepBasics } from "../../support/kept.ts";
import { eachOnADisk, openHone, until } from "../../support/openHone.ts";
import { type RecipeChange, recipeOf } from "../../support/recipe.ts";
import { refuse, type Stubs } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const kept = eachOnADisk(keepBasics);

const requestOf = (change: RecipeChange = {}): RunRequest => ({
  name: "a run",
  modelHash: kept().model.hash,
  sources: [wholeSource(kept().source.hash)],
  recipe: recipeOf("lora", { steps: 12, maxLength: 64, accumulation: 1, samplePrompts: 0, ...change }),
});

async function started(stubs: Stubs = {}) {
  const { hone, facts } = await openHone(stubs);
  return { hone, facts: () => facts().budget };
}

test("a later measuring ends an earlier one, and the last budget stays until the new one is there", async () => {
  const { hone, facts } = await started();
  await hone.budget.measure(requestOf(), "first");
  expect(facts()).toMatchObject({ key: "first", measuring: null, budget: { steps: 12 }, failure: null });
  const second = hone.budget.measure(requestOf({ steps: 20 }), "second");
  const third = hone.budget.measure(requestOf({ steps: 30 }), "third");
  expect(facts()).toMatchObject({ key: "first", measuring: "third", budget: { steps: 12 } });
  await Promise.all([second, third]);
  expect(facts()).toMatchObject({ key: "third", measuring: null, budget: { steps: 30 } });
});

test("cancelling is no failure; a failure names the run that it is of", async () => {
  const { hone, facts } = await started();
  const measuring = hone.budget.measure(requestOf(), "one");
  hone.budget.cancel();
  await measuring;
  expect(facts()).toEqual({ budget: null, key: null, measuring: null, failure: null, failedKey: null });
  const failing = await started({ engine: () => ({ budget: refuse("too large") }) });
  await failing.hone.budget.measure(requestOf(), "two");
  expect(failing.facts()).toMatchObject({ failure: { message: "too large" }, failedKey: "two", measuring: null });
});

test("what only steers the learning needs no other budget; what changes memory or time does", () => {
  const key = (change: RecipeChange) => budgetKey(requestOf(change));
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
    { maxLength: 32 },
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
  const { hone } = await openHone();
  const { model, source } = kept();
  hone.model.select(model.hash);
  hone.data.choose(source.hash, true);
  const saving = new Set<boolean>();
  hone.store.subscribe(({ training }) => saving.add(training.saving));
  const seen = new Set<number>();
  hone.store.subscribe(({ runs }) => seen.add(runs.list[0]?.watch?.moments.length ?? 0));
  const run = hone.training.start(requestOf({ watchEvery: 4, steps: 12 }).recipe, "watched");
  await until(hone, ({ training }) => training.phase === "running");
  await hone.training.save();
  await run;
  expect([...seen].filter((count) => count > 0)).toEqual([1, 2, 3, 4]);
  expect([...saving]).toEqual([false, true]);
  expect(hone.store.getState().training.saving).toBe(false);
  await hone.training.save();
  expect(hone.store.getState().training.failure?.message).toContain("No run is training");
});
