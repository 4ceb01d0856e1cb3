/** How often a run goes over a source's rows, as far as it is known before the run is planned. */

import type { DataReport } from "../../data/quality/report.ts";
import type { Recipe } from "../../storage/run.ts";
import { repeatWarning } from "../../worker/client.ts";

/**
 * Epochs that the recipe trains for. Null where a number of steps is asked for and several rows share a sequence: how many
 * do is known only once the rows are packed.
 */
export function plannedEpochs(
  recipe: Pick<Recipe, "epochs" | "steps" | "batchSize" | "accumulation" | "packing" | "validationShare">,
  examples: number,
): number | null {
  const { epochs, steps, batchSize, accumulation, packing, validationShare } = recipe;
  if (steps === null) return epochs;
  const trained = examples * (1 - validationShare);
  return packing || trained < 1 ? null : (steps * batchSize * accumulation) / trained;
}

/** A sentence where the run goes over the report's source `index` too often, else null. */
export function repeatsOf(report: DataReport, index: number, recipe: Recipe): string | null {
  const source = report.sources[index];
  const epochs = plannedEpochs(recipe, report.examples);
  return source && epochs !== null ? repeatWarning(source.name, source.passes, epochs) : null;
}
