/**
 * A reference interpreter of our ONNX operators in float64, written as plain loops. It shares only types with the graphs'
 * shape inference. It is the oracle of every gradient rule and of every provider.
 */

import type { Attributes, Graph, Node, Value } from "../../src/onnx/graph.ts";
import type { AnyOpName, ForwardOpName, OpName } from "../../src/onnx/ops.ts";

/** Row-major numbers with their shape; integers and booleans are also numbers. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const size = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

export const tensor = (shape: readonly number[], data: Iterable<number>): Tensor => ({
  shape,
  data: Float64Array.from(data),
});

function fill(shape: readonly number[], value: (index: number) => number): Tensor {
  return { shape, data: Float64Array.from({ length: size(shape) }, (_, i) => value(i)) };
}

/** Distance in elements between neighbours along each axis. */
const strides = (shape: readonly number[]) => shape.map((_, axis) => size(shape.slice(axis + 1)));

/** Flat index → coordinates. */
const unravel = (index: number, shape: readonly number[]) =>
  strides(shape).map((stride, axis) => Math.floor(index / stride) % (shape[axis] as number));

const ravel = (coordinates: readonly number[], shape: readonly number[]) =>
  strides(shape).reduce((sum, stride, axis) => sum + stride * (coordinates[axis] as number), 0);

const read = (x: Tensor, index: number): number => {
  const value = x.data[index];
  if (value === undefined) throw new RangeError(`index ${index} is outside [${x.shape}]`);
  return value;
};

const indexMaps = new Map<string, Int32Array>();

/** Maps each element of `out` to the flat index that `where` returns for its coordinates; computed once per `key`. */
function indexMap(key: string, out: readonly number[], where: (coordinates: number[]) => number): Int32Array {
  let found = indexMaps.get(key);
  if (!found) {
    found = Int32Array.from({ length: size(out) }, (_, i) => where(unravel(i, out)));
    indexMaps.set(key, found);
  }
  return found;
}

/** Maps each element of `out` to the element of `shape` that broadcasting puts there. */
const broadcastMap = (shape: readonly number[], out: readonly number[]) =>
  indexMap(`broadcast ${shape}|${out}`, out, (at) =>
    ravel(
      at.slice(at.length - shape.length).map((c, axis) => (shape[axis] === 1 ? 0 : c)),
      shape,
    ),
  );

type Kernel = (inputs: readonly Tensor[], attributes: Attributes, out: readonly number[]) => Tensor;

const map =
  (f: (x: number, attributes: Attributes) => number): Kernel =>
  ([x], attributes) => ({ shape: (x as Tensor).shape, data: (x as Tensor).data.map((value) => f(value, attributes)) });

const zip =
  (f: (...values: number[]) => number): Kernel =>
  (inputs, _attributes, out) => {
    const maps = inputs.map((x) => broadcastMap(x.shape, out));
    return fill(out, (i) => f(...inputs.map((x, operand) => read(x, maps[operand]?.[i] as number))));
  };

const reduce =
  (start: number, f: (sum: number, x: number) => number, finish = (sum: number, _count: number) => sum): Kernel =>
  ([x], _attributes, out) => {
    const [source, sums] = [x as Tensor, fill(out, () => start)];
    const target = broadcastMap(out, source.shape);
    source.data.forEach((value, i) => {
      const at = target[i] as number;
      sums.data[at] = f(read(sums, at), value);
    });
    return { shape: out, data: sums.data.map((sum) => finish(sum, source.data.length / sums.data.length)) };
  };

/** Dot product of two strided vectors. */
function dot(a: Tensor, fromA: number, stepA: number, b: Tensor, fromB: number, stepB: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += read(a, fromA + k * stepA) * read(b, fromB + k * stepB);
  return sum;
}

const matMul: Kernel = ([a, b], _attributes, out) => {
  const [A, B] = [a as Tensor, b as Tensor];
  const [rows, columns, inner] = [out.at(-2) as number, out.at(-1) as number, A.shape.at(-1) as number];
  const batches = out.slice(0, -2);
  const [batchA, batchB] = [broadcastMap(A.shape.slice(0, -2), batches), broadcastMap(B.shape.slice(0, -2), batches)];
  return fill(out, (i) => {
    const batch = Math.floor(i / (rows * columns));
    const fromA = ((batchA[batch] as number) * rows + (Math.floor(i / columns) % rows)) * inner;
    return dot(A, fromA, 1, B, (batchB[batch] as number) * inner * columns + (i % columns), columns, inner);
  });
};

