/** The loss of a base model as a run stores it beside its loss as the file has it, on the same rows, before the run starts. */

import type { Batch } from "../batching/batch.ts";
import { chooseBuckets } from "../batching/buckets.ts";
import type { BaseLoss } from "../protocol/engine.ts";
import type { Runtime } from "../runtime/types.ts";
import { evaluationBatches } from "../training/batchSource.ts";
import { nextTask } from "../training/control.ts";
import { meanLoss } from "../training/evaluate.ts";
import { createEvaluator } from "./evaluator.ts";
import type { LoadedModel } from "./library.ts";
import { weightsFit } from "./limits.ts";
import { inPrecision, type SettledRequest } from "./precision.ts";
import { inFileOrder, type Plan } from "./prepare.ts";
import type { Weights } from "./weights.ts";

/** Rows of the sample. */
const mostRows = 32;

export interface BaseLossParts extends SettledRequest {
  readonly runtime: Runtime;
  readonly weights: Weights;
  readonly plan: Pick<Plan, "training" | "validation">;
  readonly signal: AbortSignal;
  /** `task` names the storage that is measured; `done` of `total` batches. */
  readonly onProgress: (task: string, done: number, total: number) => void;
}

const names = { float32: "32 bits", float16: "16 bits", int8: "8 bits", int4: "4 bits", uint4: "4 bits" } as const;

/**
 * Measures both losses, one after the other: the device never has both copies of the weights. The copy of the run stays on the
 * device. `reference` is null where the file's own weights do not fit. Throws the signal's reason.
 */
export async function measureBaseLoss(parts: BaseLossParts): Promise<BaseLoss> {
  const { model, recipe, facts, plan, runtime } = parts;
  const rows = (plan.validation.length > 0 ? plan.validation : inFileOrder(plan.training)).slice(0, mostRows);
  const batches = evaluationBatches(rows, chooseBuckets(rows, Math.min(recipe.batchSize, 4), { repeats: false }));
  const asInFile: "float16" | "float32" = facts.in16Bits && facts.fits ? "float16" : "float32";
  const settings = { ...recipe, weights: asInFile, compute: "float32" } as const;
  const original = inPrecision(model, settings, runtime.report);
  const reference = weightsFit(original.definition, runtime.report)
    ? { weights: asInFile, loss: await lossOf(parts, original, batches, names[asInFile]) }
    : null;
  const loss = await lossOf(parts, model, batches, names[recipe.weights]);
  return { rows: rows.length, weights: recipe.weights, loss, reference };
}

async function lossOf(
  { runtime, weights, recipe, signal, onProgress }: BaseLossParts,
  model: LoadedModel,
  batches: readonly Batch[],
  bits: string,
): Promise<number> {
  const task = `Loss of the base in ${bits}`;
  onProgress(task, 0, batches.length);
  const { all: parameters, release } = await weights.base(model, signal);
  const { definition } = model;
  const { program, end } = createEvaluator({ runtime, definition, method: null, parameters, kind: recipe.program });
  try {
    let done = 0;
    const loss = await meanLoss(program, batches, async () => {
      onProgress(task, done++, batches.length);
      await nextTask();
      return signal.aborted;
    });
    signal.throwIfAborted();
    if (loss === null) throw new Error("The loss of the base was interrupted.");
    return loss;
  } finally {
    release();
    await end();
  }
}
