/** What computes a run: the loop and its step ask a program for sums and updates, and do not know its sessions. */

import type { Batch, BatchShape } from "../batching/batch.ts";
import type { RestoreTensor } from "../storage/checkpoints.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";

/** Computes losses with the weights as they are at each call. Throws what a session's run throws. */
export interface EvaluationProgram {
  /** Σ w·CE over the batch's supervised positions. */
  lossSum(batch: Batch): Promise<number>;
  /** Cross-entropy −log P(target) of each supervised position, without its weight, in the order of `supervisedIndex`. */
  tokenLosses(batch: Batch): Promise<Float32Array>;
}

/** One optimizer update. */
export interface Update {
  /** t of the bias corrections 1 − βᵗ, from 1. */
  readonly t: number;
  readonly learningRate: number;
  /** Of the micro-batches since the last reset, added up: it divides the gradient sums, or 1 does where it is less. */
  readonly denominator: number;
}

/** Computes gradients and updates of the trained parameters, which it holds with accumulators and moments. */
export interface TrainingProgram extends EvaluationProgram {
  /** Builds the sessions that a step over batches of these shapes needs, so that the step's time is that of computing alone. */
  prepare(shapes: readonly BatchShape[]): Promise<void>;
  /** Adds the gradient sums of one micro-batch to the accumulators, or replaces them where `reset`; lossSum is its Σ w·CE. */
  microBatch(batch: Batch, reset: boolean): Promise<{ readonly lossSum: number }>;
  /**
   * Updates the trained parameters and moments in place. The norm is that of the mean gradient before clipping; where it is
   * not finite, parameters and moments stay as they were.
   */
  update(update: Update): Promise<{ readonly gradientNorm: number }>;
  /** What a checkpoint holds: trained parameters and moments, each read from the device when its turn comes. */
  tensors(): readonly TensorSource[];
  /**
   * Goes back to a checkpoint: `load` is given a function that takes its tensors in turn (`Checkpoints.load` of storage/
   * wants just this), and its result is passed on. Throws when the tensors are not those of this model and method; the
   * program is then not to be used.
   */
  restore<T>(load: (restore: RestoreTensor) => Promise<T>): Promise<T>;
  /** Sets all moments to 0, as they are at the beginning; the next update is then the first: t = 1. */
  forget(): void;
  /** Frees accumulators and moments; the parameters belong to the caller. */
  dispose(): void;
}
