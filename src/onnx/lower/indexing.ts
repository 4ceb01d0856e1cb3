/** Gathers, scatters and their gradients. */

import { type Shape, sameShape, sizeOf } from "../../tensor/dtype.ts";
import { constantNumbers, GraphError, type Value } from "../graph.ts";
import { normalizeAxis } from "../shapes.ts";
import type { Call, Lowering } from "./call.ts";

/** Indices from 0 to size − 1; negative ones count from the end. */
export function fromFront(c: Call, indices: Value, size: number): Value {
  if (indices.data) {
    const numbers = constantNumbers(indices);
    if (!numbers.some((index) => index < 0)) return indices;
    return c.constant(
      "int32",
      indices.shape,
      numbers.map((index) => (index < 0 ? index + size : index)),
    );
  }
  const zero = c.b.scalar(0, "int32");
  return c.b.where(c.b.forward("Less", [indices, zero]), c.b.add(indices, c.b.scalar(size, "int32")), indices);
}

/** Adds the rows of `dy`, the gradient of a gather along `axis`, to zeros of `shape`. */
export function gatherGrad(c: Call, shape: Shape, indices: Value, dy: Value, axis: number): Value {
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const expected = [...before, ...indices.shape, ...after];
  if (!sameShape(dy.shape, expected))
    throw new GraphError(`the gradient is [${dy.shape.join(", ")}], but [${expected.join(", ")}] is needed`);
  const places = indices.shape.length;
  // dY is [before, indices, after]; the indices go to the front.
  const order = dy.shape.map((_, i) => i);
  const front = [...order.slice(axis, axis + places), ...order.slice(0, axis), ...order.slice(axis + places)];
  const rows = c.b.reshape(c.b.transpose(dy, front), [sizeOf(indices.shape), ...before, ...after]);
  const size = shape[axis] as number;
  const zeros = c.b.expand(c.b.scalar(0), [size, ...before, ...after]);
  const sums = c.b.scatterRows(zeros, fromFront(c, indices, size), rows);
  const back = [...before.map((_, i) => i + 1), 0, ...after.map((_, i) => i + 1 + before.length)];
  return c.b.transpose(sums, back);
}

const zerosOf = (c: Call, shape: Shape) => c.b.expand(c.b.scalar(0), shape);

/** Rows of `data` [R, …] at the positions that index vectors [..., depth] describe. */
function flatPlaces(c: Call, indices: Value, shape: Shape, depth: number, batch: number): Value {
  const b = c.b;
  const list = sizeOf(indices.shape.slice(0, -1));
  const vectors = b.reshape(indices, [list, depth]);
  const dims = shape.slice(batch, batch + depth);
  const strides = dims.map((_, i) => sizeOf(dims.slice(i + 1)));
  let flat: Value | null = null;
  for (let i = 0; i < depth; i++) {
    const place = b.reshape(c.slice(vectors, i, i + 1, 1), [list]);
    const counted = b.mul(fromFront(c, place, dims[i] as number), b.scalar(strides[i] as number, "int32"));
    flat = flat ? b.add(flat, counted) : counted;
  }
  if (!flat) throw new GraphError("indices have no axis");
  if (batch === 0) return flat;
  const perBatch = list / sizeOf(shape.slice(0, batch));
  const width = sizeOf(dims);
  const starts = Array.from({ length: list }, (_, i) => Math.floor(i / perBatch) * width);
  return b.add(flat, c.ints(starts));
}

/** Depth, number of rows and shape of one row of an operator that indexes the first axes. */
function indexed(indices: Value, shape: Shape, batch: number) {
  const depth = indices.shape.at(-1) ?? 0;
  if (depth < 1 || batch + depth > shape.length)
    throw new GraphError(`index vectors of ${depth} do not fit [${shape.join(", ")}]`);
  const rows = sizeOf(shape.slice(0, batch + depth));
  return { depth, rows, row: shape.slice(batch + depth) };
}

function gatherND(c: Call): Value {
  const [data, indices] = [c.in(0), c.in(1)];
  const batch = c.number("batch_dims", 0);
  const { depth, rows, row } = indexed(indices, data.shape, batch);
  const flat = flatPlaces(c, indices, data.shape, depth, batch);
  const out = [...indices.shape.slice(0, -1), ...row];
  return c.structural(data, (x) => c.b.reshape(c.b.gather(c.b.reshape(x, [rows, ...row]), flat), out));
}

