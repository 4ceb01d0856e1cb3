/** The recipe: all choices of a run. Each field is declared once, in its part. */

import * as v from "valibot";
import { usualPreference } from "../batching/preference.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { type DeviceSettings, deviceFields, deviceSettings } from "./deviceFields.ts";
import { type Forgetting, forgettingFields, forgettingSettings, noForgetting } from "./forgetting.ts";
import { rowFields, rowSettings } from "./rowFields.ts";
import { both, type Fields, initialOf, type Method, type Place, type Setting, schemaOf } from "./setting.ts";
import type { Stage } from "./stage.ts";
import { settingsOfStage, stageFields, stageSettings } from "./stageFields.ts";
import {
  type LoraRecipe,
  loraFields,
  loraSettings,
  type TrainSettings,
  trainFields,
  trainSettings,
} from "./trainFields.ts";

export interface Recipe extends DataSettings, TrainSettings, DeviceSettings {
  readonly method: Method;
  /** Applies when `method` is "lora". */
  readonly lora: LoraRecipe;
  /** In order of training; at least one. */
  readonly stages: readonly Stage[];
  /** Null in recipes from before this field: neither general text nor an exam, and no loss of each source. */
  readonly forgetting: Forgetting | null;
}

const recipeFields: Fields<Recipe> = {
  method: { schema: v.picklist(["lora", "full"]), initial: { lora: "lora", full: "full" } },
  lora: { schema: schemaOf(loraFields), initial: both(initialOf(loraFields, "lora")) },
  ...rowFields,
  ...trainFields,
  ...deviceFields,
  stages: {
    schema: v.pipe(v.array(schemaOf(stageFields)), v.minLength(1)),
    initial: { lora: [initialOf(stageFields, "lora")], full: [initialOf(stageFields, "full")] },
  },
  forgetting: { schema: v.optional(v.nullable(schemaOf(forgettingFields)), null), initial: both(noForgetting) },
};

export const RecipeSchema = schemaOf(recipeFields);

/** Defaults that suit most models. */
export const defaultRecipe = (method: Method): Recipe => initialOf(recipeFields, method);

const placed = [
  ...rowSettings,
  ...loraSettings,
  ...stageSettings,
  ...deviceSettings,
  ...forgettingSettings,
  ...trainSettings,
];

/** The settings of one group of the form. */
export const settingsAt = (place: Place): Setting[] => placed.filter((setting) => setting.place === place);

/**
 * Every setting of a recipe with one stage, in the order of the form: a later one may depend on an earlier one. In a recipe
 * with several stages those of a stage do not apply, and `settingsOf` adds each stage's own.
 */
export const recipeSettings: readonly Setting[] = (
  ["template", "stages", "data", "basic", "adapter", "forgetting", "more"] as const
).flatMap(settingsAt);

const listSettings: Setting[][] = [];

/** Every setting of a recipe with `count` stages or fewer, in the order of the form. */
export function settingsFor(count: number): readonly Setting[] {
  if (count < 2) return recipeSettings;
  const stages = Array.from({ length: count }, (_, index) => {
    listSettings[index] ??= settingsOfStage(index);
    return listSettings[index];
  });
  return [...recipeSettings, ...stages.flat()];
}

/** The recipe with defaults for all settings that do not affect the budget. */
export function budgetPart(recipe: Recipe): Recipe {
  const usual = defaultRecipe(recipe.method);
  const part = recipeSettings
    .filter(({ affects }) => !affects.includes("budget"))
    .reduce((part, setting) => setting.with(part, setting.value(usual)), recipe);
  // The defaults have no preferences: of these the loss alone counts.
  const stages = part.stages.map(
    (stage): Stage => ({ ...stage, preference: stage.preference && usualPreference[stage.preference.loss] }),
  );
  return { ...part, stages };
}

/** Distinct seeds for the parts of a run. */
export function seedsOf({ seed, stages }: Pick<Recipe, "seed" | "stages">) {
  return {
    split: seed,
    adapter: seed + 2,
    /** For the choice of general text and of exam questions. */
    forgetting: seed + 1009,
    /** For the order of each stage; the last stage has the seed of a run in one stage. */
    stages: stages.map((_, index) => (index === stages.length - 1 ? seed + 1 : seed + 3 + index)),
  };
}
