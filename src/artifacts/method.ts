/** How a model is trained: every parameter, or low-rank adapters beside frozen ones. */

import type { Attend, ModelDefinition } from "../models/architecture.ts";
import type { FileTensor } from "../models/fileTensor.ts";
import { type Adapter, type Declared, type Linear, Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { ParameterSpec } from "./contract.ts";

export type Method = { readonly kind: "full" } | ({ readonly kind: "lora" } & Adapter);

/** The adapter that a method puts into the linear layers; none for full training and for the bare base model. */
export function adapterOf(method: Method | null): Adapter | null {
  return method?.kind === "lora" ? method : null;
}

/** What of a trace a method trains. */
export const isTrained = (method: Method | null, { source }: Declared) =>
  method?.kind === "full" || (method?.kind === "lora" && source !== "checkpoint");

/** A scope through which the model has passed on one token: it knows every parameter and linear layer. */
function traced(model: ModelDefinition, method: Method | null): Scope {
  const scope = Scope.root(new GraphBuilder("parameters"), adapterOf(method));
  const token = scope.b.input("token", "int32", [1]);
  const queriesAsContext: Attend = (_layer, queries) => queries;
  model.forward(scope, { ids: token, positions: token }, queriesAsContext, (rows) => rows);
  model.headWeight(scope);
  return scope;
}

/**
 * Every parameter of a model under a method (null: the bare base model), in the order in which the model declares them.
 * Found by tracing the model, so no second table of names and shapes exists.
 */
export function parametersOf(model: ModelDefinition, method: Method | null): ParameterSpec[] {
  return traced(model, method).parameters.map((declared) => {
    const { name, shape } = declared.value;
    const { source: kind } = declared;
    return {
      name,
      shape,
      trainable: isTrained(method, declared),
      storage: "float32",
      source: kind === "checkpoint" ? { kind, tensor: model.fileTensor({ name, shape }) } : { kind },
    };
  });
}

/** The linear layers of a model that may carry an adapter: each last name once, in order, with its first layer's shape. */
export function linearsOf(model: ModelDefinition): readonly Linear[] {
  const byName = new Map<string, Linear>();
  for (const linear of traced(model, null).linears) if (!byName.has(linear.name)) byName.set(linear.name, linear);
  return [...byName.values()];
}

/** The tensors that the files of this model must hold. */
export function checkpointTensors(model: ModelDefinition): readonly FileTensor[] {
  return parametersOf(model, null).flatMap(({ source }) => (source.kind === "checkpoint" ? [source.tensor] : []));
}

/** Names model, method and shape, so that equal artifacts have equal keys. */
export function artifactKey(kind: string, model: ModelDefinition, method: Method | null, rest: unknown): string {
  return `${kind} ${model.key} ${JSON.stringify([method, rest])}`;
}
