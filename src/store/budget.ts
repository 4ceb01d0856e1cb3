/** The budget as a topic: what the run that the page would start needs, as the engine measured it. */

import type { RunRequest } from "../protocol/engine.ts";
import { budgetPart } from "../run/recipe.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface BudgetActions {
  /** Has the engine measure the run; `key` says which one. A later call ends an earlier one; the last budget stays until then. */
  measure(request: RunRequest, key: string): Promise<void>;
  cancel(): void;
}

/** Names what a budget depends on: equal for requests that need the same. What only steers the learning is left out. */
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
