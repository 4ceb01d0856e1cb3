/**
 * Computes what follows from shapes and constants alone, as numbers in JavaScript: with static inputs that is all arithmetic of
 * shapes. Operators that only make constants, such as Range, have no other form.
 */

import { type Shape, sameShape, sizeOf } from "../../tensor/dtype.ts";
import type { LoweredDType } from "../foreign.ts";
import { loweredCode } from "../foreignTensor.ts";
import { GraphError, type Value } from "../graph.ts";
import { broadcastShapes, normalizeAxis } from "../shapes.ts";
import type { Call } from "./call.ts";
import { axesOf, resolveShape, sliceRanges, splitSizes, squeezed, unsqueezed } from "./shaping.ts";

/** A constant while it is folded. */
interface Numbers {
  readonly dtype: LoweredDType;
  readonly shape: Shape;
  readonly data: readonly number[] | Float64Array;
}

type Fold = (c: Call, inputs: readonly Numbers[]) => Numbers | readonly Numbers[];

/** Larger constants are left to the graph: it computes them where it has an operator for that. */
export const mostFolded = 2 ** 20;

const strides = (shape: Shape) => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** The result is too large to compute in advance; the graph computes it where it has an operator for that. */
class TooLarge extends GraphError {}

function build(dtype: LoweredDType, shape: Shape, value: (i: number) => number): Numbers {
  const size = sizeOf(shape);
  if (!(size <= mostFolded)) throw new TooLarge(`a constant of ${size} elements is too large to compute in advance`);
  return { dtype, shape, data: Float64Array.from({ length: size }, (_, i) => value(i)) };
}

const at = (x: Numbers, i: number): number => {
  const value = x.data[i];
  if (value === undefined) throw new GraphError(`index ${i} is outside [${x.shape.join(", ")}]`);
  return value;
};

const first = (inputs: readonly Numbers[], i = 0): Numbers => {
  const x = inputs[i];
  if (!x) throw new GraphError(`operand ${i} is missing`);
  return x;
};

/** For each element of `out`, the flat index in `shape` that `where` makes of its coordinates. */
function mapIndex(
  out: Shape,
  shape: Shape,
  where: (at: readonly number[]) => readonly number[],
): (i: number) => number {
  const [from, to] = [strides(out), strides(shape)];
  return (i) => {
    const coordinates = out.map((size, axis) => Math.floor(i / (from[axis] as number)) % size);
    return where(coordinates).reduce((sum, value, axis) => sum + value * (to[axis] as number), 0);
  };
}

const broadcastIndex = (out: Shape, shape: Shape): ((i: number) => number) =>
  sameShape(out, shape)
    ? (i) => i
    : mapIndex(out, shape, (coordinates) =>
        coordinates.slice(coordinates.length - shape.length).map((value, axis) => (shape[axis] === 1 ? 0 : value)),
      );

const zip =
  (compute: (...values: number[]) => number, dtype: LoweredDType | "same"): Fold =>
  (_c, inputs) => {
    const least = Math.max(1, compute.length);
    if (inputs.length < least) throw new GraphError(`it has ${inputs.length} operands, but needs ${least}`);
    const shape = inputs.map((x) => x.shape).reduce(broadcastShapes);
    const maps = inputs.map((x) => broadcastIndex(shape, x.shape));
    // The dtype of Where is that of its last operand.
    const own = (inputs.at(-1) as Numbers).dtype;
    const whole = own === "int32" && dtype === "same";
    return build(dtype === "same" ? own : dtype, shape, (i) => {
      const value = compute(...inputs.map((x, operand) => at(x, maps[operand]?.(i) as number)));
      return whole ? Math.trunc(value) : value;
    });
  };

const map = (compute: (x: number) => number, dtype: LoweredDType | "same" = "same"): Fold => zip(compute, dtype);

/** The same elements in another order or number. */
const moved = (x: Numbers, shape: Shape, where: (at: readonly number[]) => readonly number[]): Numbers => {
  const index = mapIndex(shape, x.shape, where);
  return build(x.dtype, shape, (i) => at(x, index(i)));
};

const reshaped = (x: Numbers, shape: Shape): Numbers => ({ ...x, shape });

function concat(c: Call, inputs: readonly Numbers[]): Numbers {
  const { dtype, shape } = first(inputs);
  const axis = c.axis(shape.length, 1);
  const owners = inputs.flatMap((x) => Array.from({ length: x.shape[axis] ?? 0 }, (_, i) => ({ x, place: i })));
  const out = shape.with(axis, owners.length);
  for (const x of inputs) {
    if (x.shape.length !== shape.length) throw new GraphError("operands of different ranks do not join");
  }
  const [from] = [strides(out)];
  return build(dtype, out, (i) => {
    const coordinates = out.map((size, d) => Math.floor(i / (from[d] as number)) % size);
    const owner = owners[coordinates[axis] as number] as { x: Numbers; place: number };
    const own = strides(owner.x.shape);
    const place = coordinates.with(axis, owner.place).reduce((sum, value, d) => sum + value * (own[d] as number), 0);
    return at(owner.x, place);
  });
}

