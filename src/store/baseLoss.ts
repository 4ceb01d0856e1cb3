/** The base model's loss as a topic: what the storage of its weights costs, as the engine measured it on the next run's rows. */

import type { RunRequest } from "../protocol/engine.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import { type Context, patch } from "./context.ts";
import { type Measurement, measurementOf } from "./measurement.ts";

/** Measures both losses. */
export type BaseLossActions = Measurement<RunRequest>;

/** Key of everything that changes the losses; null where the run stores the weights as the file has them. */
export function baseLossKey({ modelHash, sources, recipe }: RunRequest): string | null {
  const { method, weights, compute, validationShare, seed } = recipe;
  if (method === "full" || weights === "auto" || weights === "float32") return null;
  return JSON.stringify([dataSpecOf(modelHash, sources, recipe), weights, compute, validationShare, seed]);
}

/** The losses of earlier measurements stay. */
export const baseLossActions = (context: Context): BaseLossActions =>
  measurementOf<RunRequest>(context, "baseLoss", async (request, key, signal) => {
    const found = await context.client.engine.baseLoss(request, signal);
    const { results } = context.store.getState().baseLoss;
    patch(context, "baseLoss", { results: { ...results, [key]: found } });
  });
