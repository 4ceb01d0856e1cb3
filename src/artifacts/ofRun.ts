/** The artifacts of a run, for optimizer steps and evaluations. */

import type { ModelDefinition } from "../models/architecture.ts";
import type { ProviderName } from "./activations.ts";
import { compileEvaluation, compileTraining, type TrainingOptions } from "./compile.ts";
import type { Artifact, BatchShape } from "./contract.ts";
import { compileLayerOptimizer } from "./layerOptimizer.ts";
import type { Method } from "./method.ts";
import { compileOptimizer, type OptimizerSettings } from "./optimizer.ts";
import {
  compileLayerEvaluation,
  compileLayerTraining,
  type LayerEvaluation,
  type LayerKind,
  type LayerTraining,
  layerKinds,
  type Saved,
  widenedLayers,
} from "./perLayer.ts";

export interface RunArtifacts {
  training(shape: BatchShape): Artifact;
  evaluation(shape: BatchShape): Artifact;
  readonly optimizer: Artifact;
}

/** Tokens per query block, and at most so many blocks per row: more would save little and cost operations. */
const blockLength = 64;
const mostBlocks = 4;

/**
 * Options of the training artifact for `accumulation` micro-batches per step. Query blocks save products that the causal mask
 * would hide; on a GPU their extra launches cost more than that.
 */
export function trainingOptions(
  { length }: BatchShape,
  { accumulation }: { readonly accumulation: number },
  provider: ProviderName,
): TrainingOptions {
  const blocks = Math.max(1, Math.min(mostBlocks, Math.floor(length / blockLength)));
  return { accumulates: accumulation > 1, queryBlocks: provider === "wasm" ? blocks : 1 };
}

/** The artifacts of a run with this method and recipe, for `provider`. */
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

/** The artifacts of a run in parts. */
export interface LayerArtifacts {
  readonly kinds: readonly LayerKind[];
  training(shape: BatchShape): LayerTraining;
  evaluation(shape: BatchShape): LayerEvaluation;
  readonly optimizer: ReturnType<typeof compileLayerOptimizer>;
}

/** The same run's artifacts in parts, one per kind of layer. */
export function layerArtifactsOfRun(
  model: ModelDefinition,
  method: Method,
  recipe: OptimizerSettings,
  provider: ProviderName,
  saves: Saved,
): LayerArtifacts {
  const kinds = layerKinds(model, method);
  const widened = widenedLayers(model, provider);
  return {
    kinds,
    training(shape) {
      const { queryBlocks = 1 } = trainingOptions(shape, { accumulation: 1 }, provider);
      return compileLayerTraining(widened, method, kinds, shape, { queryBlocks, saves });
    },
    evaluation: (shape) => compileLayerEvaluation(widened, method, kinds, shape),
    optimizer: compileLayerOptimizer(model, method, kinds, recipe, provider),
  };
}
