/** Operators that move elements, and their gradients. */

import { type Shape, sameShape, sizeOf } from "../../tensor/dtype.ts";
import { GraphError, type Value } from "../graph.ts";
import { broadcastShapes, normalizeAxis } from "../shapes.ts";
import type { Call, Lowering } from "./call.ts";

/** The shape that `Reshape` gives: 0 copies a dimension, −1 takes what is left. */
export function resolveShape(from: Shape, to: readonly number[], allowZero: boolean): number[] {
  const shape = to.map((dimension, axis) => (dimension === 0 && !allowZero ? (from[axis] ?? 0) : dimension));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = shape.reduce((product, dimension, axis) => (axis === open ? product : product * dimension), 1);
    shape[open] = rest === 0 ? 0 : sizeOf(from) / rest;
  }
  if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0) || sizeOf(shape) !== sizeOf(from))
    throw new GraphError(`[${from.join(", ")}] cannot be reshaped to [${to.join(", ")}]`);
  return shape;
}

export const reshapeTo = (c: Call, x: Value, shape: Shape): Value => c.structural(x, (y) => c.b.reshape(y, shape));

/** Axes of an attribute of old versions or of operand `i` of new ones; undefined where neither is given. */
export const axesOf = (c: Call, i: number): readonly number[] | undefined =>
  c.optionalList("axes") ?? c.optionalNumbers(i);

/** The shape with the axes of size 1 removed; without `axes` all of them. */
export function squeezed(shape: Shape, axes: readonly number[] | undefined): number[] {
  const gone = new Set(axes?.map((axis) => normalizeAxis(axis, shape.length)));
  for (const axis of gone)
    if (shape[axis] !== 1) throw new GraphError(`axis ${axis} of [${shape.join(", ")}] has not size 1`);
  return shape.filter((dimension, axis) => (axes ? !gone.has(axis) : dimension !== 1));
}

export function unsqueezed(shape: Shape, axes: readonly number[]): number[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => normalizeAxis(axis, rank)));
  if (added.size !== axes.length) throw new GraphError(`axes [${axes.join(", ")}] repeat`);
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (shape[next++] as number)));
}

