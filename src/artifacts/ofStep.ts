/** The two artifacts of an optimizer step, as a run takes them. */

import type { LlamaConfig } from "../models/llama.ts";
import { compileTraining } from "./compile.ts";
import type { Artifact, BatchShape } from "./contract.ts";
import type { Method } from "./method.ts";
import { compileOptimizer, type OptimizerSettings } from "./optimizer.ts";

export interface StepArtifacts {
  training(shape: BatchShape): Artifact;
  readonly optimizer: Artifact;
}

/** For steps of `accumulation` micro-batches; where that is one, gradients are written and not added up. */
export function artifactsOfStep(
  config: LlamaConfig,
  method: Method,
  { accumulation, ...settings }: OptimizerSettings & { readonly accumulation: number },
): StepArtifacts {
  return {
    training: (shape) => compileTraining(config, method, shape, { accumulates: accumulation > 1 }),
    optimizer: compileOptimizer(config, method, settings),
  };
}
