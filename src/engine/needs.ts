/** The least bytes that training a model takes, from its config alone. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import { linearsOf, type Method, parametersOf } from "../artifacts/method.ts";
import { type ModelDefinition, withPrecision } from "../models/architecture.ts";
import type { ModelNeeds, NeedsStorage } from "../protocol/engine.ts";
import { byteSizeOf, sizeOf } from "../tensor/dtype.ts";
import { partsOf, storable } from "../tensor/storage.ts";
import { embeddingOf } from "./precision.ts";

/** The usual adapter: rank 16 on every linear layer. */
const usualAdapter = (model: ModelDefinition): Method => ({
  kind: "lora",
  rank: 16,
  alpha: 32,
  targets: linearsOf(model).map(({ name }) => name),
});

/** A model's size, from its config alone. */
export interface ModelCount {
  /** Numbers of the base model, a tied head counted once. */
  readonly parameters: number;
  readonly needs: ModelNeeds;
}

const storages: readonly NeedsStorage[] = ["float32", "float16", "int8", "int4"];

const summed = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

/**
 * Bytes on the device for the weights and, for each trained number, its gradient and AdamW's two moments. Activations come
 * on top; they depend on the length of the rows, and a run's budget counts them.
 */
export function countModel(model: ModelDefinition): ModelCount {
  // A trace with the adapter lists the base model's parameters too. In float16 it tells matrices from other parameters.
  const traced = withPrecision(model, { weights: "float16", embedding: "float16", compute: "float32" });
  const all = parametersOf(traced, usualAdapter(model));
  const own = all.filter(({ source }) => source.kind === "checkpoint");
  const state = summed(all.map(({ shape, trainable }) => (trainable ? 3 * byteSizeOf("float32", shape) : 0)));
  const numbers = summed(own.map(({ shape }) => sizeOf(shape)));
  const tensors = (storage: NeedsStorage) => all.flatMap((spec) => tensorBytes(model, spec, storage));
  const byStorage = (of: (bytes: readonly number[]) => number) =>
    Object.fromEntries(storages.map((storage) => [storage, of(tensors(storage))])) as Record<NeedsStorage, number>;
  return {
    parameters: numbers,
    needs: {
      lora: byStorage((bytes) => summed(bytes) + state),
      full: 16 * numbers,
      largestTensor: byStorage((bytes) => Math.max(...bytes)),
    },
  };
}

/** Bytes of a parameter's tensors with base weights in a storage. */
function tensorBytes(
  model: ModelDefinition,
  { shape, storage: traced, source }: ParameterSpec,
  storage: NeedsStorage,
): number[] {
  const isTable =
    source.kind === "checkpoint" && [model.embeddingTensor, model.headTensor].includes(source.tensor.name);
  const wanted = isTable ? embeddingOf[storage] : storage;
  const stored = traced === "float16" ? storable(wanted, shape) : traced;
  return partsOf(stored, shape).map((part) => byteSizeOf(part.dtype, part.shape));
}

/** See `countModel`. */
export const needsOf = (model: ModelDefinition): ModelNeeds => countModel(model).needs;
