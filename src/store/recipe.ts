/** The recipe as a topic: the defaults of each method (DOMAIN.md), and what was typed instead of them. */

import type { ModelSummary } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { isSeedling, seedlingRecipe } from "./seedling.ts";
import type { RecipeFacts } from "./state.ts";

export const linearNames: readonly string[] = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
];

/** What suits most models. */
export function defaultRecipe(method: Recipe["method"]): Recipe {
  return {
    method,
    lora: { rank: 16, alpha: 32, targets: linearNames },
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    mask: "responses",
    learningRate: method === "lora" ? 2e-4 : 2e-5,
    schedule: "cosine",
    warmupRatio: 0.03,
    epochs: 3,
    steps: null,
    batchSize: 4,
    accumulation: 4,
    maxLength: 512,
    truncation: "drop",
    packing: false,
    mixture: "weight",
    stages: "together",
    textEpochs: 1,
    textLearningRate: null,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    maxGradNorm: 1,
    validationShare: 0.1,
    evaluateEvery: 20,
    checkpointEvery: 20,
    keepLast: 2,
    patience: null,
    samplePrompts: 3,
    watchEvery: 20,
    seed: 42,
  };
}

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
