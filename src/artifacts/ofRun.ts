/** The artifacts of a run: those of its optimizer steps, and that of its evaluations. */

import type { ModelDefinition } from "../models/architecture.ts";
import type { ProviderName } from "./activations.ts";
import { compileEvaluation, compileTraining, type TrainingOptions } from "./compile.ts";
import type { Artifact, BatchShape } from "./contract.ts";
import type { Method } from "./method.ts";
import { compileOptimizer, type OptimizerSettings } from "./optimizer.ts";

export interface RunArtifacts {
  training(shape: BatchShape): Artifact;
  evaluation(shape: BatchShape): Artifact;
  readonly optimizer: Artifact;
}

/** Tokens of a block of queries, and blocks of a row at most: more would save little and cost operations. */
const blockLength = 64;
const mostBlocks = 4;

/**
 * Options of the training artifact for a recipe of `accumulation` micro-batches. On the processor attention leaves out what
 * the causal mask blocks; on a GPU the operations that this takes cost more than the products that it saves.
 */
export function trainingOptions(
  { length }: BatchShape,
  { accumulation }: { readonly accumulation: number },
  provider: ProviderName,
): TrainingOptions {
  const blocks = Math.max(1, Math.min(mostBlocks, Math.floor(length / blockLength)));
  return { accumulates: accumulation > 1, queryBlocks: provider === "wasm" ? blocks : 1 };
}

/** Where each step has one micro-batch, gradients are written and not added up. */
export function artifactsOfRun(
  model: ModelDefinition,
  method: Method,
  recipe: OptimizerSettings & { readonly accumulation: number },
  provider: ProviderName,
): RunArtifacts {
  return {
    training: (shape) => compileTraining(model, method, shape, trainingOptions(shape, recipe, provider)),
    evaluation: (shape) => compileEvaluation(model, method, shape),
    optimizer: compileOptimizer(model, method, recipe, provider),
  };
}
