/** The data of a run before it begins: the chosen rows, their tokenization and their mixture. */

import type { MixtureMode } from "../batching/mixture.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { generalSourcesOf } from "./forgetting.ts";
import { type Recipe, seedsOf } from "./recipe.ts";
import { rowSettingsOf } from "./rowFields.ts";
import { choiceOf, type SourceChoice, type WeightedSource } from "./source.ts";
import { lambdasOf, lastStage } from "./stage.ts";

/** Everything that determines the training and held-out data of a run. */
export interface DataSpec {
  readonly modelHash: string;
  readonly sources: readonly WeightedSource[];
  readonly settings: DataSettings;
  /** Whether a stage trains on preferences; otherwise their rows are left out, and missing means so. */
  readonly preferences?: boolean;
  readonly mixture: MixtureMode;
  /** Share of the split, for the leakage check. */
  readonly validationShare: number;
  readonly seed: number;
  /** Indices of the sources that are held out as general text; missing without one. */
  readonly general?: readonly number[];
}

/** The data of a recipe. Its mixture is that of the last stage, because all stages share one mixture. */
export function dataSpecOf(modelHash: string, sources: readonly SourceChoice[], recipe: Recipe): DataSpec {
  const { mixture, ...last } = lastStage(recipe);
  const lambdas = lambdasOf(last, sources.length);
  return {
    modelHash,
    sources: sources.map((source, index) => ({ ...choiceOf(source), lambda: lambdas[index] ?? 1 })),
    settings: rowSettingsOf(recipe),
    ...(recipe.stages.some(({ objective }) => objective === "preference") && { preferences: true }),
    mixture,
    validationShare: recipe.validationShare,
    seed: seedsOf(recipe).split,
    ...(generalSourcesOf(recipe).length > 0 && { general: generalSourcesOf(recipe) }),
  };
}