const gemm: Kernel = ([a, b, c], { alpha, beta, transA, transB }, out) => {
  const [A, B] = [a as Tensor, b as Tensor];
  const [m, n] = out as [number, number];
  const inner = (transA ? A.shape[0] : A.shape[1]) as number;
  const bias = c && broadcastMap(c.shape, out);
  return fill(out, (i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    const sum = dot(
      A,
      transA ? row : row * inner,
      transA ? m : 1,
      B,
      transB ? column * inner : column,
      transB ? 1 : n,
      inner,
    );
    return (alpha as number) * sum + (c ? (beta as number) * read(c, bias?.[i] as number) : 0);
  });
};

/** The number at [row, column] of a matrix in blocks, bytes in reading order. */
function inBlocks([data, scales, zeros]: readonly (Tensor | undefined)[], { bits, block_size }: Attributes) {
  const [S, perByte, block] = [scales as Tensor, 8 / (bits as number), block_size as number];
  const blocks = S.shape[1] as number;
  const piece = (bytes: Tensor, index: number) =>
    Math.floor(read(bytes, Math.floor(index / perByte)) / 2 ** ((bits as number) * (index % perByte))) %
    2 ** (bits as number);
  return (row: number, column: number) => {
    const own = Math.floor(column / block);
    const zero = zeros ? piece(zeros, row * (zeros.shape[1] as number) * perByte + own) : 2 ** ((bits as number) - 1);
    return (piece(data as Tensor, row * blocks * block + column) - zero) * read(S, row * blocks + own);
  };
}

const matMulNBits: Kernel = ([a, ...weight], attributes, out) => {
  const [A, at] = [a as Tensor, inBlocks(weight, attributes)];
  const [columns, inner] = [out[1] as number, A.shape[1] as number];
  const rows = fill([columns, inner], (i) => at(Math.floor(i / inner), i % inner));
  return fill(out, (i) => dot(A, Math.floor(i / columns) * inner, 1, rows, (i % columns) * inner, 1, inner));
};

const gatherBlockQuantized: Kernel = ([data, indices, ...rest], attributes, out) => {
  const [columns, at] = [out.at(-1) as number, inBlocks([data, ...rest], attributes)];
  return fill(out, (i) => at(read(indices as Tensor, Math.floor(i / columns)), i % columns));
};

/** Applies f to each row along the last axis. */
const rowWise =
  (f: (row: Float64Array, inputs: readonly Tensor[], attributes: Attributes) => ArrayLike<number>): Kernel =>
  (inputs, attributes) => {
    const x = inputs[0] as Tensor;
    const [width, data] = [x.shape.at(-1) as number, new Float64Array(x.data.length)];
    for (let at = 0; at < data.length; at += width)
      data.set(f(x.data.subarray(at, at + width), inputs, attributes), at);
    return { shape: x.shape, data };
  };

const softmax = rowWise((row) => {
  const max = Math.max(...row);
  const powers = row.map((z) => Math.exp(z - max));
  const sum = powers.reduce((s, z) => s + z, 0);
  return powers.map((z) => z / sum);
});

const rmsNormalization = rowWise((row, [, scale], { epsilon }) => {
  const mean = row.reduce((s, z) => s + z * z, 0) / row.length;
  return row.map((z, i) => (z / Math.sqrt(mean + (epsilon as number))) * read(scale as Tensor, i));
});

const layerNormalization = rowWise((row, [, scale, bias], { epsilon }) => {
  const mean = row.reduce((s, z) => s + z, 0) / row.length;
  const variance = row.reduce((s, z) => s + (z - mean) ** 2, 0) / row.length;
  const normal = (z: number) => (z - mean) / Math.sqrt(variance + (epsilon as number));
  return row.map((z, i) => normal(z) * read(scale as Tensor, i) + read(bias as Tensor, i));
});

/** Simpson's rule on 2/√π ∫ exp(−t²) dt from 0 to x, with an error below 1e-12 for |x| ≤ 6. */
function erf(x: number): number {
  const end = Math.min(6, Math.abs(x));
  const pieces = 400;
  const width = end / pieces;
  let sum = 1 + Math.exp(-end * end);
  for (let i = 1; i < pieces; i++) sum += (i % 2 === 0 ? 2 : 4) * Math.exp(-((i * width) ** 2));
  return (Math.sign(x) * 2 * sum * width) / (3 * Math.sqrt(Math.PI));
}

const gelu = (x: number, { approximate }: Attributes) =>
  approximate === "tanh"
    ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    : 0.5 * x * (1 + erf(x / Math.SQRT2));

