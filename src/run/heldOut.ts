/** Held-out sets: named sets of rows that a run never trains on and whose loss it reports. */

import type { EvaluationMetrics } from "./metrics.ts";
import type { Recipe } from "./recipe.ts";
import type { RunRecord } from "./record.ts";
import { lastStage, type Objective } from "./stage.ts";

export interface HeldOutSet {
  /** Key of its loss in evaluations. */
  readonly name: string;
  /** Its rows are held out of the stages with this objective. */
  readonly objective: Objective;
}

const names: Readonly<Record<Objective, string>> = {
  mixed: "validation",
  text: "validation of text",
  chat: "validation of chats",
  preference: "validation of preferences",
};

/** The held-out set of the stages with this objective. */
export const validationOf = (objective: Objective): HeldOutSet => ({ name: names[objective], objective });

/** The loss on a set; on everything held out where the set is null or the evaluation lacks it. */
export const lossOn = ({ loss, sets }: Omit<EvaluationMetrics, "step">, set: HeldOutSet | null) =>
  (set === null ? undefined : sets[set.name]) ?? loss;

/** The set whose lowest loss makes a checkpoint the best; null is everything held out. */
export function bestSetOf(recipe: Pick<Recipe, "stages" | "bestBy">): HeldOutSet | null {
  const { stages, bestBy } = recipe;
  if (bestBy === null || bestBy === "all") return null;
  const named = stages.some(({ objective }) => objective === bestBy) && bestBy !== "last";
  return validationOf(named ? bestBy : lastStage(recipe).objective);
}

/**
 * The set whose loss decides early stopping: that of the best checkpoint; in recipes without `bestBy`, that of the last
 * stage.
 */
export const patienceSetOf = (recipe: Pick<Recipe, "stages" | "bestBy">): HeldOutSet | null =>
  recipe.bestBy === null ? validationOf(lastStage(recipe).objective) : bestSetOf(recipe);

/** The best evaluation with the loss that made it the best; the set is null where that is everything held out. */
export function bestOf({ best, recipe }: Pick<RunRecord, "best" | "recipe">) {
  if (best === null) return null;
  const named = bestSetOf(recipe);
  const set = named !== null && named.name in best.sets ? named : null;
  return { step: best.step, loss: lossOn(best, set), set };
}
