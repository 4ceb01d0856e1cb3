/** The settings of a recipe as forms have them. They are declared in `run/`. */

import { type Recipe, recipeSettings, settingsAt } from "../../run/recipe.ts";
import type { Place } from "../../run/setting.ts";
import { type Option, optionOf } from "../option/option.ts";

export const recipeOptions: readonly Option<Recipe>[] = recipeSettings.map(optionOf);

/** Those of one group of the form. */
export const optionsAt = (place: Place): readonly Option<Recipe>[] => settingsAt(place).map(optionOf);

/** Throws where no setting has the name. */
export function optionNamed(field: string): Option<Recipe> {
  const found = recipeOptions.find((option) => option.field === field);
  if (!found) throw new Error(`No setting of a recipe is named ${field}.`);
  return found;
}
