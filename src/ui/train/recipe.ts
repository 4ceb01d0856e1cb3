/** From what was typed to a recipe: the method's defaults, fitted to the model (context, template), with every field that is valid. */

import type { ModelSummary } from "../../protocol/engine.ts";
import type { Recipe } from "../../run/recipe.ts";
import { usualLinears } from "../../run/trainFields.ts";
import { defaultsFor } from "../../store/recipe.ts";
import type { RecipeFacts } from "../../store/state.ts";
import type { TemplateChoice } from "../../templates/choice.ts";
import { readEntries } from "../option/option.ts";
import { optionsFor } from "./options.ts";

export interface ReadRecipe {
  readonly recipe: Recipe;
  /** What it would be if nothing had been typed. */
  readonly defaults: Recipe;
  /** The reason for each field that was refused; it has its default in the recipe. */
  readonly refusals: Readonly<Record<string, string>>;
  /** Names of the model's linear layers, which an adapter may be put on. */
  readonly linears: readonly string[];
  /** The longest row that would be usual, where this model's context is shorter and the default was lowered to it. */
  readonly lowered: number | null;
}

export function readRecipe(
  { method, entries }: Pick<RecipeFacts, "method" | "entries">,
  model: Pick<ModelSummary, "name" | "contextLength"> | undefined,
  suggested: TemplateChoice | null = null,
  linears: readonly string[] = usualLinears,
): ReadRecipe {
  const ofModel = defaultsFor(model, method);
  const plain = { ...ofModel, lora: { ...ofModel.lora, targets: linears } };
  const usual = suggested ? { ...plain, template: suggested } : plain;
  const context = model?.contextLength ?? Number.POSITIVE_INFINITY;
  const defaults = { ...usual, maxLength: Math.min(usual.maxLength, context) };
  const { settings, refusals } = readEntries(defaults, optionsFor(linears), entries);
  const tooLong = settings.maxLength > context;
  return {
    defaults,
    linears,
    recipe: tooLong ? { ...settings, maxLength: defaults.maxLength } : settings,
    refusals: tooLong
      ? { ...refusals, maxLength: `This model's context ends at ${context} tokens. Set at most ${context}.` }
      : refusals,
    lowered: defaults.maxLength < usual.maxLength && entries.maxLength === undefined ? usual.maxLength : null,
  };
}