function gatherNDGrad(c: Call): Value {
  const [shape, indices, dy] = [c.numbers(0), c.in(1), c.in(2)];
  const batch = c.number("batch_dims", 0);
  const { depth, rows, row } = indexed(indices, shape, batch);
  const flat = flatPlaces(c, indices, shape, depth, batch);
  const updates = c.b.reshape(dy, [sizeOf(flat.shape), ...row]);
  return c.b.reshape(c.b.scatterRows(zerosOf(c, [rows, ...row]), flat, updates), shape);
}

function scatterND(c: Call): Value {
  const [data, indices, updates] = [c.in(0), c.in(1), c.in(2)];
  const mode = c.text("reduction", "none");
  if (mode !== "none" && mode !== "add") throw new GraphError(`reduction ${mode} is not lowered`);
  const { depth, rows, row } = indexed(indices, data.shape, 0);
  const flat = flatPlaces(c, indices, data.shape, depth, 0);
  const list = sizeOf(flat.shape);
  return c.structural(data, (x) => {
    const base = c.b.reshape(x, [rows, ...row]);
    const rowsOf = c.b.reshape(c.b.cast(updates, x.dtype), [list, ...row]);
    const written =
      mode === "add" ? c.b.scatterRows(base, flat, rowsOf) : c.b.replaceAt(base, c.b.reshape(flat, [list, 1]), rowsOf);
    return c.b.reshape(written, data.shape);
  });
}

/** One where the class of an index is; negative indices count from the end. */
function oneHot(c: Call): Value {
  const indices = c.b.cast(c.in(0), "int32");
  const depth = c.scalar(1, 1);
  const rank = indices.shape.length + 1;
  const axis = normalizeAxis(c.number("axis", -1), rank);
  const values = c.in(2);
  const shape = [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)];
  const classes = c.constant(
    "int32",
    shape.map((_, i) => (i === axis ? depth : 1)),
    Array.from({ length: depth }, (_, i) => i),
  );
  const hit = c.b.equal(c.b.reshape(fromFront(c, indices, depth), shape), classes);
  const value = (i: number) => c.b.reshape(c.slice(values, i, i + 1, 0), []);
  if (values.dtype === "bool") return hit;
  return c.b.where(hit, value(1), value(0));
}

export const indexing = {
  Gather: (c) => {
    const [data, indices] = [c.in(0), c.in(1)];
    const axis = c.axis(data.shape.length, 0);
    return c.b.gather(data, fromFront(c, c.b.cast(indices, "int32"), data.shape[axis] as number), axis);
  },
  GatherGrad: (c) => {
    const shape = c.numbers(0);
    return gatherGrad(c, shape, c.b.cast(c.in(1), "int32"), c.in(2), c.axis(shape.length, 0));
  },
  GatherElements: (c) => {
    const [data, indices] = [c.in(0), c.in(1)];
    const axis = c.axis(data.shape.length, 0);
    const places = fromFront(c, indices, data.shape[axis] as number);
    return c.floating(data, (x) => c.b.gatherElements(x, places, axis));
  },
  GatherElementsGrad: (c) => {
    const [dy, shape, indices] = [c.in(0), c.numbers(1), c.in(2)];
    const axis = c.axis(shape.length, 0);
    const places = fromFront(c, indices, shape[axis] as number);
    return c.b.scatterElementsAdd(zerosOf(c, shape), places, dy, axis);
  },
  GatherND: gatherND,
  GatherNDGrad: gatherNDGrad,
  ScatterND: scatterND,
  ScatterElements: (c) => {
    const [data, indices, updates] = [c.in(0), c.in(1), c.in(2)];
    const mode = c.text("reduction", "none");
    if (mode !== "none" && mode !== "add") throw new GraphError(`reduction ${mode} is not lowered`);
    const axis = c.axis(data.shape.length, 0);
    const places = fromFront(c, indices, data.shape[axis] as number);
    return c.b.emit("ScatterElements", [data, places, updates], { axis, reduction: mode });
  },
  OneHot: oneHot,
} as const satisfies Readonly<Record<string, Lowering>>;
