/** The optimizer of a model that runs layer by layer: an artifact per kind of layer for the norm, and one for the step. */

import type { ModelDefinition } from "../models/architecture.ts";
import type { ProviderName } from "./activations.ts";
import { builtArtifact } from "./artifact.ts";
import type { Artifact, ParameterSpec } from "./contract.ts";
import { artifactKey, type Method, parametersOf } from "./method.ts";
import { type OptimizerSettings, squaredNormGraph, updateGraph } from "./optimizer.ts";
import { byLayer, type LayerKind } from "./perLayer.ts";

/** The optimizer of a group of parameters: Σ G², and the step from the global Σ G². */
export interface LayerOptimizer {
  readonly squaredNorm: Artifact;
  readonly update: Artifact;
}

/** The optimizer artifacts of the kinds, and of the trained parameters outside the layers; null where there are none. */
export function compileLayerOptimizer(
  model: ModelDefinition,
  method: Method,
  kinds: readonly LayerKind[],
  { beta1, beta2, epsilon, weightDecay }: OptimizerSettings,
  provider: ProviderName,
): { readonly layers: readonly (LayerOptimizer | null)[]; readonly rest: LayerOptimizer | null } {
  const settings = { beta1, beta2, epsilon, weightDecay };
  const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
  const { layers, rest } = byLayer(model, trained);
  const compiled = (parameters: readonly ParameterSpec[], part: string | number): LayerOptimizer | null => {
    if (parameters.length === 0) return null;
    const key = (what: string) => artifactKey(`optimizer ${what}`, model, method, { ...settings, provider, part });
    return {
      squaredNorm: builtArtifact("optimizer", key("norm"), squaredNormGraph(parameters, provider)),
      update: builtArtifact("optimizer", key("update"), updateGraph(parameters, settings, provider)),
    };
  };
  return { layers: kinds.map(({ first }) => compiled(layers[first] ?? [], first)), rest: compiled(rest, "rest") };
}
