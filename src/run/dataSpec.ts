/** What a run asks of the rows before it begins: which of them, how they become tokens, and how they are mixed. */

import type { MixtureMode } from "../batching/mixture.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { type Recipe, seedsOf } from "./recipe.ts";
import { rowSettingsOf } from "./rowFields.ts";
import { choiceOf, type SourceChoice, type WeightedSource } from "./source.ts";
import { lambdasOf, lastStage } from "./stage.ts";

/** Everything that decides what a run learns from. */
export interface DataSpec {
  readonly modelHash: string;
  readonly sources: readonly WeightedSource[];
  readonly settings: DataSettings;
  readonly mixture: MixtureMode;
  /** Of the split, for the check of leakage. */
  readonly validationShare: number;
  readonly seed: number;
}

/** The report on rows has the mixture of the last stage; that of the others is the same. */
export function dataSpecOf(modelHash: string, sources: readonly SourceChoice[], recipe: Recipe): DataSpec {
  const { mixture, ...last } = lastStage(recipe);
  const lambdas = lambdasOf(last, sources.length);
  return {
    modelHash,
    sources: sources.map((source, index) => ({ ...choiceOf(source), lambda: lambdas[index] ?? 1 })),
    settings: rowSettingsOf(recipe),
    mixture,
    validationShare: recipe.validationShare,
    seed: seedsOf(recipe).split,
  };
}
