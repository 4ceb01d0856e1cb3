/** The recipe as a topic: the defaults of a model, and the typed entries. */

import type { RecipeChange } from "../protocol/engine.ts";
import { defaultRecipe, type Recipe } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingRecipe } from "./seedling.ts";
import { isLoss, withLossEntry } from "./stageEntries.ts";
import type { RecipeFacts } from "./state.ts";

/** From this size an answer takes seconds, and the snapshots show one anyway. */
const largeModel = 50e6;

/** The defaults: general ones, those measured for this model, or without sample prompts for a large one. */
export function defaultsFor(
  model: { readonly name: string; readonly parameters?: number } | undefined,
  method: Recipe["method"],
): Recipe {
  const usual = defaultRecipe(method);
  if (model && isSeedling(model)) return seedlingRecipe(usual);
  return (model?.parameters ?? 0) >= largeModel ? { ...usual, samplePrompts: 0 } : usual;
}

export interface RecipeActions {
  name(name: string): void;
  method(method: Recipe["method"]): void;
  /** Stores the text of a field, valid or not. Another preference loss brings its usual settings and rate. */
  enter(field: string, text: string): void;
  /** Replaces all entries. */
  fill(form: RecipeFacts): void;
  /** Enters these settings; the others stay. */
  apply(change: RecipeChange): void;
  /** Resets every field to its default; every source is then in the one stage. */
  reset(): void;
}

export function recipeActions(context: Context): RecipeActions {
  return {
    name: (name) => patch(context, "recipe", { name }),
    method: (method) => patch(context, "recipe", { method }),
    enter(field, text) {
      const { entries } = context.store.getState().recipe;
      const changed = isLoss(field) ? withLossEntry(entries, field, text) : { ...entries, [field]: text };
      patch(context, "recipe", { entries: changed });
    },
    apply({ method, ...fields }) {
      const { recipe } = context.store.getState();
      const texts = Object.entries(fields).map(([field, value]) => [field, String(value)] as const);
      patch(context, "recipe", {
        method: method ?? recipe.method,
        entries: { ...recipe.entries, ...Object.fromEntries(texts) },
      });
    },
    fill: (form) => patch(context, "recipe", form),
    reset() {
      patch(context, "recipe", { entries: {} });
      const { chosen } = context.store.getState().data;
      if (chosen.some(({ stages }) => stages))
        patch(context, "data", { chosen: chosen.map(({ stages: _, ...source }) => source) });
    },
  };
}
