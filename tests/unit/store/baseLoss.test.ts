/** The base's loss and the offered settings as topics, on the real engine in Node. Oracle: the engine's own calls. */

import { expect, test, vi } from "vitest";
import type { RunRequest } from "../../../src/protocol/engine.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { baseLossKey } from "../../../src/store/baseLoss.ts";
import { readRecipe } from "../../../src/ui/train/recipe.ts";
import { keepBasics } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";
import { type RecipeChange, recipeOf } from "../../support/recipe.ts";
import { refuse } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const kept = eachOnADisk(keepBasics);

const requestOf = (change: RecipeChange = {}): RunRequest => ({
  name: "a run",
  modelHash: kept().model.hash,
  sources: [wholeSource(kept().source.hash)],
  recipe: recipeOf("lora", { maxLength: 64, samplePrompts: 0, weights: "float16", ...change }),
});

test("results stay by their settings; cancelling is no failure, and a failure names its settings", async () => {
  const { hone, facts } = await openHone();
  const request = requestOf();
  await hone.baseLoss.measure(request, "half");
  const found = facts().baseLoss.results.half;
  expect(found).toMatchObject({ weights: "float16", reference: { weights: "float32" } });
  expect(Math.abs((found?.loss ?? 0) - (found?.reference?.loss ?? 9))).toBeLessThan(0.01);
  const cancelled = hone.baseLoss.measure(requestOf({ weights: "int8" }), "bytes");
  hone.baseLoss.cancel();
  await cancelled;
  expect(facts().baseLoss).toEqual({ results: { half: found }, measuring: null, failure: null, failedKey: null });

  const failing = await openHone({ engine: () => ({ baseLoss: refuse("no memory") }) });
  await failing.hone.baseLoss.measure(request, "half");
  expect(failing.facts().baseLoss).toMatchObject({ failure: { message: "no memory" }, failedKey: "half", results: {} });
});

test("what changes the losses needs another result; what only steers the learning does not", () => {
  const key = (change: RecipeChange) => baseLossKey(requestOf(change));
  for (const change of [{ learningRate: 1 }, { batchSize: 8 }, { keepLast: 5 }, { program: "layers" }] as const) {
    expect([change, key(change)]).toEqual([change, key({})]);
  }
  for (const change of [{ weights: "int4" }, { seed: 7 }, { validationShare: 0.5 }, { maxLength: 32 }] as const) {
    expect([change, key(change)]).not.toEqual([change, key({})]);
  }
  for (const change of [{ weights: "auto" }, { weights: "float32" }, { method: "full" }] as const) {
    expect([change, key(change)]).toEqual([change, null]);
  }
});

test("offered settings become entries that read back to them; the other entries stay", async () => {
  const { hone, facts } = await openHone();
  hone.recipe.enter("learningRate", "1e-3");
  hone.recipe.enter("batchSize", "64");
  hone.recipe.apply({
    method: "lora",
    weights: "int4",
    program: "smallest",
    batchSize: 2,
    accumulation: 8,
    maxLength: 256,
  });
  const { recipe, refusals } = readRecipe(facts().recipe, undefined);
  expect(refusals).toEqual({});
  expect(recipe).toMatchObject({ method: "lora", weights: "int4", program: "smallest", batchSize: 2, accumulation: 8 });
  expect([recipe.maxLength, recipe.stages[0]?.learningRate]).toEqual([256, 1e-3]);
});
