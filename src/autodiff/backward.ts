/**
 * Reverse-mode differentiation: walks the builder's tape backwards and writes the gradient nodes into the same graph.
 *
 * Three concerns live only here, so that rules need not handle them:
 * - Fan-out: a value used twice gets the sum of its gradients. A Gemm or a scatter adds the earlier ones itself.
 * - Broadcasting: the gradient of a broadcast operand is summed over the broadcast axes.
 * - Pruning: nodes are written only where a wanted gradient needs them.
 */

import type { Gradient, GraphBuilder, Step } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import { type DType, describeType, sameShape, sizeOf } from "../tensor/dtype.ts";
import { rules } from "./rules.ts";

const floats: readonly DType[] = ["float32", "float16"];

const inputsOf = (step: Step) => (step.kind === "node" ? step.node.inputs : step.inputs);
const outputsOf = (step: Step) => (step.kind === "node" ? step.node.outputs : step.outputs);

/** Sums a gradient over the axes along which `shape` was broadcast; the result has `shape`. */
function unbroadcast(b: GraphBuilder, gradient: Value, shape: readonly number[]): Value {
  if (sameShape(gradient.shape, shape)) return gradient;
  const lead = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dimension, axis) => {
    const own = axis < lead ? 1 : (shape[axis - lead] as number);
    return own === 1 && (dimension !== 1 || axis < lead) ? [axis] : [];
  });
  const wide = axes.filter((axis) => gradient.shape[axis] !== 1);
  return b.reshape(wide.length > 0 ? b.reduceSum(gradient, wide) : gradient, shape);
}

/** The gradient of each input of a step, written on demand. */
function gradientsOf(b: GraphBuilder, step: Step, gradients: readonly (Value | undefined)[]): readonly Gradient[] {
  if (step.kind === "composite") return step.rule(gradients);
  const { node } = step;
  const [output, g] = [node.outputs[0], gradients[0]];
  if (!output || !g) throw new GraphError(`${node.name} has no gradient to pass on`);
  return rules[node.op](b, g, output, node.inputs, node.attributes);
}

/** Writes the start value of a wanted gradient's sum, in the wanted value's shape, just before its first use; undefined is 0. */
export type GradientBase = (wanted: Value) => Value | undefined;

/**
 * Vector-Jacobian product: Σ over outputs of (∂output/∂wanted)ᵀ · cotangent for each of `wanted`, as values of the same
 * graph. `cotangents` maps each output to a cotangent of the output's type. One output may depend on another: its cotangent
 * and the gradient through the graph are added. Each sum starts with `base(wanted)`, where `base` is given.
 *
 * @throws GraphError when a cotangent has another type than its output, or when no output depends on a wanted value.
 */
export function vjp(
  b: GraphBuilder,
  cotangents: ReadonlyMap<Value, Value>,
  wanted: readonly Value[],
  base: GradientBase | null = null,
): Value[] {
  for (const [output, { dtype, shape }] of cotangents) {
    const own = describeType(output.dtype, output.shape);
    if (!floats.includes(output.dtype)) {
      throw new GraphError(`output ${output.name} is ${own}: only ${floats.join(" and ")} have a gradient`);
    }
    if (dtype !== output.dtype || !sameShape(shape, output.shape)) {
      throw new GraphError(`the cotangent of ${output.name} must be ${own}, not ${describeType(dtype, shape)}`);
    }
  }

  // Only values that depend on a wanted value need a gradient.
  const active = new Set<Value>(wanted);
  for (const step of b.tape) {
    if (inputsOf(step).some((value) => active.has(value))) {
      for (const output of outputsOf(step)) if (floats.includes(output.dtype)) active.add(output);
    }
  }

  const gradients = new Map<Value, Value>();
  const leaves = new Set(wanted);
  const before = (value: Value) => gradients.get(value) ?? (leaves.has(value) ? base?.(value) : undefined);
  return b.within("backward", () =>
    b.untaped(() => {
      for (const [output, cotangent] of cotangents) {
        const sum = before(output);
        gradients.set(output, sum ? b.add(sum, cotangent) : cotangent);
      }
      for (const step of [...b.tape].reverse()) {
        const outgoing = outputsOf(step).map((value) => gradients.get(value));
        if (!outgoing.some((gradient) => gradient !== undefined)) continue;
        const inputs = inputsOf(step);
        if (!inputs.some((value) => active.has(value))) continue;
        b.within(step.kind === "node" ? step.node.name : step.name, () => {
          const write = gradientsOf(b, step, outgoing);
          inputs.forEach((value, index) => {
            if (!active.has(value)) return;
            const gradient = write[index];
            if (!gradient) throw new GraphError(`operand ${index} (${value.name}) has no gradient`);
            const sum = before(value);
            if (sum && gradient.onto) {
              gradients.set(value, gradient.onto(sum));
              return;
            }
            const own = unbroadcast(b, gradient(), value.shape);
            gradients.set(value, sum ? b.add(sum, own) : own);
          });
        });
      }
      return wanted.map((value) => {
        const gradient = gradients.get(value);
        if (!gradient) throw new GraphError(`no output depends on ${value.name}, so it cannot be trained`);
        return gradient;
      });
    }),
  );
}

/**
 * Gradients of a float32 scalar or [1] `loss` with respect to each of `wanted`: the vjp with cotangent 1. A wanted value
 * without influence on the loss is an error, because a parameter's name is then wrong.
 *
 * @throws GraphError when the loss is not a single number or does not depend on a wanted value.
 */
export function backward(
  b: GraphBuilder,
  loss: Value,
  wanted: readonly Value[],
  base: GradientBase | null = null,
): Value[] {
  if (sizeOf(loss.shape) !== 1) throw new GraphError(`a loss must be one number, not [${loss.shape.join(", ")}]`);
  const one = b.constant("float32", loss.shape, Float32Array.of(1));
  return vjp(b, new Map([[loss, one]]), wanted, base);
}
