/** The recipe: everything a person chooses of a run. Each field is declared once, in the part that it belongs to. */

import * as v from "valibot";
import type { DataSettings } from "../quality/tokenize.ts";
import { rowFields, rowSettings } from "./rowFields.ts";
import { both, type Fields, initialOf, type Method, type Place, type Setting, schemaOf } from "./setting.ts";
import type { Stage } from "./stage.ts";
import { stageFields, stageSettings } from "./stageFields.ts";
import {
  type LoraRecipe,
  loraFields,
  loraSettings,
  type TrainSettings,
  trainFields,
  trainSettings,
} from "./trainFields.ts";

export interface Recipe extends DataSettings, TrainSettings {
  readonly method: Method;
  /** Used when `method` is "lora". */
  readonly lora: LoraRecipe;
  /** In their order; at least one. */
  readonly stages: readonly Stage[];
}

const recipeFields: Fields<Recipe> = {
  method: { schema: v.picklist(["lora", "full"]), initial: { lora: "lora", full: "full" } },
  lora: { schema: schemaOf(loraFields), initial: both(initialOf(loraFields, "lora")) },
  ...rowFields,
  ...trainFields,
  stages: {
    schema: v.pipe(v.array(schemaOf(stageFields)), v.minLength(1)),
    initial: { lora: [initialOf(stageFields, "lora")], full: [initialOf(stageFields, "full")] },
  },
};

export const RecipeSchema = schemaOf(recipeFields);

/** What suits most models (DOMAIN.md). */
export const defaultRecipe = (method: Method): Recipe => initialOf(recipeFields, method);

const placed = [...rowSettings, ...loraSettings, ...stageSettings, ...trainSettings];

/** The settings of one group of the form. */
export const settingsAt = (place: Place): Setting[] => placed.filter((setting) => setting.place === place);

/** Every setting in the order in which a form is read: a later one may depend on an earlier one. */
export const recipeSettings: readonly Setting[] = (
  ["template", "data", "stages", "basic", "text stage", "adapter", "more"] as const
).flatMap(settingsAt);

/** The recipe with defaults wherever a change needs no other budget: what only steers the learning. */
export function budgetPart(recipe: Recipe): Recipe {
  const usual = defaultRecipe(recipe.method);
  return recipeSettings
    .filter(({ affects }) => !affects.includes("budget"))
    .reduce((part, setting) => setting.with(part, setting.value(usual)), recipe);
}

/** The seeds of a run's parts, apart from each other. */
export function seedsOf({ seed, stages }: Pick<Recipe, "seed" | "stages">) {
  return {
    split: seed,
    adapter: seed + 2,
    /** Of the order of each stage; the last one's is that of a run in one stage. */
    stages: stages.map((_, index) => (index === stages.length - 1 ? seed + 1 : seed + 3 + index)),
  };
}
