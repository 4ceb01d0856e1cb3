/** The base model's loss as a topic: what the storage of its weights costs, as the engine measured it on the next run's rows. */

import type { RunRequest } from "../protocol/engine.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface BaseLossActions {
  /** Measures both losses; a later call aborts an earlier one. */
  measure(request: RunRequest, key: string): Promise<void>;
  cancel(): void;
}

/** Key of everything that changes the losses; null where the run stores the weights as the file has them. */
export function baseLossKey({ modelHash, sources, recipe }: RunRequest): string | null {
  const { method, weights, compute, validationShare, seed } = recipe;
  if (method === "full" || weights === "auto" || weights === "float32") return null;
  return JSON.stringify([dataSpecOf(modelHash, sources, recipe), weights, compute, validationShare, seed]);
}

export function baseLossActions(context: Context): BaseLossActions {
  const { client, store } = context;
  let controller: AbortController | null = null;

  return {
    async measure(request, key) {
      controller?.abort();
      const mine = new AbortController();
      controller = mine;
      patch(context, "baseLoss", { measuring: key, failure: null });
      try {
        const found = await client.engine.baseLoss(request, mine.signal);
        const { results } = store.getState().baseLoss;
        patch(context, "baseLoss", { results: { ...results, [key]: found } });
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (!mine.signal.aborted && failure.name !== "AbortError")
          patch(context, "baseLoss", { failure, failedKey: key });
      } finally {
        if (controller === mine) {
          controller = null;
          patch(context, "baseLoss", { measuring: null });
          patch(context, "progress", { engine: null });
        }
      }
    },
    cancel: () => controller?.abort(),
  };
}
