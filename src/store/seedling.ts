/** Seedling, the small model that comes with the page, its demo data, and the settings that were measured for them. */

import type { ModelSource, ModelSummary } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import { inEveryStage } from "../run/stage.ts";

const seedlingName = "Seedling";

/** Those of public/models/seedling that a model is made of. */
const files = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

/** Names of files in public/samples. */
export const demoData = "small-world.jsonl";
export const demoExam: readonly string[] = ["small-world-exam.jsonl", "small-world-text.jsonl"];

/** Beside the page, wherever that lies. */
export function seedlingSource(): ModelSource {
  return { kind: "url", base: new URL("models/seedling/", document.baseURI).href, name: seedlingName, files };
}

/** By its name: a later version with other weights has the same defaults. */
export function isSeedling({ name }: Pick<ModelSummary, "name">): boolean {
  return name.toLowerCase() === seedlingName.toLowerCase();
}

/**
 * What suits it, measured (docs/log.md): a model of so few numbers wants larger steps than the usual range has. Of the settings
 * that answer nine in ten questions about entities never asked for, this rank and rate forget least.
 */
export function seedlingRecipe(usual: Recipe): Recipe {
  const isLora = usual.method === "lora";
  const small = {
    ...usual,
    batchSize: 4,
    accumulation: 1,
    ...(isLora && { lora: { ...usual.lora, rank: 8, alpha: 16 } }),
  };
  return inEveryStage(small, { epochs: 4, learningRate: isLora ? 2e-3 : 2e-4 });
}
