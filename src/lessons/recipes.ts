/** Changes of the page's recipe for Seedling that lessons share. */

import type { Recipe } from "../run/recipe.ts";
import { inEveryStage, lastStage, type Stage } from "../run/stage.ts";
import type { Training } from "./lesson.ts";

/** Short enough that nine runs take less than two minutes on two cores. */
const lessonSteps = 80;

/** One stage on the first file, `steps` long, with nothing beside the steps. */
export function brief(usual: Recipe, steps = lessonSteps): Recipe {
  return inEveryStage(
    {
      ...usual,
      maxLength: 128,
      validationShare: 0,
      samplePrompts: 0,
      watchEvery: null,
      checkpointEvery: 10_000,
      batchSize: 8,
      accumulation: 1,
    },
    { steps, sources: null },
  );
}

/** Trains on one file with a change of the brief recipe. */
export const trainingOn = (file: string, change: (recipe: Recipe) => Recipe = (recipe) => recipe): Training => ({
  data: [file],
  recipe: (usual) => change(brief(usual)),
});

/** A stage on one of the sources, like the last one of the recipe but for `change`. */
export const stageOn = (recipe: Recipe, source: number, change: Partial<Stage>): Stage => ({
  ...lastStage(recipe),
  ...change,
  sources: [{ source, lambda: 1 }],
});
