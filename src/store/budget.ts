/** The budget as a topic: memory, time and disk of the next run, as the engine measured them. */

import type { RunRequest } from "../protocol/engine.ts";
import { budgetPart } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface BudgetActions {
  /**
   * Measures the run; `key` identifies it. A later call aborts an earlier one. The last budget stays until the new
   * one.
   */
  measure(request: RunRequest, key: string): Promise<void>;
  cancel(): void;
}

/** Key of everything that changes the budget; settings without an effect on it are left out. */
export function budgetKey(request: Pick<RunRequest, "modelHash" | "sources" | "recipe">): string {
  const { modelHash, sources, recipe } = request;
  return JSON.stringify([modelHash, sources, budgetPart(recipe)]);
}

export function budgetActions(context: Context): BudgetActions {
  const { client } = context;
  let controller: AbortController | null = null;

  return {
    async measure(request, key) {
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      patch(context, "budget", { measuring: key, failure: null });
      try {
        const budget = await client.engine.budget(request, mine.signal);
        if (!mine.signal.aborted) patch(context, "budget", { budget, key });
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (!mine.signal.aborted && failure.name !== "AbortError")
          patch(context, "budget", { failure, failedKey: key });
      } finally {
        if (controller === mine) {
          controller = null;
          patch(context, "budget", { measuring: null });
          patch(context, "progress", { engine: null });
        }
      }
    },
    cancel: () => controller?.abort(),
  };
}
