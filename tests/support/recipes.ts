/** Recipes of tests: the defaults that a person gets, and what a test needs otherwise. No test spells one out. */

import type { Recipe } from "../../src/run/recipe.ts";
import { defaultRecipe } from "../../src/store/recipe.ts";

export const recipeOf = (method: Recipe["method"], change: Partial<Recipe> = {}): Recipe => ({
  ...defaultRecipe(method),
  ...change,
});
