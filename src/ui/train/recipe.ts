/** Typed entries to a recipe: the defaults of method and model, with all valid entries. */

import type { ModelSummary } from "../../protocol/engine.ts";
import { withGeneral } from "../../run/forgetting.ts";
import type { Recipe } from "../../run/recipe.ts";
import { usualLinears } from "../../run/trainFields.ts";
import { defaultsFor } from "../../store/recipe.ts";
import { currentEntries, objectivesOf, structureOf } from "../../store/stageEntries.ts";
import type { RecipeFacts } from "../../store/state.ts";
import type { TemplateChoice } from "../../templates/choice.ts";
import { readEntries } from "../option/option.ts";
import { optionsFor } from "./options.ts";

type Entries = RecipeFacts["entries"];

export interface ReadRecipe {
  readonly recipe: Recipe;
  /** The entries that apply to the model. */
  readonly entries: Entries;
  /** The recipe without entries, but with the same stages. */
  readonly defaults: Recipe;
  /** Reason by refused field; the recipe has its default. */
  readonly refusals: Readonly<Record<string, string>>;
  /** Names of the model's linear layers, the possible LoRA targets. */
  readonly linears: readonly string[];
  /** The usual maximum length, where the default is lowered to the model's context; else null. */
  readonly lowered: number | null;
}

/** The entries without LoRA targets that were chosen for another model: none of them is a layer of this one. */
function entriesFor(linears: readonly string[], entries: Entries): Entries {
  const { targets, ...others } = currentEntries(entries);
  const named = targets === undefined || targets === "" || targets.split(",").some((name) => linears.includes(name));
  return named ? { ...others, ...(targets !== undefined && { targets }) } : others;
}

export function readRecipe(
  { method, entries: typed }: Pick<RecipeFacts, "method" | "entries">,
  model: (Pick<ModelSummary, "name" | "contextLength"> & { readonly parameters?: number }) | undefined,
  suggested: TemplateChoice | null = null,
  linears: readonly string[] = usualLinears,
  /** Indices of the sources of general text: some settings exist with them only. */
  general: readonly number[] = [],
): ReadRecipe {
  const entries = entriesFor(linears, typed);
  const ofModel = defaultsFor(model, method);
  const plain = { ...ofModel, lora: { ...ofModel.lora, targets: linears } };
  const usual = suggested ? { ...plain, template: suggested } : plain;
  const context = model?.contextLength ?? Number.POSITIVE_INFINITY;
  const single = withGeneral({ ...usual, maxLength: Math.min(usual.maxLength, context) }, general);
  const options = optionsFor(linears, objectivesOf(entries).length);
  const { settings: defaults } = readEntries(single, options, structureOf(entries));
  const { settings, refusals } = readEntries(single, options, entries);
  const tooLong = settings.maxLength > context;
  return {
    defaults,
    entries,
    linears,
    recipe: tooLong ? { ...settings, maxLength: defaults.maxLength } : settings,
    refusals: tooLong
      ? { ...refusals, maxLength: `This model's context ends at ${context} tokens. Set at most ${context}.` }
      : refusals,
    lowered: defaults.maxLength < usual.maxLength && entries.maxLength === undefined ? usual.maxLength : null,
  };
}

/** Fields that a run shares with the run that it starts from. */
export const startFields = ["rank", "alpha", "targets"] as const;

/** A recipe that starts from another run's weights: method and LoRA are that run's, whatever is typed. */
export function withStart(read: ReadRecipe, { method, lora }: Pick<Recipe, "method" | "lora">): ReadRecipe {
  const without = <T>(fields: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(fields).filter(([field]) => !startFields.some((own) => own === field)));
  return {
    ...read,
    recipe: { ...read.recipe, method, lora },
    entries: without(read.entries),
    refusals: without(read.refusals),
  };
}
