/** The budget as a topic: memory, time and disk of the next run, as the engine measured them. */

import type { RunRequest } from "../protocol/engine.ts";
import { budgetPart } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { type Measurement, measurementOf } from "./measurement.ts";

export type BudgetActions = Measurement<RunRequest>;

/** Key of everything that changes the budget; settings without an effect on it are left out. */
export function budgetKey(request: Pick<RunRequest, "modelHash" | "sources" | "recipe">): string {
  const { modelHash, sources, recipe } = request;
  return JSON.stringify([modelHash, sources, budgetPart(recipe)]);
}

/** The last budget stays until the new one. */
export const budgetActions = (context: Context): BudgetActions =>
  measurementOf<RunRequest>(context, "budget", async (request, key, signal) => {
    const budget = await context.client.engine.budget(request, signal);
    if (!signal.aborted) patch(context, "budget", { budget, key });
  });
