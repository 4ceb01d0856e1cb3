/** The least bytes that training a model takes, from its config alone. */

import { parameterBytes } from "../artifacts/contract.ts";
import { linearsOf, type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { ModelNeeds } from "../protocol/engine.ts";
import { byteSizeOf, sizeOf } from "../tensor/dtype.ts";

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

const summed = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

/**
 * Bytes on the device for the weights and, for each trained number, its gradient and AdamW's two moments. Activations come
 * on top; they depend on the length of the rows, and a run's budget counts them.
 */
export function countModel(model: ModelDefinition): ModelCount {
  // A trace with the adapter lists the base model's parameters too, so one serves all figures.
  const all = parametersOf(model, usualAdapter(model));
  const own = all.filter(({ source }) => source.kind === "checkpoint");
  const state = all.map(({ shape, trainable }) => (trainable ? 3 * byteSizeOf("float32", shape) : 0));
  const weights = all.map(parameterBytes);
  const base = own.map(parameterBytes);
  return {
    parameters: summed(own.map(({ shape }) => sizeOf(shape))),
    needs: {
      lora: summed(weights) + summed(state),
      full: summed(base) + summed(own.map(({ shape }) => 3 * byteSizeOf("float32", shape))),
      largestTensor: Math.max(...base),
    },
  };
}

/** See `countModel`. */
export const needsOf = (model: ModelDefinition): ModelNeeds => countModel(model).needs;
