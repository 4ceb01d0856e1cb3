/** The settings of a recipe as form options. They are declared in `run/`. */

import { type Recipe, recipeSettings, settingsAt } from "../../run/recipe.ts";
import type { Place } from "../../run/setting.ts";
import { forLinears, usualLinears } from "../../run/trainFields.ts";
import { type Option, optionOf } from "../option/option.ts";

/** Options for a model with these linear layers. */
export const optionsFor = (linears: readonly string[]): readonly Option<Recipe>[] =>
  recipeSettings.map((setting) => optionOf(forLinears(setting, linears)));

export const recipeOptions = optionsFor(usualLinears);

/** Options of one group of the form. */
export const optionsAt = (place: Place, linears = usualLinears): readonly Option<Recipe>[] =>
  settingsAt(place).map((setting) => optionOf(forLinears(setting, linears)));

/** The option of a field. Throws where no setting has the name. */
export function optionNamed(field: string): Option<Recipe> {
  const found = recipeOptions.find((option) => option.field === field);
  if (!found) throw new Error(`No setting of a recipe is named ${field}.`);
  return found;
}
