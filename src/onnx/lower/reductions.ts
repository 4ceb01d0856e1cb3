/** Reductions, searches for the largest element, and running sums. */

import { type Shape, sameShape } from "../../tensor/dtype.ts";
import { GraphError, type Value } from "../graph.ts";
import { normalizeAxis } from "../shapes.ts";
import type { Call, Lowering } from "./call.ts";
import { axesOf } from "./shaping.ts";

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(c: Call, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const added = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) =>
    axis < added || (shape[axis - added] === 1 && size !== 1) ? [axis] : [],
  );
  return c.b.reshape(axes.length > 0 ? c.b.reduceSum(x, axes) : x, shape);
}

type Reduce = (c: Call, x: Value, axes: readonly number[]) => Value;

/** A reduction of floats; `reduce` keeps the axes with size 1. */
const reduction =
  (reduce: Reduce): Lowering =>
  (c) => {
    const x = c.in(0);
    const given = axesOf(c, 1);
    if ((!given || given.length === 0) && c.number("noop_with_empty_axes", 0) === 1) return x;
    const all = x.shape.map((_, axis) => axis);
    const axes = given && given.length > 0 ? given.map((axis) => normalizeAxis(axis, x.shape.length)) : all;
    const reduced = axes.length === 0 ? x : c.floating(x, (y) => reduce(c, y, axes));
    if (c.number("keepdims", 1) === 1) return reduced;
    return c.b.reshape(
      reduced,
      reduced.shape.filter((_, axis) => !axes.includes(axis)),
    );
  };

const sum: Reduce = (c, x, axes) => c.b.reduceSum(x, axes);
const squares: Reduce = (c, x, axes) => c.b.reduceSumSquare(x, axes);
const largest: Reduce = (c, x, axes) => c.b.reduceMax(x, axes);
const smallest: Reduce = (c, x, axes) => c.b.neg(c.b.reduceMax(c.b.neg(x), axes));

/** So many classes are added one after the other; more would take too long that way. */
const mostInOrder = 128;

/**
 * Sums along the last axis from the first element to the last, as ONNX Runtime's processor kernel does. A small loss is the log
 * of a sum near 1, where another order changes all its digits.
 */
function sumInOrder(c: Call, x: Value, axes: readonly number[]): Value {
  const last = x.shape.length - 1;
  const size = x.shape[last] as number;
  if (axes.length !== 1 || axes[0] !== last || size > mostInOrder) return c.b.reduceSum(x, axes);
  const sums = c.b.forward("CumSum", [x, c.constant("int32", [1], [last])], { exclusive: 0, reverse: 0 });
  return c.slice(sums, size - 1, size, last);
}

/** x − max, and log Σ exp(x − max). Their difference is log softmax; log Σ exp(x) itself would cancel digits of it. */
export function shifted(c: Call, x: Value, axes: readonly number[]) {
  const top = c.b.reduceMax(x, axes);
  const apart = c.b.sub(x, top);
  return { top, apart, logSum: c.b.log(sumInOrder(c, c.b.exp(apart), axes)) };
}

/** x − log Σ exp(x) */
export function logSoftmax(c: Call, x: Value, axes: readonly number[]): Value {
  const { apart, logSum } = shifted(c, x, axes);
  return c.b.sub(apart, logSum);
}

/** log Σ exp(x) */
function logSumExp(c: Call, x: Value, axes: readonly number[]): Value {
  const { top, logSum } = shifted(c, x, axes);
  return c.b.add(top, logSum);
}

/** The first (or last) index of the largest element along an axis, as int32. */
const search =
  (direction: "largest" | "smallest"): Lowering =>
  (c) => {
    const given = c.in(0);
    const b = c.b;
    const x = b.cast(given, "float32");
    const y = direction === "largest" ? x : b.neg(x);
    const axis = c.axis(x.shape.length, 0);
    const size = x.shape[axis] as number;
    const last = c.number("select_last_index", 0) === 1;
    const shape = x.shape.map((_, i) => (i === axis ? size : 1));
    const places = c.constant(
      "float32",
      shape,
      Array.from({ length: size }, (_, i) => (last ? i : size - i)),
    );
    const found = b.where(b.equal(y, b.reduceMax(y, [axis])), places, b.scalar(0));
    const place = b.reduceMax(found, [axis]);
    const index = b.cast(last ? place : b.sub(b.scalar(size), place), "int32");
    if (c.number("keepdims", 1) === 1) return index;
    return b.reshape(
      index,
      index.shape.filter((_, i) => i !== axis),
    );
  };

export const reductions = {
  ReduceSum: reduction(sum),
  ReduceSumTraining: reduction(sum),
  ReduceMean: reduction((c, x, axes) => c.b.reduceMean(x, axes)),
  ReduceMax: reduction(largest),
  ReduceMin: reduction(smallest),
  ReduceSumSquare: reduction(squares),
  ReduceL1: reduction((c, x, axes) => c.b.reduceSum(c.b.forward("Abs", [x]), axes)),
  ReduceL2: reduction((c, x, axes) => c.b.sqrt(c.b.reduceSumSquare(x, axes))),
  ReduceLogSum: reduction((c, x, axes) => c.b.log(c.b.reduceSum(x, axes))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: search("largest"),
  ArgMin: search("smallest"),
  CumSum: (c) => {
    const axis = c.scalar(1, 0);
    const attributes = { exclusive: c.number("exclusive", 0), reverse: c.number("reverse", 0) };
    if (c.in(0).dtype === "bool") throw new GraphError("only numbers are summed");
    return c.b.forward("CumSum", [c.in(0), c.constant("int32", [1], [axis])], attributes);
  },
} as const satisfies Readonly<Record<string, Lowering>>;
