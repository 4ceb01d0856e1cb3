/**
 * Operators that only graphs of other programs use. They have no gradient rule, because such a graph brings its own gradients;
 * the WebGPU provider runs each of them.
 */

import { constantNumbers } from "./graph.ts";
import { broadcastShapes, normalizeAxis } from "./shapes.ts";
import { at, expectDType, type OpSpec, sameDType } from "./spec.ts";

const unary: OpSpec = {
  arity: 1,
  infer: (inputs) => {
    expectDType(at(inputs, 0), ["float32", "float16"]);
    return [at(inputs, 0)];
  },
};

const comparison: OpSpec = {
  arity: 2,
  infer: (inputs) => {
    sameDType(inputs);
    return [{ dtype: "bool", shape: broadcastShapes(at(inputs, 0).shape, at(inputs, 1).shape) }];
  },
};

export const forwardOps = {
  Abs: unary,
  Floor: unary,
  Ceil: unary,
  Sin: unary,
  Cos: unary,
  Softplus: unary,
  Relu: unary,
  LeakyRelu: { ...unary, attributes: { alpha: "float" } },
  Elu: { ...unary, attributes: { alpha: "float" } },
  Pow: {
    arity: 2,
    infer: (inputs) => [{ dtype: sameDType(inputs), shape: broadcastShapes(at(inputs, 0).shape, at(inputs, 1).shape) }],
  },
  Less: comparison,
  Greater: comparison,
  And: {
    arity: 2,
    infer: (inputs) => {
      for (const value of inputs) expectDType(value, ["bool"]);
      return [{ dtype: "bool", shape: broadcastShapes(at(inputs, 0).shape, at(inputs, 1).shape) }];
    },
  },
  Not: {
    arity: 1,
    infer: (inputs) => {
      expectDType(at(inputs, 0), ["bool"]);
      return [at(inputs, 0)];
    },
  },
  /** Sums along one axis; the second operand, an initializer, is that axis. */
  CumSum: {
    arity: 2,
    attributes: { exclusive: "int", reverse: "int" },
    infer: (inputs) => {
      const x = at(inputs, 0);
      for (const axis of constantNumbers(at(inputs, 1))) normalizeAxis(axis, x.shape.length);
      return [x];
    },
  },
} as const satisfies Record<string, OpSpec>;
