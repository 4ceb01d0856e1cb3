/** The training method: all parameters, or low-rank adapters beside frozen parameters. */

import { type Attend, forward, type ModelDefinition } from "../models/architecture.ts";
import { defineModel } from "../models/define.ts";
import type { FileTensor } from "../models/fileTensor.ts";
import { trainedPrecision } from "../nn/precision.ts";
import { type Adapter, type Declared, isTarget, type Linear, type SaveProduct, Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import { partsOf } from "../tensor/storage.ts";
import type { ParameterSpec } from "./contract.ts";

export type Method = { readonly kind: "full" } | ({ readonly kind: "lora" } & Adapter);

/** The adapter that a method adds to linear layers; null for full training and for the base model alone. */
export function adapterOf(method: Method | null): Adapter | null {
  return method?.kind === "lora" ? method : null;
}

/** Whether a method trains a parameter of the trace. */
export const isTrained = (method: Method | null, { source }: Declared) =>
  method?.kind === "full" || (method?.kind === "lora" && source !== "checkpoint");

/** The root of a model's graph: its adapter, and the storage of its weights. What full training changes is float32. */
export const scopeOf = (
  b: GraphBuilder,
  model: ModelDefinition,
  method: Method | null,
  save: SaveProduct | null = null,
): Scope =>
  Scope.root(b, adapterOf(method), method?.kind === "full" ? trainedPrecision(model.precision) : model.precision, save);

/** Runs the model's forward on one token; the scope then lists every parameter and linear layer. */
function traced(model: ModelDefinition, method: Method | null): Scope {
  const scope = scopeOf(new GraphBuilder("parameters"), model, method);
  const token = scope.b.input("token", "int32", [1]);
  const queriesAsContext: Attend = (_layer, queries) => queries;
  forward(model, scope, { ids: token, positions: token }, queriesAsContext, (rows) => rows);
  model.headWeight(scope);
  return scope;
}

/**
 * Every parameter of a model under a method (null: the base model alone), in order of declaration. A trace finds them, so no
 * second table of names and shapes exists.
 */
export function parametersOf(model: ModelDefinition, method: Method | null): ParameterSpec[] {
  return traced(model, method).parameters.map((declared) => {
    const { name, shape, storage, source: kind } = declared;
    return {
      name,
      shape,
      trainable: isTrained(method, declared),
      storage,
      ports: partsOf(storage, shape, model.precision.compute).map(({ suffix, ...port }) => ({
        name: name + suffix,
        ...port,
      })),
      source: kind === "checkpoint" ? { kind, tensor: model.fileTensor({ name, shape }) } : { kind },
    };
  });
}

/** The linear layers of a model that have one last path name, such as `c_proj`. */
export interface NamedLinears {
  readonly name: string;
  /** The different shapes [out, in] of their weights. */
  readonly shapes: readonly Linear["shape"][];
}

/** The linear layers that may carry an adapter, in order. */
export const linearsIn = (model: ModelDefinition): readonly Linear[] => traced(model, null).linears;

/** The linear layers that may carry an adapter, by their last path name, in order. */
export function linearsOf(model: ModelDefinition): readonly NamedLinears[] {
  const byName = new Map<string, Map<string, Linear["shape"]>>();
  for (const { path, shape } of linearsIn(model)) {
    const name = path.slice(path.lastIndexOf(".") + 1);
    byName.set(name, (byName.get(name) ?? new Map()).set(String(shape), shape));
  }
  return Array.from(byName, ([name, shapes]) => ({ name, shapes: [...shapes.values()] }));
}

/** The first target that no linear layer of the model matches; undefined where each has one. */
export function unknownTarget(model: ModelDefinition, targets: readonly string[]): string | undefined {
  const linears = linearsIn(model);
  return targets.find((target) => !linears.some(({ path }) => isTarget(path, [target])));
}

/** A tensor of a model's files; the role marks the embedding, and a head that is not tied to it. */
export interface CheckpointTensor extends FileTensor {
  readonly role?: "embedding" | "head";
}

/** The tensors that this model's files must contain. */
export function checkpointTensors(model: ModelDefinition): readonly CheckpointTensor[] {
  const roles = new Map([
    [model.embeddingTensor, "embedding"],
    [model.headTensor, "head"],
  ] as const);
  return parametersOf(model, null).flatMap(({ source }) => {
    if (source.kind !== "checkpoint") return [];
    const role = roles.get(source.tensor.name);
    return [{ ...source.tensor, ...(role && { role }) }];
  });
}

/**
 * The tensors that a `config.json` requires, also with a head of its own although the config ties it. Throws a ConfigError
 * as `defineModel` does.
 */
export const tensorsOfConfig = (json: unknown, variant: { readonly untied: boolean }): readonly CheckpointTensor[] =>
  checkpointTensors(defineModel(json, variant));

/** A key from kind, model, method and shape; equal artifacts have equal keys. */
export function artifactKey(kind: string, model: ModelDefinition, method: Method | null, rest: unknown): string {
  return `${kind} ${model.key} ${JSON.stringify([method, model.precision, rest])}`;
}
