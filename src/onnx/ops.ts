/**
 * The ONNX operators that Hone's graphs use: attributes, and static inference of types and shapes.
 *
 * Semantics follow the ONNX operator set (opset 21) and ONNX Runtime's contributed operators. The table lists only
 * operators that our graphs use and that the WebGPU provider runs.
 */

import { type DType, sizeOf } from "../tensor/dtype.ts";
import { gatherBlockQuantized, matMulNBits } from "./blockOps.ts";
import { forwardOps } from "./forwardOps.ts";
import { constantNumbers, GraphError } from "./graph.ts";
import { broadcastShapes, normalizeAxis } from "./shapes.ts";
import { at, describe, expectDType, expectRank, type OpSpec, sameDType } from "./spec.ts";

const elementwise: OpSpec = { arity: 1, infer: (inputs) => [at(inputs, 0)] };

const floatUnary: OpSpec = {
  arity: 1,
  infer: (inputs) => {
    expectDType(at(inputs, 0), ["float32", "float16"]);
    return [at(inputs, 0)];
  },
};

const binary: OpSpec = {
  arity: 2,
  infer: (inputs) => [{ dtype: sameDType(inputs), shape: broadcastShapes(at(inputs, 0).shape, at(inputs, 1).shape) }],
};

const comparison: OpSpec = {
  arity: 2,
  infer: (inputs) => {
    sameDType(inputs);
    return [{ dtype: "bool", shape: broadcastShapes(at(inputs, 0).shape, at(inputs, 1).shape) }];
  },
};

/** Reduced axes stay with size 1 (keepdims = 1). The second operand lists the axes and is an initializer. */
const reduction: OpSpec = {
  arity: 2,
  attributes: { keepdims: "int" },
  infer: (inputs, attributes) => {
    if (attributes.keepdims !== 1) throw new GraphError("keepdims must be 1: reductions here keep their axes");
    const { dtype, shape } = at(inputs, 0);
    const axes = constantNumbers(at(inputs, 1)).map((axis) => normalizeAxis(axis, shape.length));
    return [{ dtype, shape: shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension)) }];
  },
};

const matMul: OpSpec = {
  arity: 2,
  infer: (inputs) => {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    if (a.shape.length < 2 || b.shape.length < 2) throw new GraphError("both operands must have rank 2 or more");
    const [m, k] = a.shape.slice(-2) as [number, number];
    const [k2, n] = b.shape.slice(-2) as [number, number];
    if (k !== k2) throw new GraphError(`inner dimensions differ: ${k} against ${k2}`);
    return [
      { dtype: sameDType(inputs), shape: [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] },
    ];
  },
};

/** alpha · A′B′ + beta · C with A′ [M, K], B′ [K, N] after transposition; C, where given, is [M, N] or [N]. */
const gemm: OpSpec = {
  arity: 3,
  attributes: { alpha: "float", beta: "float", transA: "int", transB: "int" },
  infer: (inputs, attributes) => {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    expectRank(a, 2);
    expectRank(b, 2);
    const [m, k] = (attributes.transA ? [...a.shape].reverse() : a.shape) as [number, number];
    const [k2, n] = (attributes.transB ? [...b.shape].reverse() : b.shape) as [number, number];
    if (k !== k2) throw new GraphError(`inner dimensions differ: ${k} against ${k2}`);
    const c = inputs[2];
    if (c && broadcastShapes(c.shape, [m, n]).join() !== [m, n].join()) {
      throw new GraphError(`C ${describe(c)} must broadcast to [${m}, ${n}]`);
    }
    return [{ dtype: sameDType(inputs), shape: [m, n] }];
  },
};

const reshape: OpSpec = {
  arity: 2,
  infer: (inputs) => {
    const x = at(inputs, 0);
    const shape = constantNumbers(at(inputs, 1));
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new GraphError(`${sizeOf(x.shape)} elements do not fill [${shape.join(", ")}], which has ${sizeOf(shape)}`);
    }
    return [{ dtype: x.dtype, shape }];
  },
};

const expand: OpSpec = {
  arity: 2,
  infer: (inputs) => {
    const x = at(inputs, 0);
    return [{ dtype: x.dtype, shape: broadcastShapes(x.shape, constantNumbers(at(inputs, 1))) }];
  },
};

