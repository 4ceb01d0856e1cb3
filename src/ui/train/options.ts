/** The settings of a recipe as form options. They are declared in `run/`. */

import { type Recipe, recipeSettings, settingsAt, settingsFor } from "../../run/recipe.ts";
import type { Place } from "../../run/setting.ts";
import { settingsOfStage } from "../../run/stageFields.ts";
import { forLinears, usualLinears } from "../../run/trainFields.ts";
import { type Option, optionOf } from "../option/option.ts";

/** Options of a recipe with up to `count` stages, for a model with these linear layers. */
export const optionsFor = (linears: readonly string[], count = 1): readonly Option<Recipe>[] =>
  settingsFor(count).map((setting) => optionOf(forLinears(setting, linears)));

/** Options of a recipe with one stage. */
export const recipeOptions = recipeSettings.map(optionOf);

/** Options of the stage at `index` in a recipe with several, from these groups of the form. */
export const optionsOfStage = (index: number, places: readonly Place[]): readonly Option<Recipe>[] =>
  settingsOfStage(index)
    .filter(({ place }) => places.includes(place))
    .map(optionOf);

/** Options of one group of the form. */
export const optionsAt = (place: Place, linears = usualLinears): readonly Option<Recipe>[] =>
  settingsAt(place).map((setting) => optionOf(forLinears(setting, linears)));

/** The option of a field. Throws where no setting has the name. */
export function optionNamed(field: string): Option<Recipe> {
  const found = recipeOptions.find((option) => option.field === field);
  if (!found) throw new Error(`No setting of a recipe is named ${field}.`);
  return found;
}
