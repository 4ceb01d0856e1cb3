/** How often a run goes over a source's rows, as far as it is known before the run is planned. */

import { repeatWarning } from "../../client/client.ts";
import type { DataReport, SourceReport } from "../../quality/report.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { Stage } from "../../run/stage.ts";
import { rowsOf } from "../train/stages.ts";

/**
 * Epochs that a stage trains for on so many rows. Null where a number of steps is asked for and several rows share a sequence:
 * how many do is known only once the rows are packed.
 */
export function plannedEpochs(
  { epochs, steps }: Pick<Stage, "epochs" | "steps">,
  { batchSize, accumulation, packing }: Pick<Recipe, "batchSize" | "accumulation" | "packing">,
  rows: number,
): number | null {
  if (steps === null) return epochs;
  return packing || rows < 1 ? null : (steps * batchSize * accumulation) / rows;
}

/** A sentence where the run goes over the report's source `index` too often, else null. */
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

/** Of a run in one stage, about as many as the share that is held out leaves. */
function trainedRows(stage: Stage, report: DataReport, { validationShare }: Recipe): number {
  return stage.objective === "mixed" ? report.examples * (1 - validationShare) : rowsOf(stage, report);
}

/** A source's share of what is learnt and the passes over it in an epoch, of each stage that it is in. */
export function realised(
  source: SourceReport,
  { stages }: Pick<Recipe, "stages">,
): { readonly stage: Stage; readonly share: number; readonly passes: number }[] {
  return stages.flatMap((stage) => {
    if (stage.objective === "mixed") return [{ stage, share: source.realisedShare, passes: source.passes }];
    const { training, realisedShare, passes } = source.byKind[stage.objective];
    return training > 0 ? [{ stage, share: realisedShare, passes }] : [];
  });
}