const transpose: OpSpec = {
  arity: 1,
  attributes: { perm: "ints" },
  infer: (inputs, attributes) => {
    const x = at(inputs, 0);
    const perm = attributes.perm as readonly number[];
    if ([...perm].sort((p, q) => p - q).join() !== x.shape.map((_, axis) => axis).join()) {
      throw new GraphError(`perm [${perm.join(", ")}] is no permutation of the ${x.shape.length} axes`);
    }
    return [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis] as number) }];
  },
};

const concat: OpSpec = {
  arity: Number.POSITIVE_INFINITY,
  attributes: { axis: "int" },
  infer: (inputs, attributes) => {
    const first = at(inputs, 0);
    const axis = normalizeAxis(attributes.axis as number, first.shape.length);
    for (const value of inputs) {
      const fits =
        value.shape.length === first.shape.length &&
        value.shape.every((dimension, i) => i === axis || dimension === first.shape[i]);
      if (!fits) throw new GraphError(`${describe(value)} does not join ${describe(first)} on axis ${axis}`);
    }
    const total = inputs.reduce((sum, value) => sum + (value.shape[axis] as number), 0);
    return [{ dtype: sameDType(inputs), shape: first.shape.map((dimension, i) => (i === axis ? total : dimension)) }];
  },
};

/** Pieces along an axis. The second operand lists their sizes and is an initializer. */
const split: OpSpec = {
  arity: 2,
  attributes: { axis: "int" },
  infer: (inputs, attributes) => {
    const { dtype, shape } = at(inputs, 0);
    const axis = normalizeAxis(attributes.axis as number, shape.length);
    const sizes = constantNumbers(at(inputs, 1));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== shape[axis]) {
      throw new GraphError(`pieces of ${sizes.join(", ")} add up to ${total}, but axis ${axis} has ${shape[axis]}`);
    }
    return sizes.map((size) => ({ dtype, shape: shape.map((dimension, i) => (i === axis ? size : dimension)) }));
  },
};

const gather: OpSpec = {
  arity: 2,
  attributes: { axis: "int" },
  infer: (inputs, attributes) => {
    const [data, indices] = [at(inputs, 0), at(inputs, 1)];
    expectDType(indices, ["int32", "int64"]);
    const axis = normalizeAxis(attributes.axis as number, data.shape.length);
    return [
      { dtype: data.dtype, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] },
    ];
  },
};

const gatherElements: OpSpec = {
  arity: 2,
  attributes: { axis: "int" },
  infer: (inputs) => {
    const [data, indices] = [at(inputs, 0), at(inputs, 1)];
    expectDType(indices, ["int32", "int64"]);
    expectRank(indices, data.shape.length);
    return [{ dtype: data.dtype, shape: indices.shape }];
  },
};

const scatterElements: OpSpec = {
  arity: 3,
  attributes: { axis: "int", reduction: "string" },
  infer: (inputs) => {
    const [data, indices, updates] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectDType(indices, ["int32", "int64"]);
    if (indices.shape.join() !== updates.shape.join()) {
      throw new GraphError(`indices ${describe(indices)} and updates ${describe(updates)} must have one shape`);
    }
    sameDType([data, updates]);
    return [data];
  },
};

/**
 * data, indices int64 [..., N] of places in its first N axes, updates [..., rest of data]. The reduction is `add` or `none`;
 * `none` replaces, and its places must differ.
 */
const scatterND: OpSpec = {
  arity: 3,
  attributes: { reduction: "string" },
  infer: (inputs) => {
    const [data, indices, updates] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectDType(indices, ["int64"]);
    const depth = indices.shape.at(-1) ?? 0;
    if (depth < 1 || depth > data.shape.length)
      throw new GraphError(`indices must end in 1 to ${data.shape.length} axes of the data, not ${describe(indices)}`);
    const expected = [...indices.shape.slice(0, -1), ...data.shape.slice(depth)];
    if (updates.shape.join() !== expected.join()) {
      throw new GraphError(`updates must be [${expected.join(", ")}], not ${describe(updates)}`);
    }
    sameDType([data, updates]);
    return [data];
  },
};

const where: OpSpec = {
  arity: 3,
  infer: (inputs) => {
    const [condition, x, y] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectDType(condition, ["bool"]);
    return [{ dtype: sameDType([x, y]), shape: broadcastShapes(condition.shape, broadcastShapes(x.shape, y.shape)) }];
  },
};

