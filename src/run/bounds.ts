/** Checks a foreign recipe against the bounds of the form. */

import { cut } from "../tensor/quote.ts";
import { deviceFields } from "./deviceFields.ts";
import { forgettingFields, generalSourcesOf } from "./forgetting.ts";
import { preferenceFields } from "./preferenceFields.ts";
import type { Recipe } from "./recipe.ts";
import { rowFields } from "./rowFields.ts";
import type { Control, Fields } from "./setting.ts";
import { mostStages, stageFields } from "./stageFields.ts";
import { loraFields, trainFields } from "./trainFields.ts";

/** Most characters of a text, for example of a template. */
const longestText = 1e6;
const mostNames = 1000;

/** The expected value of the control; null where the value is within its bounds. */
function expectedOf(control: Control, value: unknown): string | null {
  switch (control.kind) {
    case "number": {
      const { minimum, maximum, above = false, below = false, integer = false, optional = false } = control;
      if (value === null && optional) return null;
      const fits =
        typeof value === "number" &&
        (above ? value > minimum : value >= minimum) &&
        (below ? value < maximum : value <= maximum) &&
        (!integer || Number.isInteger(value));
      const from = above ? `above ${minimum}` : `from ${minimum}`;
      const to = below ? `below ${maximum}` : `to ${maximum}`;
      return fits ? null : `a ${integer ? "whole number" : "number"} ${from} ${to}`;
    }
    case "text":
      return typeof value === "string" && value.length > longestText
        ? `a text of at most ${longestText} characters`
        : null;
    case "several": {
      const names = Array.isArray(value) ? value : [];
      const fits = names.length > 0 && names.length <= mostNames && new Set(names).size === names.length;
      return fits ? null : `a list of 1 to ${mostNames} different names`;
    }
    case "choice":
    case "list":
    case "switch":
      return null;
  }
}

function problemIn<Part extends object>(place: string, fields: Fields<Part>, part: Part): string | null {
  for (const key of Object.keys(fields) as (keyof Part & string)[]) {
    const field = fields[key];
    const expected = "control" in field ? expectedOf(field.control, part[key]) : null;
    if (expected !== null) return `${place}.${key} is ${cut(String(part[key]))}, not ${expected}`;
  }
  return null;
}

/** The problem of the recipe's general text; null without one. */
function generalProblem(recipe: Recipe, sources: number): string | null {
  const general = generalSourcesOf(recipe);
  const outside = general.find((source) => source >= sources);
  if (outside !== undefined) return `recipe.forgetting.sources has source ${outside}, but the run has only ${sources}`;
  return new Set(general).size < general.length ? "recipe.forgetting.sources has a source twice" : null;
}

/** The first problem of a recipe, as the end of a sentence; null without one. The run has `sources` sources. */
export function recipeProblem(recipe: Recipe, sources: number): string | null {
  const { lora, stages, template } = recipe;
  if (template.kind === "custom" && template.source.length > longestText) {
    return `recipe.template.source is longer than ${longestText} characters`;
  }
  const long = lora.targets.find((target) => target.length > longestText / 1000);
  if (long) return `recipe.lora.targets has the name "${cut(long)}", which is too long`;
  if (stages.length > mostStages) return `recipe.stages has ${stages.length} stages, more than ${mostStages}`;
  const found =
    problemIn("recipe", rowFields, recipe) ??
    problemIn("recipe", trainFields, recipe) ??
    problemIn("recipe", deviceFields, recipe) ??
    (recipe.method === "lora" ? problemIn("recipe.lora", loraFields, lora) : null) ??
    (recipe.forgetting && problemIn("recipe.forgetting", forgettingFields, recipe.forgetting)) ??
    generalProblem(recipe, sources);
  if (found) return found;
  for (const [index, stage] of stages.entries()) {
    const place = `recipe.stages.${index}`;
    const inStage =
      problemIn(place, stageFields, stage) ??
      (stage.preference && problemIn(`${place}.preference`, preferenceFields, stage.preference));
    if (inStage) return inStage;
    const seen = new Set<number>();
    for (const { source, lambda } of stage.sources ?? []) {
      if (source >= sources || seen.has(source))
        return `${place}.sources has source ${source} twice, or the run has only ${sources}`;
      if (!(lambda > 0 && lambda <= Number.MAX_SAFE_INTEGER)) return `${place}.sources has the weight ${lambda}`;
      seen.add(source);
    }
  }
  return null;
}