const rotary: Kernel = ([x, positions, cos, sin], { num_heads, interleaved }) => {
  const X = x as Tensor;
  const half = (cos as Tensor).shape[1] as number;
  const width = X.shape[2] as number;
  const head = width / (num_heads as number);
  return fill(X.shape, (i) => {
    const channel = i % head;
    if (channel >= 2 * half) return read(X, i);
    const pair = interleaved ? Math.floor(channel / 2) : channel % half;
    const at = read(positions as Tensor, Math.floor(i / width)) * half + pair;
    const [first, step] = interleaved ? [channel % 2 === 0, 1] : [channel < half, half];
    const partner = first ? -read(X, i + step) : read(X, i - step);
    return read(X, i) * read(cos as Tensor, at) + partner * read(sin as Tensor, at);
  });
};

const gather: Kernel = ([data, indices], { axis }, out) => {
  const [source, index, along] = [data as Tensor, indices as Tensor, axis as number];
  return fill(out, (i) => {
    const at = unravel(i, out);
    const chosen = read(index, ravel(at.slice(along, along + index.shape.length), index.shape));
    return read(source, ravel([...at.slice(0, along), chosen, ...at.slice(along + index.shape.length)], source.shape));
  });
};

/** Coordinates in which `indices` replaces the one along `axis`. */
const redirected = (indices: Tensor, i: number, axis: number) =>
  unravel(i, indices.shape).map((c, own) => (own === axis ? read(indices, i) : c));

const concat: Kernel = (inputs, { axis }, out) => {
  const along = axis as number;
  return fill(out, (i) => {
    const at = unravel(i, out);
    let rest = at[along] as number;
    for (const x of inputs) {
      if (rest < (x.shape[along] as number))
        return read(
          x,
          ravel(
            at.map((c, own) => (own === along ? rest : c)),
            x.shape,
          ),
        );
      rest -= x.shape[along] as number;
    }
    throw new RangeError("past the last operand");
  });
};

const scatterElements: Kernel = ([data, indices, updates], { axis }) => {
  const [X, result] = [data as Tensor, (data as Tensor).data.slice()];
  (updates as Tensor).data.forEach((value, i) => {
    const at = ravel(redirected(indices as Tensor, i, axis as number), X.shape);
    result[at] = (result[at] as number) + value;
  });
  return { shape: X.shape, data: result };
};

const scatterND: Kernel = ([data, indices, updates], { reduction }) => {
  const [X, at, result] = [data as Tensor, indices as Tensor, (data as Tensor).data.slice()];
  const depth = at.shape.at(-1) as number;
  const rest = size(X.shape.slice(depth));
  (updates as Tensor).data.forEach((value, i) => {
    const place = Array.from({ length: depth }, (_, axis) => read(at, Math.floor(i / rest) * depth + axis));
    const target = ravel(place, X.shape.slice(0, depth)) * rest + (i % rest);
    result[target] = reduction === "add" ? (result[target] as number) + value : value;
  });
  return { shape: X.shape, data: result };
};

const same: Kernel = ([x], _attributes, out) => ({ shape: out, data: (x as Tensor).data });
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const kernels: { readonly [Op in Exclude<OpName, "Split">]: Kernel } = {
  Add: zip((x = 0, y = 0) => x + y),
  Sub: zip((x = 0, y = 0) => x - y),
  Mul: zip((x = 0, y = 0) => x * y),
  Div: zip((x = 0, y = 0) => x / y),
  Min: zip(Math.min),
  Max: zip(Math.max),
  Neg: map((x) => -x),
  Log: map(Math.log),
  Exp: map(Math.exp),
  Erf: map(erf),
  Tanh: map(Math.tanh),
  Sqrt: map(Math.sqrt),
  Reciprocal: map((x) => 1 / x),
  Sigmoid: map(sigmoid),
  Gelu: map(gelu),
  QuickGelu: map((x, { alpha }) => x * sigmoid((alpha as number) * x)),
  MatMul: matMul,
  Gemm: gemm,
  MatMulNBits: matMulNBits,
  GatherBlockQuantized: gatherBlockQuantized,
  Softmax: softmax,
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  RotaryEmbedding: rotary,
  ReduceSum: reduce(0, (sum, x) => sum + x),
  ReduceSumSquare: reduce(0, (sum, x) => sum + x * x),
  ReduceMean: reduce(
    0,
    (sum, x) => sum + x,
    (sum, count) => sum / count,
  ),
  ReduceMax: reduce(Number.NEGATIVE_INFINITY, Math.max),
  Reshape: same,
  Expand: zip((x = 0) => x),
  Transpose: ([x], { perm }, out) => {
    const X = x as Tensor;
    const axes = perm as readonly number[];
    const source = indexMap(`transpose ${axes}|${X.shape}`, out, (at) =>
      ravel(
        X.shape.map((_, axis) => at[axes.indexOf(axis)] as number),
        X.shape,
      ),
    );
    return fill(out, (i) => read(X, source[i] as number));
  },
  Concat: concat,
  Gather: gather,
  GatherElements: ([x, indices], { axis }, out) =>
    fill(out, (i) => read(x as Tensor, ravel(redirected(indices as Tensor, i, axis as number), (x as Tensor).shape))),
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Where: zip((condition = 0, x = 0, y = 0) => (condition ? x : y)),
  Equal: zip((x, y) => Number(x === y)),
  GreaterOrEqual: zip((x = 0, y = 0) => Number(x >= y)),
  LessOrEqual: zip((x = 0, y = 0) => Number(x <= y)),
  Cast: same,
};

