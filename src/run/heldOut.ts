/** Held-out sets: named sets of rows that a run never trains on and whose loss it reports. */

import { generalSourcesOf } from "./forgetting.ts";
import type { EvaluationMetrics } from "./metrics.ts";
import type { Recipe } from "./recipe.ts";
import type { RunRecord } from "./record.ts";
import { lastStage, type Objective } from "./stage.ts";

export interface HeldOutSet {
  /** Key of its loss in evaluations. */
  readonly name: string;
  /** Its rows are held out of the stages with this objective; "general": of every stage. */
  readonly objective: Objective | "general";
}

const names: Readonly<Record<Objective, string>> = {
  mixed: "validation",
  text: "validation of text",
  chat: "validation of chats",
  preference: "validation of preferences",
};

/** The held-out set of the stages with this objective. */
export const validationOf = (objective: Objective) => ({ name: names[objective], objective });

/** Name of the validation loss on the held-out rows of one source, which its stages train on. */
export const validationOfSource = (source: number) => `validation of source ${source + 1}`;

/** A source that is held out as general text. */
export const generalOf = (source: number): HeldOutSet => ({
  name: `general text of source ${source + 1}`,
  objective: "general",
});

/** All general text of a run with several such sources. */
export const allGeneral: HeldOutSet = { name: "general text", objective: "general" };

/** The set of a run's general text as a whole; null without general text. */
export function generalSetOf(recipe: Pick<Recipe, "forgetting">): HeldOutSet | null {
  const [first, ...others] = generalSourcesOf(recipe);
  if (first === undefined) return null;
  return others.length > 0 ? allGeneral : generalOf(first);
}

/** The loss on a set; on everything held out where the set is null or the evaluation lacks it. */
export const lossOn = ({ loss, sets }: Omit<EvaluationMetrics, "step">, set: HeldOutSet | null) =>
  (set === null ? undefined : sets[set.name]) ?? loss;

/** The set whose lowest loss makes a checkpoint the best; null is everything held out. */
export function bestSetOf(recipe: Pick<Recipe, "stages" | "bestBy" | "forgetting">): HeldOutSet | null {
  const general = recipe.bestBy === "general" ? generalSetOf(recipe) : null;
  return general ?? taskSetOf(recipe);
}

function taskSetOf(recipe: Pick<Recipe, "stages" | "bestBy">): HeldOutSet | null {
  const { stages, bestBy } = recipe;
  if (bestBy === null || bestBy === "all") return null;
  if (bestBy === "general") return validationOf(lastStage(recipe).objective);
  const named = stages.some(({ objective }) => objective === bestBy) && bestBy !== "last";
  return validationOf(named ? bestBy : lastStage(recipe).objective);
}

/**
 * The set whose loss decides early stopping: that of the best checkpoint; that of the last stage in recipes without `bestBy`, and
 * where general text chooses the best, because its loss seldom falls.
 */
export const patienceSetOf = (recipe: Pick<Recipe, "stages" | "bestBy">): HeldOutSet | null =>
  recipe.bestBy === null ? validationOf(lastStage(recipe).objective) : taskSetOf(recipe);

/** The best evaluation with the loss that made it the best; the set is null where that is everything held out. */
export function bestOf({ best, recipe }: Pick<RunRecord, "best" | "recipe">) {
  if (best === null) return null;
  const named = bestSetOf(recipe);
  const set = named !== null && named.name in best.sets ? named : null;
  return { step: best.step, loss: lossOn(best, set), set };
}
