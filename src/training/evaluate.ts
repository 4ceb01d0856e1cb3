/** Loss without training: of a held-out set, and of each token of one batch. */

import { type Artifact, lossSum, tokenLoss } from "../artifacts/contract.ts";
import type { Batch, BatchShape } from "../batching/batch.ts";
import type { HeldOutSet } from "../run/heldOut.ts";
import type { EvaluationMetrics } from "../run/metrics.ts";
import type { HostTensor, Runtime } from "../runtime/types.ts";
import { batchFeeds, bindTensors, perShape, scalarOf } from "./feeds.ts";
import type { ParameterTensors } from "./parameters.ts";

export interface EvaluatorParts {
  readonly runtime: Pick<Runtime, "session">;
  /** Read at each call, so that what training has changed is what is evaluated. */
  readonly parameters: ParameterTensors;
  readonly artifact: (shape: BatchShape) => Artifact;
}

export interface Evaluator {
  /**
   * Σ w·CE / max(Σ w, 1) over all batches: sums first, one division. `interrupted` is asked before each batch; null when
   * it said so. Not finite when the model's numbers are not.
   */
  loss(batches: readonly Batch[], interrupted: () => Promise<boolean>): Promise<number | null>;
  /** Weighted loss of each of the batch's N supervised positions, in the order of `supervisedIndex`; 0 for padding. */
  tokenLosses(batch: Batch): Promise<Float32Array>;
}

export function createEvaluator({ runtime, parameters, artifact }: EvaluatorParts): Evaluator {
  const evalArtifact = perShape(artifact);

  async function run(batch: Batch): Promise<Record<string, HostTensor>> {
    const compiled = evalArtifact(batch.shape);
    const session = await runtime.session(compiled);
    return session.run({ ...bindTensors(compiled, parameters).inputs, ...batchFeeds(batch) });
  }

  return {
    async loss(batches, interrupted) {
      let sum = 0;
      let weightSum = 0;
      for (const batch of batches) {
        if (await interrupted()) return null;
        if (batch.weightSum === 0) continue;
        sum += scalarOf(await run(batch), lossSum);
        weightSum += batch.weightSum;
      }
      return sum / Math.max(weightSum, 1);
    },

    async tokenLosses(batch) {
      const losses = (await run(batch))[tokenLoss]?.data;
      if (!(losses instanceof Float32Array)) throw new Error(`The eval artifact gave no float32 ${tokenLoss}.`);
      return losses;
    },
  };
}

/** The batches of each held-out set. */
export type HeldOut = readonly (HeldOutSet & { readonly batches: readonly Batch[] })[];

/** Σ w·CE / max(Σ w, 1) over all sets, and over each of them; null when `interrupted` said so. */
export async function evaluateHeldOut(
  evaluator: Pick<Evaluator, "loss">,
  heldOut: HeldOut,
  interrupted: () => Promise<boolean>,
): Promise<Omit<EvaluationMetrics, "step"> | null> {
  let sum = 0;
  let weightSum = 0;
  const sets: Record<string, number> = {};
  for (const { name, batches } of heldOut) {
    const loss = await evaluator.loss(batches, interrupted);
    if (loss === null) return null;
    sets[name] = loss;
    // To multiply and divide again would change its last digits.
    if (heldOut.length === 1) return { loss, sets };
    const weight = batches.reduce((all, batch) => all + batch.weightSum, 0);
    sum += loss * Math.max(weight, 1);
    weightSum += weight;
  }
  return { loss: sum / Math.max(weightSum, 1), sets };
}
