/** The weights that a run starts from where they are not the base model's: those of another run's checkpoint. */

import type { Method } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { RunRequest } from "../protocol/engine.ts";
import type { RunStart } from "../run/origin.ts";
import type { Storage } from "../storage/storage.ts";
import { cut } from "../tensor/quote.ts";
import { methodOf } from "./prepare.ts";
import { readTrained, type TrainedTensor } from "./trained.ts";
import { createTrainedHash } from "./trainedHash.ts";

/**
 * The start of a request, with the hash of its weights; null for the base model. Throws where the chosen run has another base
 * model, method, rank, alpha or targets than the request, or no checkpoint.
 */
export async function startOf(
  storage: Storage,
  { from, modelHash, recipe }: RunRequest,
  model: ModelDefinition,
): Promise<RunStart | null> {
  if (!from) return null;
  const run = await storage.runs.get(from.runId);
  if (!run) throw new Error("The run to start from is no longer in this browser: choose another start.");
  const wrong = (what: string, theirs: string, own: string) =>
    new Error(
      `"${cut(run.name)}" has ${what} ${cut(theirs)}, but this run has ${cut(own)}: choose the same, or start from the base model.`,
    );
  if (run.model.hash !== modelHash) throw wrong("the base model", run.model.hash.slice(0, 8), modelHash.slice(0, 8));
  if (run.recipe.method !== recipe.method) throw wrong("the method", run.recipe.method, recipe.method);
  if (recipe.method === "lora") {
    const [theirs, own] = [run.recipe.lora, recipe.lora];
    if (theirs.rank !== own.rank) throw wrong("the rank", `${theirs.rank}`, `${own.rank}`);
    if (theirs.alpha !== own.alpha) throw wrong("the alpha", `${theirs.alpha}`, `${own.alpha}`);
    const [a, b] = [theirs.targets, own.targets].map((targets) => targets.toSorted().join(", ")) as [string, string];
    if (a !== b) throw wrong("the targets", a, b);
  }
  const hash = createTrainedHash();
  const choice = { model, method: methodOf(recipe), runId: run.id, checkpoint: from.checkpoint };
  const step = await readTrained(storage, choice, hash.add);
  return { runId: run.id, name: run.name, step, hash: await hash.finish() };
}

/**
 * Calls `visit` with every tensor of a start. Throws where no run in this browser has these weights any more. `visit` has got some
 * tensors before a wrong hash is found.
 */
export async function readStart(
  storage: Storage,
  { runId, name, step, hash }: RunStart,
  model: ModelDefinition,
  method: Method,
  visit: (tensor: TrainedTensor) => void | Promise<void>,
): Promise<void> {
  const found = createTrainedHash();
  const gone = (cause?: unknown) =>
    new Error(
      `This run starts from step ${step} of "${cut(name)}", whose weights are no longer in this browser: open them again, or start a new run.`,
      { cause },
    );
  // The same weights, opened again, are a run of another id.
  const { runs } = await storage.runs.list();
  const source = runs.find(({ id }) => id === runId) ?? runs.find(({ origin }) => origin?.hash === hash);
  if (!source) throw gone();
  const checkpoint = source.id === runId ? step : 0;
  const choice = { model, method, runId: source.id, checkpoint };
  await readTrained(storage, choice, async (tensor) => {
    await found.add(tensor);
    await visit(tensor);
  }).catch((error: unknown) => {
    throw gone(error);
  });
  if ((await found.finish()) !== hash) throw gone();
}