function reduce(
  start: number,
  step: (sum: number, x: number) => number,
  end = (sum: number, _count: number) => sum,
): Fold {
  return (c, inputs) => {
    const x = first(inputs);
    const given = axesOf(c, 1);
    if ((!given || given.length === 0) && c.number("noop_with_empty_axes", 0) === 1) return x;
    const axes = new Set(
      given && given.length > 0 ? given.map((axis) => normalizeAxis(axis, x.shape.length)) : x.shape.map((_, i) => i),
    );
    const wide = x.shape.map((size, axis) => (axes.has(axis) ? 1 : size));
    const sums = new Float64Array(sizeOf(wide)).fill(start);
    const target = broadcastIndex(x.shape, wide);
    x.data.forEach((value, i) => {
      sums[target(i)] = step(sums[target(i)] as number, value);
    });
    const count = x.data.length / Math.max(1, sums.length);
    const shape = c.number("keepdims", 1) === 1 ? wide : x.shape.filter((_, axis) => !axes.has(axis));
    return { dtype: x.dtype, shape, data: sums.map((sum) => end(sum, count)) };
  };
}

const integers = (values: readonly number[]): Numbers => ({ dtype: "int32", shape: [values.length], data: values });

/** Axes to sum over so that a gradient gets the shape of each operand of a broadcast; from the back, as ONNX Runtime lists them. */
function broadcastAxes(_c: Call, inputs: readonly Numbers[]): Numbers[] {
  const [a, b] = [first(inputs), first(inputs, 1)];
  const rank = Math.max(a.data.length, b.data.length);
  const axes: [number[], number[]] = [[], []];
  for (let axis = rank - 1; axis >= 0; axis--) {
    const [x, y] = [a, b].map(({ data }) => data[axis - rank + data.length]);
    if (x === y) continue;
    if (x !== undefined && y !== undefined && x !== 1 && y !== 1)
      throw new GraphError(`dimensions ${x} and ${y} do not broadcast`);
    if (x === undefined || x === 1) axes[0].push(axis);
    else axes[1].push(axis);
  }
  return axes.map(integers);
}

function range(_c: Call, inputs: readonly Numbers[]): Numbers {
  const [start, limit, delta] = [0, 1, 2].map((i) => at(first(inputs, i), 0)) as [number, number, number];
  if (delta === 0) throw new GraphError("a range with step 0");
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return build(first(inputs).dtype, [count], (i) => start + i * delta);
}

function scatterND(c: Call, inputs: readonly Numbers[]): Numbers {
  const [x, indices, updates] = [first(inputs), first(inputs, 1), first(inputs, 2)];
  if (c.text("reduction", "none") !== "none") throw new GraphError("only a plain ScatterND of constants is computed");
  const depth = indices.shape.at(-1) ?? 0;
  const width = sizeOf(x.shape.slice(depth));
  const steps = strides(x.shape);
  const data = Float64Array.from(x.data);
  for (let row = 0; row < indices.data.length / Math.max(1, depth); row++) {
    let place = 0;
    for (let d = 0; d < depth; d++) {
      const index = at(indices, row * depth + d);
      place += (index < 0 ? index + (x.shape[d] as number) : index) * (steps[d] as number);
    }
    for (let i = 0; i < width; i++) data[place + i] = at(updates, row * width + i);
  }
  return { ...x, data };
}

function gather(c: Call, inputs: readonly Numbers[]): Numbers {
  const [x, indices] = [first(inputs), first(inputs, 1)];
  const axis = c.axis(x.shape.length, 0);
  const places = indices.shape.length;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const own = strides(indices.shape);
  return moved(x, shape, (coordinates) => {
    const flat = coordinates.slice(axis, axis + places).reduce((sum, value, d) => sum + value * (own[d] as number), 0);
    const index = at(indices, flat);
    const place = index < 0 ? index + (x.shape[axis] as number) : index;
    if (!(place >= 0 && place < (x.shape[axis] as number)))
      throw new GraphError(`index ${index} is outside axis ${axis} of [${x.shape.join(", ")}]`);
    return [...coordinates.slice(0, axis), place, ...coordinates.slice(axis + places)];
  });
}

