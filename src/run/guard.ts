/** The guard against forgetting: it limits how much the loss on each general text may rise. */

import { generalSourcesOf } from "./forgetting.ts";
import { generalOf } from "./heldOut.ts";
import type { EvaluationMetrics } from "./metrics.ts";
import type { Recipe } from "./recipe.ts";

/** The loss from which the rise on a general text counts, and the step at which it was measured. */
export interface GuardBase {
  readonly step: number;
  readonly loss: number;
}

/** By the name of the held-out set. */
export type Guard = Readonly<Record<string, GuardBase>>;

/** A general text whose loss rose by more than the run allows. */
export interface Rise {
  readonly set: string;
  readonly from: GuardBase;
  readonly loss: number;
}

export interface GuardRule {
  /** In nats. */
  readonly allowedRise: number;
  /** Names of the guarded held-out sets. */
  readonly sets: readonly string[];
}

/** The rule of a run; null where the guard is off. */
export function guardRuleOf(recipe: Pick<Recipe, "forgetting">): GuardRule | null {
  const allowedRise = recipe.forgetting?.allowedRise ?? null;
  const sets = generalSourcesOf(recipe).map((source) => generalOf(source).name);
  return allowedRise === null || sets.length === 0 ? null : { allowedRise, sets };
}

/**
 * The guard after an evaluation, and the sets that rose too much. The first evaluation sets the base of each set. A set that rose
 * too much gets its present loss as base, so a resumed run may rise as much again.
 */
export function guardAfter(
  before: Guard,
  { step, sets }: Omit<EvaluationMetrics, "loss">,
  { allowedRise, sets: names }: GuardRule,
): { readonly guard: Guard; readonly risen: readonly Rise[] } {
  const guard: Record<string, GuardBase> = { ...before };
  const risen: Rise[] = [];
  for (const set of names) {
    const loss = sets[set];
    if (loss === undefined) continue;
    const from = before[set];
    if (from && loss <= from.loss + allowedRise) continue;
    if (from) risen.push({ set, from, loss });
    guard[set] = { step, loss };
  }
  return { guard, risen };
}

/** The evaluations within the guard, in order; all of them where the guard is off. */
export function withinGuard<T extends EvaluationMetrics>(
  evaluations: readonly T[],
  recipe: Pick<Recipe, "forgetting">,
): readonly T[] {
  const rule = guardRuleOf(recipe);
  if (rule === null) return evaluations;
  let guard: Guard = {};
  return evaluations.filter((found) => {
    const after = guardAfter(guard, found, rule);
    guard = after.guard;
    return after.risen.length === 0;
  });
}
