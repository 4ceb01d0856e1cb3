/**
 * A run's settings in the words of the form: changed settings, differences between runs, and the entries to fill in
 * again.
 */

import type { ModelSummary } from "../../protocol/engine.ts";
import { bestOf } from "../../run/heldOut.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { RunRecord } from "../../run/record.ts";
import { usualLinears } from "../../run/trainFields.ts";
import { isLoss, structureOf } from "../../store/stageEntries.ts";
import { figure } from "../format.ts";
import type { Option } from "../option/option.ts";
import { optionsFor } from "../train/options.ts";
import { readRecipe } from "../train/recipe.ts";
import { runsWords, comparedWords as words } from "../words/runs.ts";
import { stagesWords } from "../words/stages.ts";
import { startWords } from "../words/tuned.ts";

interface Setting {
  readonly field: string;
  readonly label: string;
  readonly value: string;
}

function worded({ control, show }: Option<Recipe>, recipe: Recipe): string {
  const shown = show(recipe);
  if (control.kind === "list") return stagesWords.list(recipe.stages);
  const choice = control.kind === "choice" ? control.choices.find(({ value }) => value === shown)?.label : undefined;
  return choice ?? (shown === "" ? words.off : shown);
}

/** The options of recipes with up to `count` stages. */
const optionsOf = (count: number) => optionsFor(usualLinears, count);

const labelOf = ({ label, stage }: Option<Recipe>) => (stage === undefined ? label : stagesWords.field(label, stage));

/** Shown values of the options that decide which stages there are, and their defaults. */
const structureIn = ({ recipe }: RunRecord) =>
  structureOf(
    Object.fromEntries(
      optionsOf(recipe.stages.length)
        .filter(({ applies }) => applies(recipe))
        .map(({ field, show }) => [field, show(recipe)]),
    ),
  );

/**
 * The model's defaults for the method and for the run's stages; without the model, the defaults for most models.
 */
const usualOf = (run: RunRecord, model: ModelSummary | undefined) =>
  readRecipe(
    { method: run.recipe.method, entries: structureIn(run) },
    model ?? { ...run.model, contextLength: Infinity },
  ).defaults;

/** What most runs settle on where the form says "auto", which no record has. */
const plainDevice = { weights: "float32", compute: "float32", program: "whole" } as const;

/** Settings that differ from the defaults. */
export function unusualSettings(run: RunRecord, model: ModelSummary | undefined): Setting[] {
  const usual = { ...usualOf(run, model), ...plainDevice };
  const plain = readRecipe({ method: run.recipe.method, entries: {} }, model).defaults;
  return optionsOf(run.recipe.stages.length)
    .filter(({ applies }) => applies(run.recipe))
    .filter(
      (option) =>
        option.show(run.recipe) !== option.show(option.field === "stages" || isLoss(option.field) ? plain : usual),
    )
    .map((option) => ({ field: option.field, label: labelOf(option), value: worded(option, run.recipe) }));
}

export interface Difference {
  readonly field: string;
  readonly label: string;
  /** In the order of the runs. */
  readonly values: readonly string[];
}

/** Differences between these runs: model, data, method and settings. */
export function differences(runs: readonly RunRecord[]): Difference[] {
  const rows: Difference[] = [
    { field: "model", label: words.model, values: runs.map(({ model }) => `${model.name} ${model.hash.slice(0, 8)}`) },
    {
      field: "data",
      label: words.data,
      values: runs.map(({ sources }) => sources.map(words.source).join(", ")),
    },
    {
      field: "start",
      label: startWords.label,
      values: runs.map(({ start }) => (start ? `${start.name} ${start.hash.slice(0, 8)}` : startWords.base)),
    },
    { field: "method", label: words.method, values: runs.map(({ recipe }) => words[recipe.method]) },
    ...optionsOf(Math.max(...runs.map(({ recipe }) => recipe.stages.length))).map((option) => ({
      field: option.field,
      label: labelOf(option),
      values: runs.map(({ recipe }) => (option.applies(recipe) ? worded(option, recipe) : words.notUsed)),
    })),
  ];
  return rows.filter(({ values }) => new Set(values).size > 1);
}

/** The entries of the form that produce this recipe. */
export function entriesOf(run: RunRecord, model: ModelSummary | undefined): Readonly<Record<string, string>> {
  const usual = usualOf(run, model);
  const { recipe } = run;
  const { stages, ...losses } = structureIn(run);
  // A single stage on everything needs no list.
  return {
    ...(stages !== undefined && stages !== "mixed" && { stages }),
    ...losses,
    ...Object.fromEntries(
      optionsOf(recipe.stages.length)
        .filter(({ applies }) => applies(recipe))
        // Always fills in the template: its default depends on the model's tokenizer, which may load later.
        .filter((option) => option.field === "template" || option.show(recipe) !== option.show(usual))
        .map((option) => [option.field, option.show(recipe)]),
    ),
  };
}

/** The best validation of a run: loss, step, and the name of its held-out set if there are several. */
export function bestText(run: RunRecord): string {
  const best = bestOf(run);
  if (best === null) return runsWords.facts.unknown;
  const by = run.stages.length > 1 ? stagesWords.lossOn(best.set, run.stages.length) : null;
  return runsWords.facts.bestOf(figure(best.loss), best.step, by);
}