function slice(c: Call, inputs: readonly Numbers[]): Numbers {
  const x = first(inputs);
  const [starts, ends] = [c.optionalList("starts"), c.optionalList("ends")];
  const ranges =
    starts && ends
      ? sliceRanges(x.shape, starts, ends, c.optionalList("axes"))
      : sliceRanges(x.shape, c.numbers(1), c.numbers(2), c.optionalNumbers(3), c.optionalNumbers(4));
  return moved(
    x,
    ranges.map(({ count }) => count),
    (coordinates) =>
      coordinates.map((value, axis) => (ranges[axis]?.start as number) + value * (ranges[axis]?.step as number)),
  );
}

function split(c: Call, inputs: readonly Numbers[]): Numbers[] {
  const x = first(inputs);
  const axis = c.axis(x.shape.length, 0);
  let from = 0;
  return splitSizes(c, x.shape[axis] as number).map((size) => {
    const start = from;
    from += size;
    if (from > (x.shape[axis] as number)) throw new GraphError(`pieces exceed axis ${axis} of [${x.shape.join(", ")}]`);
    return moved(x, x.shape.with(axis, size), (coordinates) =>
      coordinates.with(axis, (coordinates[axis] as number) + start),
    );
  });
}

function cast(c: Call, inputs: readonly Numbers[]): Numbers {
  const x = first(inputs);
  const dtype = loweredCode(c.number("to", 1));
  if (!dtype) throw new GraphError(`a cast to ONNX type ${c.number("to", 0)} is not lowered`);
  if (dtype === "int32") return { ...x, dtype, data: Float64Array.from(x.data, Math.trunc) };
  return dtype === "bool"
    ? { ...x, dtype, data: Float64Array.from(x.data, (v) => (v === 0 ? 0 : 1)) }
    : { ...x, dtype };
}

const truth = (value: boolean) => (value ? 1 : 0);
const floorMod = (x: number, y: number) => x - Math.floor(x / y) * y;

const folds: Readonly<Record<string, Fold>> = {
  Identity: (_c, inputs) => first(inputs),
  Add: zip((x, y) => x + y, "same"),
  Sub: zip((x, y) => x - y, "same"),
  Mul: zip((x, y) => x * y, "same"),
  Div: zip((x, y) => x / y, "same"),
  Mod: (c, inputs) => zip((x, y) => (c.number("fmod", 0) === 1 ? x % y : floorMod(x, y)), "same")(c, inputs),
  Pow: zip((x, y) => x ** y, "same"),
  Min: zip((...values) => Math.min(...values), "same"),
  Max: zip((...values) => Math.max(...values), "same"),
  Sum: zip((...values) => values.reduce((sum, value) => sum + value, 0), "same"),
  Neg: map((x) => -x),
  Abs: map(Math.abs),
  Floor: map(Math.floor),
  Ceil: map(Math.ceil),
  Sqrt: map(Math.sqrt),
  Exp: map(Math.exp),
  Log: map(Math.log),
  Reciprocal: map((x) => 1 / x),
  Sign: map(Math.sign),
  Not: map((x) => truth(x === 0), "bool"),
  And: zip((x, y) => truth(x !== 0 && y !== 0), "bool"),
  Or: zip((x, y) => truth(x !== 0 || y !== 0), "bool"),
  Equal: zip((x, y) => truth(x === y), "bool"),
  Less: zip((x, y) => truth(x < y), "bool"),
  Greater: zip((x, y) => truth(x > y), "bool"),
  LessOrEqual: zip((x, y) => truth(x <= y), "bool"),
  GreaterOrEqual: zip((x, y) => truth(x >= y), "bool"),
  Where: zip((condition, x, y) => (condition ? x : y) as number, "same"),
  Cast: cast,
  Reshape: (c, inputs) => {
    const x = first(inputs);
    const to = c.optionalList("shape") ?? Array.from(first(inputs, 1).data);
    return reshaped(x, resolveShape(x.shape, to, c.number("allowzero", 0) === 1));
  },
  Squeeze: (c, inputs) => reshaped(first(inputs), squeezed(first(inputs).shape, axesOf(c, 1))),
  Unsqueeze: (c, inputs) => reshaped(first(inputs), unsqueezed(first(inputs).shape, axesOf(c, 1) ?? [])),
  Transpose: (c, inputs) => {
    const x = first(inputs);
    const perm = c.optionalList("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    return moved(
      x,
      perm.map((axis) => x.shape[axis] as number),
      (coordinates) => x.shape.map((_, axis) => coordinates[perm.indexOf(axis)] as number),
    );
  },
  Expand: (_c, inputs) => {
    const x = first(inputs);
    const shape = broadcastShapes(x.shape, Array.from(first(inputs, 1).data));
    const index = broadcastIndex(shape, x.shape);
    return build(x.dtype, shape, (i) => at(x, index(i)));
  },
  Tile: (_c, inputs) => {
    const x = first(inputs);
    const repeats = Array.from(first(inputs, 1).data);
    return moved(
      x,
      x.shape.map((size, axis) => size * (repeats[axis] ?? 1)),
      (coordinates) => coordinates.map((value, axis) => value % (x.shape[axis] as number)),
    );
  },
  Concat: concat,
  ConcatTraining: (c, inputs) => {
    const joined = concat(c, inputs);
    const axis = c.axis(joined.shape.length, 1);
    return [joined, integers(inputs.map(({ shape }) => shape[axis] as number))];
  },
  Split: split,
  SplitTraining: split,
  Slice: slice,
  Gather: gather,
  ScatterND: scatterND,
  ReduceSum: reduce(0, (sum, x) => sum + x),
  ReduceSumTraining: reduce(0, (sum, x) => sum + x),
  ReduceProd: reduce(1, (product, x) => product * x),
  ReduceMax: reduce(Number.NEGATIVE_INFINITY, Math.max),
  ReduceMin: reduce(Number.POSITIVE_INFINITY, Math.min),
  ReduceMean: reduce(
    0,
    (sum, x) => sum + x,
    (sum, count) => sum / count,
  ),
  Range: range,
  ConstantOfShape: (c, inputs) => {
    const value = c.tensor("value");
    const fill = value ? Number(value.data[0] ?? 0) : 0;
    return build(value?.dtype ?? "float32", Array.from(first(inputs).data), () => fill);
  },
  BroadcastGradientArgs: broadcastAxes,
  NonZero: (_c, inputs) => {
    const x = first(inputs);
    const own = strides(x.shape);
    const hits = Array.from(x.data.keys()).filter((i) => x.data[i] !== 0);
    return build("int32", [x.shape.length, hits.length], (i) => {
      const axis = Math.floor(i / Math.max(1, hits.length));
      return Math.floor((hits[i % hits.length] as number) / (own[axis] as number)) % (x.shape[axis] as number);
    });
  },
};

