/** How often a run goes over a source. Oracle: counted by hand. */

import { expect, test } from "vitest";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { plannedEpochs } from "../../../src/ui/sources/repeats.ts";
import { type RecipeChange, recipeWith } from "../../support/recipe.ts";

const recipe = recipeWith(defaultRecipe("lora"), { epochs: 3, batchSize: 4, accumulation: 2 });

test.each<[string, RecipeChange, number, number | null]>([
  ["as many as are asked for", {}, 40, 3],
  ["with packing too", { packing: true }, 40, 3],
  ["20 steps of 8 rows over the 40 that are trained on", { steps: 20 }, 40, 4],
  ["of a few rows, many", { steps: 20 }, 5, 32],
  ["not known of steps with packing", { steps: 20, packing: true }, 40, null],
  ["not known without a row", { steps: 20 }, 0, null],
])("epochs: %s", (_, change, rows, epochs) => {
  const changed = recipeWith(recipe, change);
  expect(plannedEpochs(lastStage(changed), changed, rows)).toBe(epochs);
});