const cumSum: Kernel = ([x, axis], { exclusive, reverse }) => {
  const X = x as Tensor;
  const given = read(axis as Tensor, 0);
  const along = given < 0 ? given + X.shape.length : given;
  const count = X.shape[along] as number;
  return fill(X.shape, (i) => {
    const at = unravel(i, X.shape);
    const own = at[along] as number;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const before = reverse ? k > own : k < own;
      if (before || (k === own && !exclusive)) sum += read(X, ravel(at.with(along, k), X.shape));
    }
    return sum;
  });
};

/** Operators of other programs' graphs, without gradient rules. */
const forwardKernels: { readonly [Op in ForwardOpName]: Kernel } = {
  Abs: map(Math.abs),
  Floor: map(Math.floor),
  Ceil: map(Math.ceil),
  Sin: map(Math.sin),
  Cos: map(Math.cos),
  Softplus: map((x) => Math.log1p(Math.exp(x))),
  Relu: map((x) => Math.max(0, x)),
  LeakyRelu: map((x, { alpha }) => (x < 0 ? (alpha as number) * x : x)),
  Elu: map((x, { alpha }) => (x < 0 ? (alpha as number) * Math.expm1(x) : x)),
  Pow: zip((x = 0, y = 0) => x ** y),
  Less: zip((x = 0, y = 0) => Number(x < y)),
  Greater: zip((x = 0, y = 0) => Number(x > y)),
  And: zip((x, y) => Number(Boolean(x) && Boolean(y))),
  Not: map((x) => Number(x === 0)),
  CumSum: cumSum,
};

const allKernels: Partial<Record<AnyOpName, Kernel>> = { ...kernels, ...forwardKernels };

/** Splits x into consecutive pieces along an axis. */
function split(x: Tensor, axis: number, outputs: readonly Value[]): Tensor[] {
  let from = 0;
  return outputs.map(({ shape }) => {
    const start = from;
    from += shape[axis] as number;
    return fill(shape, (i) =>
      read(
        x,
        ravel(
          unravel(i, shape).map((at, own) => (own === axis ? at + start : at)),
          x.shape,
        ),
      ),
    );
  });
}

/** Runs one node. The second operand of Expand, Reshape and Split is a shape, not data. */
function runNode(node: Node, lookUp: (value: Value) => Tensor): Tensor[] {
  const out = node.outputs[0] as Value;
  if (node.op === "Split") return split(lookUp(node.inputs[0] as Value), node.attributes.axis as number, node.outputs);
  const shaped = node.op === "Expand" || node.op === "Reshape";
  const inputs = (shaped ? node.inputs.slice(0, 1) : node.inputs).map(lookUp);
  const kernel = allKernels[node.op];
  if (!kernel) throw new Error(`${node.name}: the reference has no ${node.op}`);
  return [kernel(inputs, node.attributes, out.shape)];
}

/** The graph's outputs by name, in float64. `feeds` are the inputs by name. */
export function interpret(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const values = new Map<Value, Tensor>();
  for (const value of graph.initializers) values.set(value, tensor(value.shape, Array.from(value.data ?? [], Number)));
  for (const value of graph.inputs) {
    const fed = feeds[value.name];
    if (!fed || fed.data.length !== size(value.shape))
      throw new Error(`input ${value.name} is not fed as [${value.shape}]`);
    values.set(value, { shape: value.shape, data: fed.data });
  }
  const lookUp = (value: Value): Tensor => {
    const found = values.get(value);
    if (!found) throw new Error(`${value.name} has no value yet`);
    return found;
  };
  for (const node of graph.nodes) {
    for (const [i, result] of runNode(node, lookUp).entries()) values.set(node.outputs[i] as Value, result);
  }
  return Object.fromEntries(graph.outputs.map((value) => [value.name, lookUp(value)]));
}
