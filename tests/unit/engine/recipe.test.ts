/** Recipes that do not fit the model, refused before any row is read. Oracle: the model's config. */

import { expect, test } from "vitest";
import { checkRecipe } from "../../../src/engine/prepare.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { smallLlama } from "../../support/smallLlama.ts";

const model = { definition: smallLlama({ max_position_embeddings: 512 }) };
const recipe = defaultRecipe("lora");

test("an unknown target is refused by name, with the targets of the model", () => {
  expect(() => checkRecipe(model, recipe)).not.toThrow();
  const lora = { ...recipe.lora, targets: ["q_proj", "c_attn"] };
  expect(() => checkRecipe(model, { ...recipe, lora })).toThrow(
    /adapter on "c_attn", but this model's linear layers are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj/,
  );
  expect(() => checkRecipe(model, { ...recipe, method: "full", lora })).not.toThrow();
});

test("a length beyond the model's context is refused with both numbers", () => {
  expect(() => checkRecipe(model, { ...recipe, maxLength: 513 })).toThrow(/513 tokens, but .* holds 512/);
});
