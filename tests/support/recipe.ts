/** Recipes as the form creates them, with the fields of the stages beside the others. */

import { type Forgetting, noForgetting } from "../../src/run/forgetting.ts";
import { defaultRecipe, type Recipe, recipeSettings } from "../../src/run/recipe.ts";
import { inStage, lastStage, type Stage, textFirst } from "../../src/run/stage.ts";

export interface RecipeChange
  extends Partial<Omit<Recipe, "stages" | "forgetting">>,
    Partial<Pick<Stage, "mixture" | "learningRate" | "epochs" | "steps" | "schedule" | "warmupRatio">> {
  /** One stage of text and chats, or a stage of text and then one of chats. */
  readonly stages?: "together" | "text-first";
  /** Of the stage of text in "text-first". */
  readonly textEpochs?: number;
  /** The same; null is the rate of the chats. */
  readonly textLearningRate?: number | null;
  readonly allowedRise?: number | null;
  readonly exam?: number;
  readonly examEvery?: number;
  readonly replay?: number;
}

const arranged = (recipe: Recipe, stages: RecipeChange["stages"]): Recipe => {
  if (stages === undefined) return recipe;
  return stages === "text-first"
    ? textFirst(recipe)
    : { ...recipe, stages: [{ ...lastStage(recipe), objective: "mixed" }] };
};

/** Changes settings of a recipe by name; throws for an unknown setting. Fields of a stage change every stage, or the last. */
export function recipeWith(base: Recipe, change: RecipeChange): Recipe {
  const { method, lora, template, stages, textEpochs, textLearningRate, ...fields } = change;
  const start = { ...base, ...(method && { method }), ...(lora && { lora }), ...(template && { template }) };
  const changes = new Map<string, unknown>(Object.entries(fields));
  const changed = recipeSettings
    .filter(({ field }) => changes.has(field))
    .reduce(
      (recipe, setting) => {
        const value = changes.get(setting.field);
        changes.delete(setting.field);
        return setting.with(recipe, value);
      },
      arranged(start, stages),
    );
  if (changes.size > 0) throw new Error(`No setting of a recipe is named ${[...changes.keys()].join(", ")}.`);
  return inStage(changed, changed.stages.length > 1 ? 0 : -1, {
    ...(textEpochs !== undefined && { epochs: textEpochs }),
    ...(typeof textLearningRate === "number" && { learningRate: textLearningRate }),
  });
}

/** The page's default recipe with a test's changes; tests do not write whole recipes. */
export const recipeOf = (method: Recipe["method"], change: RecipeChange = {}): Recipe =>
  recipeWith(defaultRecipe(method), change);

/** The recipe with these settings of the forgetting meter, and the defaults for the others. */
export const withForgetting = (recipe: Recipe, change: Partial<Forgetting>): Recipe => ({
  ...recipe,
  forgetting: { ...noForgetting, ...change },
});
