/** The gradient outputs of an artifact that trains: each trained parameter's, added to its accumulator. */

import type { GradientBase } from "../autodiff/backward.ts";
import type { Scope } from "../nn/scope.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import { accumulatorIn, accumulatorOut, layerPorts, lazyResetGrad } from "./contract.ts";
import { isTrained, type Method } from "./method.ts";

export interface GradientOptions {
  /** A layer's input, whose gradient is an output too and has no accumulator. */
  readonly input?: Value | null;
  /** False: bare gradients, without accumulators. */
  readonly accumulates?: boolean;
  /** Whether another artifact has already added to this parameter's accumulator: then `lazy_reset_grad` does not clear it. */
  readonly isBegun?: (name: string) => boolean;
}

/** Outputs by name. `differentiate` writes the gradients of the wanted values, each on top of its base. */
export function gradientOutputs(
  { b, scope }: { readonly b: GraphBuilder; readonly scope: Scope },
  method: Method | null,
  differentiate: (wanted: readonly Value[], base: GradientBase | null) => readonly Value[],
  { input = null, accumulates = true, isBegun = () => false }: GradientOptions = {},
): Record<string, Value> {
  const trained = scope.parameters.filter((declared) => isTrained(method, declared)).map(({ value }) => value);
  const base: GradientBase = (wanted) => {
    if (wanted === input) return undefined;
    if (isBegun(wanted.name)) return b.input(accumulatorIn(wanted.name), "float32", wanted.shape);
    const reset = b.input(lazyResetGrad, "bool", [1]);
    return b.where(reset, b.scalar(0), b.input(accumulatorIn(wanted.name), "float32", wanted.shape));
  };
  const wanted = [...(input ? [input] : []), ...trained];
  const gradients = differentiate(wanted, accumulates ? base : null);
  // Biases of parallel branches have one gradient, but an output has one name.
  const seen = new Set<Value>();
  const own = (gradient: Value) => {
    if (seen.has(gradient)) return b.add(gradient, b.scalar(0));
    seen.add(gradient);
    return gradient;
  };
  const named = wanted.map((value, i) => {
    const name = value === input ? layerPorts.inputGradient : accumulatorOut(value.name);
    return [name, own(gradients[i] as Value)] as const;
  });
  return Object.fromEntries(named);
}
