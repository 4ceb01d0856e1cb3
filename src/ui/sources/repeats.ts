/** Passes over the rows of a source, estimated before the run. */

import { repeatWarning } from "../../client/client.ts";
import type { DataReport, SourceReport } from "../../quality/report.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { Stage } from "../../run/stage.ts";
import { rowsOf } from "../train/stages.ts";

/** Epochs of a stage on so many rows. Null with fixed steps and packing: the rows per sequence are not known yet. */
export function plannedEpochs(
  { epochs, steps }: Pick<Stage, "epochs" | "steps">,
  { batchSize, accumulation, packing }: Pick<Recipe, "batchSize" | "accumulation" | "packing">,
  rows: number,
): number | null {
  if (steps === null) return epochs;
  return packing || rows < 1 ? null : (steps * batchSize * accumulation) / rows;
}

/** A warning if the run repeats source `index` of the report too often, else null. */
export function repeatsOf(report: DataReport, index: number, recipe: Recipe): string | null {
  const source = report.sources[index];
  if (!source) return null;
  for (const { stage, passes } of realised(source, recipe)) {
    const epochs = plannedEpochs(stage, recipe, trainedRows(stage, report, recipe));
    const warning = epochs === null ? null : repeatWarning(source.name, passes, epochs);
    if (warning) return warning;
  }
  return null;
}

/** A run in one stage trains on about the rows that are not held out. */
function trainedRows(stage: Stage, report: DataReport, { validationShare }: Recipe): number {
  return stage.objective === "mixed" ? report.examples * (1 - validationShare) : rowsOf(stage, report);
}

/** For each stage of a source: its share of supervised tokens, and passes per epoch. */
export function realised(
  source: SourceReport,
  { stages }: Pick<Recipe, "stages">,
): { readonly stage: Stage; readonly share: number; readonly passes: number }[] {
  return stages.flatMap((stage) => {
    const { text, chat } = source.byKind;
    const { training, realisedShare, passes } =
      stage.objective === "mixed"
        ? { ...source, training: text.training + chat.training }
        : source.byKind[stage.objective];
    return training > 0 ? [{ stage, share: realisedShare, passes }] : [];
  });
}
