/** Creates the program of a run: the whole graph, or layer by layer. */

import type { ProviderName } from "../artifacts/activations.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import { artifactsOfRun, layerArtifactsOfRun } from "../artifacts/ofRun.ts";
import type { Saved } from "../artifacts/perLayer.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { ProgramKind } from "../run/deviceFields.ts";
import type { Recipe } from "../run/recipe.ts";
import type { Runtime } from "../runtime/types.ts";
import type { ParameterTensors } from "../training/parameters.ts";
import { createPerLayer } from "../training/perLayer.ts";
import type { TrainingProgram } from "../training/program.ts";
import { createWholeGraph } from "../training/wholeGraph.ts";

export type LayerProgram = Exclude<ProgramKind, "whole">;

/** What a layer's forward saves for its backward. */
export const saves: Readonly<Record<LayerProgram, Saved>> = { layers: "products", smallest: "inputs" };

export interface ProgramParts {
  readonly runtime: Pick<Runtime, "tensor" | "session" | "prepare">;
  readonly provider: ProviderName;
  /** Every parameter of the model and its adapter; the caller frees them. */
  readonly parameters: ParameterTensors;
  readonly model: ModelDefinition;
  readonly method: Method;
  /** Settled; "auto" is one graph. */
  readonly recipe: Recipe;
}

/** Throws as `createWholeGraph` and `createPerLayer` do. */
export function createProgram({ provider, model, method, ...rest }: ProgramParts): TrainingProgram {
  const { recipe } = rest;
  const parts = { ...rest, specs: parametersOf(model, method) };
  if (recipe.program !== "layers" && recipe.program !== "smallest") {
    return createWholeGraph({ ...parts, artifacts: artifactsOfRun(model, method, recipe, provider) });
  }
  const artifacts = layerArtifactsOfRun(model, method, recipe, provider, saves[recipe.program]);
  return createPerLayer({ ...parts, model, artifacts });
}
