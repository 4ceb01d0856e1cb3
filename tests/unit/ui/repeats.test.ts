/** How often a run goes over a source. Oracle: counted by hand. */

import { expect, test } from "vitest";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { plannedEpochs } from "../../../src/ui/sources/repeats.ts";

const recipe = { ...defaultRecipe("lora"), epochs: 3, batchSize: 4, accumulation: 2, validationShare: 0.2 };

test.each<[string, Partial<typeof recipe>, number, number | null]>([
  ["as many as are asked for", {}, 50, 3],
  ["with packing too", { packing: true }, 50, 3],
  ["20 steps of 8 rows over the 40 that are trained on", { steps: 20 }, 50, 4],
  ["of a few rows, many", { steps: 20, validationShare: 0 }, 5, 32],
  ["not known of steps with packing", { steps: 20, packing: true }, 50, null],
  ["not known without a row", { steps: 20 }, 0, null],
])("epochs: %s", (_, change, examples, epochs) => {
  expect(plannedEpochs({ ...recipe, ...change }, examples)).toBe(epochs);
});
