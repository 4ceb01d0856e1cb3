/** The recipe as a topic: the defaults of a model, and what was typed instead of them. */

import type { ModelSummary } from "../protocol/engine.ts";
import { defaultRecipe, type Recipe } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingRecipe } from "./seedling.ts";
import type { RecipeFacts } from "./state.ts";

/** What a person gets who changes nothing: what suits most models, or what was measured for this one. */
export function defaultsFor(model: Pick<ModelSummary, "name"> | undefined, method: Recipe["method"]): Recipe {
  const usual = defaultRecipe(method);
  return model && isSeedling(model) ? seedlingRecipe(usual) : usual;
}

export interface RecipeActions {
  name(name: string): void;
  method(method: Recipe["method"]): void;
  /** Notes what was typed into a field, valid or not. */
  enter(field: string, text: string): void;
  /** Fills the whole form in. */
  fill(form: RecipeFacts): void;
  /** Every field back to its default. */
  reset(): void;
}

export function recipeActions(context: Context): RecipeActions {
  return {
    name: (name) => patch(context, "recipe", { name }),
    method: (method) => patch(context, "recipe", { method }),
    enter(field, text) {
      const { entries } = context.store.getState().recipe;
      patch(context, "recipe", { entries: { ...entries, [field]: text } });
    },
    fill: (form) => patch(context, "recipe", form),
    reset: () => patch(context, "recipe", { entries: {} }),
  };
}