const castTargets: Readonly<Record<number, DType>> = { 1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16" };
const cast: OpSpec = {
  arity: 1,
  attributes: { to: "int" },
  infer: (inputs, attributes) => {
    const dtype = castTargets[attributes.to as number];
    if (!dtype) throw new GraphError(`Cast to ONNX type ${attributes.to} is not in use here`);
    return [{ dtype, shape: at(inputs, 0).shape }];
  },
};

/** y = x / √(mean(x²) + ε) · scale over the last axis. */
const rmsNormalization: OpSpec = {
  arity: 2,
  attributes: { axis: "int", epsilon: "float" },
  infer: (inputs) => {
    const [x, scale] = [at(inputs, 0), at(inputs, 1)];
    if (scale.shape.join() !== String(x.shape.at(-1))) {
      throw new GraphError(`scale must be [${x.shape.at(-1)}], not ${describe(scale)}`);
    }
    return [{ dtype: sameDType(inputs), shape: x.shape }];
  },
};

/** y = (x − mean(x)) / √(var(x) + ε) · scale + bias over the last axis. */
const layerNormalization: OpSpec = {
  arity: 3,
  attributes: { axis: "int", epsilon: "float" },
  infer: (inputs) => {
    const x = at(inputs, 0);
    for (const vector of [at(inputs, 1), at(inputs, 2)]) {
      if (vector.shape.join() !== String(x.shape.at(-1))) {
        throw new GraphError(`scale and bias must be [${x.shape.at(-1)}], not ${describe(vector)}`);
      }
    }
    return [{ dtype: sameDType(inputs), shape: x.shape }];
  },
};

/**
 * x [B, T, H·D], position_ids int64 [B, T], cos and sin [P, R/2]: rotation of the first R numbers of each head, in halves
 * (interleaved = 0) or in neighbouring pairs (1). `rotary_embedding_dim` is R, or 0 where R = D.
 */
const rotaryEmbedding: OpSpec = {
  domain: "com.microsoft",
  arity: 4,
  attributes: { interleaved: "int", num_heads: "int", rotary_embedding_dim: "int" },
  infer: (inputs, attributes) => {
    const [x, positions, cos, sin] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)];
    expectRank(x, 3);
    expectDType(positions, ["int64"]);
    const heads = attributes.num_heads as number;
    const size = (x.shape[2] as number) / heads;
    const rotated = (attributes.rotary_embedding_dim as number) || size;
    if (rotated > size || rotated !== 2 * (cos.shape[1] as number) || cos.shape.join() !== sin.shape.join()) {
      throw new GraphError(
        `${describe(x)} is not ${heads} heads, of which the first ${rotated} numbers have twice the width of cos ${describe(cos)}`,
      );
    }
    if (positions.shape.join() !== x.shape.slice(0, 2).join()) {
      throw new GraphError(`position_ids must be [${x.shape.slice(0, 2).join(", ")}], not ${describe(positions)}`);
    }
    return [x];
  },
};

/** Every operator in use. The type of autodiff's table requires a gradient rule for each. */
export const ops = {
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Min: binary,
  Max: binary,
  Neg: elementwise,
  Log: floatUnary,
  Exp: floatUnary,
  Erf: floatUnary,
  Tanh: floatUnary,
  Sqrt: floatUnary,
  Reciprocal: floatUnary,
  Sigmoid: floatUnary,
  Gelu: { ...floatUnary, attributes: { approximate: "string" } },
  QuickGelu: { ...floatUnary, domain: "com.microsoft", attributes: { alpha: "float" } },
  MatMul: matMul,
  Gemm: gemm,
  MatMulNBits: matMulNBits,
  GatherBlockQuantized: gatherBlockQuantized,
  Softmax: { ...floatUnary, attributes: { axis: "int" } },
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  RotaryEmbedding: rotaryEmbedding,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceSumSquare: reduction,
  Reshape: reshape,
  Expand: expand,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Where: where,
  Equal: comparison,
  GreaterOrEqual: comparison,
  LessOrEqual: comparison,
  Cast: cast,
} as const satisfies Record<string, OpSpec>;

export type OpName = keyof typeof ops;

/** An operator without a gradient rule: graphs of other programs need it, and nothing is differentiated through it. */
export type ForwardOpName = keyof typeof forwardOps;

export type AnyOpName = OpName | ForwardOpName;

const all: Readonly<Record<AnyOpName, OpSpec>> = { ...ops, ...forwardOps };

/** The specification of an operator, widened to `OpSpec`. */
export function specOf(op: AnyOpName): OpSpec {
  return all[op];
}

/** Whether a name read from a file is an operator in use. */
export function isOpName(name: string): name is AnyOpName {
  return Object.hasOwn(all, name);
}