/** Start, step and number of the elements that a slice takes along one axis. */
export interface SliceRange {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** The range of each axis, from the operands or attributes of `Slice` and `SliceGrad`. */
export function sliceRanges(
  shape: Shape,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[] = starts.map((_, axis) => axis),
  steps: readonly number[] = starts.map(() => 1),
): SliceRange[] {
  const ranges = shape.map((count): SliceRange => ({ start: 0, step: 1, count }));
  axes.forEach((given, i) => {
    const axis = normalizeAxis(given, shape.length);
    const size = shape[axis] as number;
    const step = steps[i] ?? 1;
    if (step === 0) throw new GraphError("a slice with step 0");
    const from = (value: number) => (value < 0 ? value + size : value);
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const start = Math.min(Math.max(from(starts[i] ?? 0), 0), high);
    // The end of a backward slice may be "before the first", which counts from neither side.
    const rawEnd = ends[i] ?? size;
    const end = Math.min(Math.max(from(rawEnd), low), step > 0 ? size : size - 1);
    ranges[axis] = { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
  return ranges;
}

const indicesOf = ({ start, step, count }: SliceRange) => Array.from({ length: count }, (_, i) => start + i * step);

function sliceOf(c: Call, x: Value, ranges: readonly SliceRange[]): Value {
  return ranges.reduce((y, range, axis) => {
    if (range.step === 1 && range.count === y.shape[axis]) return y;
    return c.b.gather(y, c.ints(indicesOf(range)), axis);
  }, x);
}

const sliceOperands = (c: Call, first: number) =>
  [c.numbers(first), c.numbers(first + 1), c.optionalNumbers(first + 2), c.optionalNumbers(first + 3)] as const;

/** Puts `x` back at the places of the ranges in zeros of `shape`: the gradient of a slice. */
function unslice(c: Call, x: Value, shape: Shape, ranges: readonly SliceRange[]): Value {
  return ranges.reduceRight((y, range, axis) => {
    const size = shape[axis] as number;
    if (range.step === 1 && range.count === size) return y;
    const zeros = (count: number) => c.zeros("float32", y.shape.with(axis, count));
    if (range.step === 1) {
      const after = size - range.start - range.count;
      const parts = [range.start > 0 ? zeros(range.start) : null, y, after > 0 ? zeros(after) : null];
      return c.b.concat(
        parts.filter((part) => part !== null),
        axis,
      );
    }
    const places = new Array<number>(size).fill(range.count);
    indicesOf(range).forEach((place, i) => {
      places[place] = i;
    });
    return c.b.gather(c.b.concat([y, zeros(1)], axis), c.ints(places), axis);
  }, x);
}

/** Joins tensors; WebGPU binds at most eight buffers, so many are joined in several steps. */
export function concatAll(c: Call, values: readonly Value[], axis: number): Value {
  const most = 7;
  if (values.length <= most) return c.b.concat(values, axis);
  const groups = Array.from({ length: Math.ceil(values.length / most) }, (_, i) =>
    c.b.concat(values.slice(i * most, (i + 1) * most), axis),
  );
  return concatAll(c, groups, axis);
}

function concat(c: Call): Value {
  const values = c.all();
  const [first] = values;
  if (!first) throw new GraphError("no operand is given");
  const axis = c.axis(first.shape.length, 1);
  const full = values.filter(({ shape }) => sizeOf(shape) > 0);
  if (full.length === 0) return first;
  if (first.dtype !== "bool") return concatAll(c, full, axis);
  const joined = concatAll(
    c,
    full.map((value) => c.b.cast(value, "int32")),
    axis,
  );
  return c.b.cast(joined, "bool");
}

/** Sizes of a split's pieces. */
export function splitSizes(c: Call, size: number): number[] {
  const given = c.optionalList("split") ?? c.optionalNumbers(1);
  if (given) return [...given];
  const count = c.number("num_outputs", c.node.outputs.length);
  const piece = Math.ceil(size / Math.max(1, count));
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(piece, size - i * piece)));
}

function split(c: Call): Value[] {
  const x = c.in(0);
  const axis = c.axis(x.shape.length, 0);
  const sizes = splitSizes(c, x.shape[axis] as number);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== x.shape[axis])
    throw new GraphError(
      `pieces of ${sizes.slice(0, 8).join(", ")} do not fill axis ${axis} of [${x.shape.join(", ")}]`,
    );
  // One Split binds all its outputs; WebGPU has eight buffers.
  if (sizes.length <= 7 && x.dtype !== "bool") return [...c.b.split(x, sizes, axis)];
  let from = 0;
  return sizes.map((size) => {
    from += size;
    return c.slice(x, from - size, from, axis);
  });
}

export function tileOf(c: Call, x: Value, repeats: readonly number[]): Value {
  if (repeats.length !== x.shape.length) throw new GraphError(`${repeats.length} repeats for rank ${x.shape.length}`);
  if (repeats.every((count) => count === 1)) return x;
  const apart = x.shape.flatMap((dimension) => [1, dimension]);
  const wide = x.shape.flatMap((dimension, axis) => [repeats[axis] as number, dimension]);
  const out = x.shape.map((dimension, axis) => dimension * (repeats[axis] as number));
  return c.structural(x, (y) => c.b.reshape(c.b.expand(c.b.reshape(y, apart), wide), out));
}

function pad(c: Call): Value {
  const x = c.in(0);
  if (c.text("mode", "constant") !== "constant") throw new GraphError(`mode ${c.text("mode", "")} is not lowered`);
  const pads = c.optionalList("pads") ?? c.numbers(1);
  const value = c.optional(2)?.data ? c.scalar(2, 0) : c.number("value", 0);
  const rank = x.shape.length;
  const axes = c.optionalNumbers(3)?.map((axis) => normalizeAxis(axis, rank)) ?? x.shape.map((_, axis) => axis);
  if (x.dtype === "bool" || x.dtype === "uint8") throw new GraphError("only numbers are padded");
  const dtype = x.dtype === "float32" ? "float32" : "int32";
  return axes.reduce((y, axis, i) => {
    const [before, after] = [pads[i] ?? 0, pads[i + axes.length] ?? 0];
    const size = y.shape[axis] as number;
    const cropped = c.slice(y, Math.max(0, -before), size + Math.min(0, after), axis);
    const edge = (count: number) => (count > 0 ? [c.fill(dtype, cropped.shape.with(axis, count), value)] : []);
    return c.b.concat([...edge(before), cropped, ...edge(after)], axis);
  }, x);
}

/** Elements on one side of the k-th diagonal, the others 0. */
function trilu(c: Call): Value {
  const x = c.in(0);
  const k = c.scalar(1, 0);
  const upper = c.number("upper", 1) === 1;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const mask = Array.from({ length: rows * columns }, (_, i) => {
    const distance = (i % columns) - Math.floor(i / columns);
    return (upper ? distance >= k : distance <= k) ? 1 : 0;
  });
  const inside = c.constant("bool", [rows, columns], mask);
  if (x.dtype === "bool") return c.b.forward("And", [inside, x]);
  return c.b.where(inside, x, c.constant(x.dtype === "float32" ? "float32" : "int32", [], [0]));
}

const expandTo = (c: Call, x: Value, shape: readonly number[]): Value => {
  const out = broadcastShapes(x.shape, shape);
  return sameShape(out, x.shape) ? x : c.structural(x, (y) => c.b.expand(y, out));
};

export const shaping = {
  Identity: (c) => c.in(0),
  PassThrough: (c) => c.all(),
  Reshape: (c) => {
    const x = c.in(0);
    const to = c.optionalList("shape") ?? c.numbers(1);
    return reshapeTo(c, x, resolveShape(x.shape, to, c.number("allowzero", 0) === 1));
  },
  View: (c) => reshapeTo(c, c.in(0), resolveShape(c.in(0).shape, c.numbers(1), false)),
  Flatten: (c) => {
    const { shape } = c.in(0);
    const given = c.number("axis", 1);
    const axis = given < 0 ? given + shape.length : given;
    return reshapeTo(c, c.in(0), [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]);
  },
  Squeeze: (c) => reshapeTo(c, c.in(0), squeezed(c.in(0).shape, axesOf(c, 1))),
  Unsqueeze: (c) => reshapeTo(c, c.in(0), unsqueezed(c.in(0).shape, axesOf(c, 1) ?? [])),
  Transpose: (c) => {
    const x = c.in(0);
    const perm = c.optionalList("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    return c.structural(x, (y) => c.b.transpose(y, perm));
  },
  Expand: (c) => expandTo(c, c.in(0), c.numbers(1)),
  ConstantOfShape: (c) => {
    const value = c.tensor("value");
    return c.fill(value?.dtype ?? "float32", c.numbers(0), Number(value?.data[0] ?? 0));
  },
  Tile: (c) => tileOf(c, c.in(0), c.numbers(1)),
  Concat: concat,
  ConcatTraining: (c) => [concat(c), c.ints(c.all().map(({ shape }) => shape[c.axis(shape.length, 1)] as number))],
  Split: split,
  SplitTraining: split,
  Slice: (c) => {
    const x = c.in(0);
    const starts = c.optionalList("starts");
    const ends = c.optionalList("ends");
    const ranges =
      starts && ends
        ? sliceRanges(x.shape, starts, ends, c.optionalList("axes"))
        : sliceRanges(x.shape, ...sliceOperands(c, 1));
    return sliceOf(c, x, ranges);
  },
  SliceGrad: (c) => {
    const shape = c.numbers(1);
    return unslice(c, c.in(0), shape, sliceRanges(shape, ...sliceOperands(c, 2)));
  },
  Pad: pad,
  Trilu: trilu,
} as const satisfies Readonly<Record<string, Lowering>>;
