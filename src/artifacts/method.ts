/** How a model is trained: every parameter, or low-rank adapters beside frozen ones. */

import { type Attend, headWeight, type LlamaConfig, llama } from "../models/llama.ts";
import { type Adapter, Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { ParameterSpec } from "./contract.ts";

export type Method = { readonly kind: "full" } | ({ readonly kind: "lora" } & Adapter);

/** The adapter that a method puts into the linear layers; none for full training and for the bare base model. */
export function adapterOf(method: Method | null): Adapter | null {
  return method?.kind === "lora" ? method : null;
}

/** The specifications of what a scope has declared. */
export function specsOf(scope: Scope, method: Method | null): ParameterSpec[] {
  return scope.parameters.map(({ value, initial }) => ({
    name: value.name,
    shape: value.shape,
    initial,
    trainable: method?.kind === "full" || (method?.kind === "lora" && initial !== "checkpoint"),
  }));
}

/**
 * Every parameter of a model under a method (null: the bare base model), in the order in which the model declares them.
 * Found by tracing the model on one token, so no second table of names and shapes exists.
 */
export function parametersOf(config: LlamaConfig, method: Method | null): ParameterSpec[] {
  const scope = Scope.root(new GraphBuilder("parameters"), adapterOf(method));
  const queriesAsContext: Attend = (_layer, queries) => queries;
  llama(scope, config, scope.b.input("input_ids", "int32", [1]), queriesAsContext);
  headWeight(scope, config);
  return specsOf(scope, method);
}

/** The tensors that a checkpoint of this model must hold. */
export function checkpointTensors(config: LlamaConfig): { name: string; shape: readonly number[] }[] {
  return parametersOf(config, null).map(({ name, shape }) => ({ name, shape }));
}

/** Names model, method and shape, so that equal artifacts have equal keys. */
export function artifactKey(kind: string, config: LlamaConfig, method: Method | null, rest: unknown): string {
  return `${kind} ${JSON.stringify([config, method, rest])}`;
}