/** Operators whose result follows from shapes alone, whatever computes their operand. */
const ofShapes: Readonly<Record<string, (c: Call) => Numbers>> = {
  Shape: (c) => {
    const { shape } = c.in(0);
    const end = c.has("end") ? c.number("end", 0) : shape.length;
    return integers(shape.slice(c.number("start", 0), end));
  },
  Size: (c) => ({ dtype: "int32", shape: [], data: [sizeOf(c.in(0).shape)] }),
  Constant: (c) => {
    const found = ["value_int", "value_float"].find((name) => c.has(name));
    if (found) return { dtype: found === "value_int" ? "int32" : "float32", shape: [], data: [c.number(found, 0)] };
    const list = ["value_ints", "value_floats"].find((name) => c.has(name));
    if (list) {
      const values = c.optionalList(list) ?? [];
      return { dtype: list === "value_ints" ? "int32" : "float32", shape: [values.length], data: values };
    }
    const tensor = c.tensor("value");
    if (!tensor) throw new GraphError("a constant without a number or tensor");
    return { dtype: tensor.dtype, shape: tensor.shape, data: Float64Array.from(tensor.data) };
  },
};

/** Every operator that exists only as a constant here. */
export const foldedOnly: readonly string[] = [
  ...Object.keys(ofShapes),
  "Range",
  "BroadcastGradientArgs",
  "NonZero",
  "ReduceProd",
];

/** The node's results as constants; null where it depends on data, or its operands are too large to be folded. */
export function fold(c: Call, operands: readonly (Value | undefined)[]): readonly Value[] | null {
  const { op } = c.node;
  const write = ({ dtype, shape, data }: Numbers) => c.constant(dtype, shape, data);
  if (Object.hasOwn(ofShapes, op)) return [write((ofShapes[op] as (c: Call) => Numbers)(c))];
  const compute = Object.hasOwn(folds, op) ? folds[op] : undefined;
  if (!compute) return null;
  const inputs: Numbers[] = [];
  for (const value of operands) {
    if (!value) continue;
    if (!value.data || value.data.length > mostFolded) return null;
    const dtype = value.dtype as LoweredDType;
    inputs.push({ dtype, shape: value.shape, data: Float64Array.from(value.data as ArrayLike<number>, Number) });
  }
  let results: ReturnType<Fold>;
  try {
    results = compute(c, inputs);
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
  return (Array.isArray(results) ? (results as readonly Numbers[]) : [results as Numbers]).map(write);
}
