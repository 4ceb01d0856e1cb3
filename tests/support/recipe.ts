/** Recipes as the form creates them, with the fields of the stages beside the others. */

import { type Forgetting, noForgetting } from "../../src/run/forgetting.ts";
import { defaultRecipe, type Recipe, recipeSettings } from "../../src/run/recipe.ts";
import type { Stage } from "../../src/run/stage.ts";

export interface RecipeChange
  extends Partial<Omit<Recipe, "stages" | "forgetting">>,
    Partial<Pick<Stage, "mixture" | "learningRate" | "epochs" | "steps" | "schedule" | "warmupRatio">> {
  readonly stages?: "together" | "text-first";
  readonly textEpochs?: number;
  readonly textLearningRate?: number | null;
  readonly allowedRise?: number | null;
  readonly exam?: number;
  readonly examEvery?: number;
  readonly replay?: number;
}

/** Changes settings of a recipe by name; throws for an unknown setting. */
export function recipeWith(base: Recipe, { method, lora, template, ...fields }: RecipeChange): Recipe {
  const start: Recipe = { ...base, ...(method && { method }), ...(lora && { lora }), ...(template && { template }) };
  const changes = new Map<string, unknown>(Object.entries(fields));
  const changed = recipeSettings
    .filter(({ field }) => changes.has(field))
    .reduce((recipe, setting) => {
      const value = changes.get(setting.field);
      changes.delete(setting.field);
      return setting.with(recipe, value);
    }, start);
  if (changes.size > 0) throw new Error(`No setting of a recipe is named ${[...changes.keys()].join(", ")}.`);
  return changed;
}

/** The page's default recipe with a test's changes; tests do not write whole recipes. */
export const recipeOf = (method: Recipe["method"], change: RecipeChange = {}): Recipe =>
  recipeWith(defaultRecipe(method), change);

/** The recipe with these settings of the forgetting meter, and the defaults for the others. */
export const withForgetting = (recipe: Recipe, change: Partial<Forgetting>): Recipe => ({
  ...recipe,
  forgetting: { ...noForgetting, ...change },
});
