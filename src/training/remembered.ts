/** Remembers the losses of one batch: validation and the watched row need them of the same weights. */

import type { Batch } from "../batching/batch.ts";
import { type BatchLosses, evaluationOf, type TrainingProgram } from "./program.ts";

/** The same program; it computes the losses of `batch` once until an update or a restored checkpoint changes the weights. */
export function rememberLosses(program: TrainingProgram, batch: Batch): TrainingProgram {
  let known: BatchLosses | null = null;
  const losses = async (of: Batch) => {
    if (of !== batch) return program.losses(of);
    known ??= await program.losses(of);
    return known;
  };
  return {
    ...program,
    ...evaluationOf(losses),
    update(update) {
      known = null;
      return program.update(update);
    },
    restore(load) {
      known = null;
      return program.restore(load);
    },
  };
}
