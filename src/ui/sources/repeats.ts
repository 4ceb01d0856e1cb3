/** How often a run goes over a source's rows, as far as it is known before the run is planned. */

import { repeatWarning } from "../../client/client.ts";
import type { DataReport, SourceReport } from "../../quality/report.ts";
import type { LearntKind } from "../../records/example.ts";
import type { Recipe } from "../../run/recipe.ts";

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
  if (!source) return null;
  for (const { kind, passes } of realised(source, recipe)) {
    const epochs = kind === null ? plannedEpochs(recipe, report.examples) : epochsOfStage(kind, report, recipe);
    const warning = epochs === null ? null : repeatWarning(source.name, passes, epochs);
    if (warning) return warning;
  }
  return null;
}

/** Epochs of one stage; a number of steps is that of the chats. */
function epochsOfStage(kind: LearntKind, { sources }: DataReport, recipe: Recipe): number | null {
  if (kind === "text") return recipe.textEpochs;
  const trained = sources.reduce((sum, { byKind }) => sum + byKind.chat.training, 0);
  return plannedEpochs({ ...recipe, validationShare: 0 }, trained);
}

/** A source's share of what is learnt and the passes over it in an epoch: of the whole run, or of each stage that it is in. */
export function realised(
  source: SourceReport,
  { stages }: Pick<Recipe, "stages">,
): { readonly kind: LearntKind | null; readonly share: number; readonly passes: number }[] {
  if (stages === "together") return [{ kind: null, share: source.realisedShare, passes: source.passes }];
  return (["text", "chat"] as const).flatMap((kind) => {
    const { training, realisedShare, passes } = source.byKind[kind];
    return training > 0 ? [{ kind, share: realisedShare, passes }] : [];
  });
}
