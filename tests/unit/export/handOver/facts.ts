/** Facts of hand-overs for tests: recipes of every kind that the configs treat otherwise. */

import type { HandOverFacts, StageFacts } from "../../../../src/export/handOver/facts.ts";
import { defaultRecipe, type Recipe } from "../../../../src/run/recipe.ts";
import { type RecipeChange, recipeWith } from "../../../support/recipe.ts";

export const base: HandOverFacts["base"] = {
  name: "SmolLM2-135M",
  id: "HuggingFaceTB/SmolLM2-135M",
  revision: "93efa2f097d58c2a74874c7e644dbc9b0cee75a2",
  modelType: "llama",
  dropouts: [],
  fanInFanOut: false,
  softCaps: false,
};

const stageOf = (stage: Recipe["stages"][number], index: number): StageFacts => ({
  ...stage,
  nth: index + 1,
  planned: stage.steps ?? 90,
  sequences: 480,
  heldOut: 53,
  form: "messages",
  reason: null,
});

export function factsWith(
  method: Recipe["method"],
  change: RecipeChange = {},
  other: Partial<HandOverFacts> = {},
): HandOverFacts {
  const recipe = recipeWith(defaultRecipe(method), change);
  const stages = recipe.stages.map(stageOf);
  return {
    name: "A run",
    recipe,
    base,
    stages,
    step: null,
    weighted: false,
    assistantOnly: true,
    template: true,
    hasStart: method === "lora",
    ...other,
  };
}

/** A name for each. */
export const kinds: Readonly<Record<string, HandOverFacts>> = {
  lora: factsWith("lora"),
  full: factsWith("full", { weightDecay: 0.1, schedule: "constant" }, { step: 40 }),
  "two stages": factsWith("lora", { stages: "text-first", textEpochs: 2, textLearningRate: 5e-5 }),
  packed: factsWith("lora", { packing: true, schedule: "linear", maxGradNorm: null }),
  stopped: factsWith("lora", { patience: 3, evaluateEvery: 15, checkpointEvery: 20, steps: 300 }),
  "without validation": {
    ...factsWith("lora", { validationShare: 0, warmupRatio: 0 }),
    stages: factsWith("lora", { warmupRatio: 0 }).stages.map((stage) => ({ ...stage, heldOut: 0 })),
  },
  quantised: factsWith("lora", { weights: "int4", lora: { rank: 4, alpha: 6.5, targets: ["q_proj"] } }),
  "GPT-2": factsWith(
    "lora",
    { mask: "everything" },
    {
      base: {
        ...base,
        id: null,
        revision: null,
        modelType: "gpt2",
        dropouts: ["attn_pdrop", "embd_pdrop"],
        fanInFanOut: true,
      },
      assistantOnly: false,
      weighted: true,
    },
  ),
  "Gemma 2": factsWith(
    "full",
    { mask: "last", truncation: "right" },
    { base: { ...base, modelType: "gemma2", softCaps: true } },
  ),
  "full from another run": factsWith("full", {}, { hasStart: true, step: 3 }),
  "without template": factsWith("lora", {}, { template: false }),
};
