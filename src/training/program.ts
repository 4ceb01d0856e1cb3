/** The computation of a run: the loop calls a program for sums and updates, and does not know its sessions. */

import type { Batch, BatchShape } from "../batching/batch.ts";
import type { RestoreTensor } from "../storage/checkpoints.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";

/** The losses of a batch. */
export interface BatchLosses {
  /** Σ w·CE over the batch's supervised positions. */
  readonly lossSum: number;
  /** Cross-entropy −log P(target) of each supervised position, loss weight not applied, in the order of `supervisedIndex`. */
  readonly perToken: Float32Array;
}

/** Computes losses with the current weights. `B` is a batch of tokens, or what other artifacts take. Throws the errors of a session's run. */
export interface EvaluationProgram<B = Batch> {
  losses(batch: B): Promise<BatchLosses>;
  /** `lossSum` of `losses`. */
  lossSum(batch: B): Promise<number>;
  /** `perToken` of `losses`. */
  tokenLosses(batch: B): Promise<Float32Array>;
}

export const evaluationOf = <B>(losses: EvaluationProgram<B>["losses"]): EvaluationProgram<B> => ({
  losses,
  lossSum: async (batch) => (await losses(batch)).lossSum,
  tokenLosses: async (batch) => (await losses(batch)).perToken,
});

/** One optimizer update. */
export interface Update {
  /** t of the bias corrections 1 − βᵗ, from 1. */
  readonly t: number;
  readonly learningRate: number;
  /** Sum of the micro-batches' denominators since the last reset; gradient sums are divided by max(denominator, 1). */
  readonly denominator: number;
}

/** Computes gradients and updates of the trained parameters; it owns their accumulators and moments. */
export interface TrainingProgram<B = Batch, Shape = BatchShape> extends EvaluationProgram<B> {
  /**
   * Builds the sessions for batches of these shapes, so that the time of a step does not include that. `onProgress` receives
   * the number of sessions that are ready, and of all.
   */
  prepare(shapes: readonly Shape[], onProgress?: (done: number, total: number) => void): Promise<void>;
  /** Adds the gradient sums of one micro-batch to the accumulators, or overwrites them with `reset`. `lossSum` is Σ w·CE. */
  microBatch(batch: B, reset: boolean): Promise<{ readonly lossSum: number }>;
  /**
   * Updates the trained parameters and moments in place. Returns the norm of the mean gradient before clipping; when it is not
   * finite, parameters and moments do not change.
   */
  update(update: Update): Promise<{ readonly gradientNorm: number }>;
  /** The tensors of a checkpoint: trained parameters and moments, each read from the device on demand. */
  tensors(): readonly TensorSource[];
  /**
   * Restores a checkpoint. `load` gets a function that accepts one tensor after the other, as `Checkpoints.load` of storage/
   * needs it; its result is returned. Throws when the tensors do not match this model and method; the program is then unusable.
   */
  restore<T>(load: (restore: RestoreTensor) => Promise<T>): Promise<T>;
  /** Sets all moments to 0 for a new start; the next update must then have t = 1. */
  forget(): void;
  /** Frees accumulators and moments; the caller frees the parameters. */
  dispose(): void;
}
