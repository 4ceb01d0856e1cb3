/**
 * The gradient rule of every operator in use; a missing rule is a compile error.
 *
 * A rule takes the gradient `g` of the node's output `y` and returns one function per operand, which writes that operand's
 * gradient. The walk (backward.ts) calls only the functions it needs, and sums over broadcast axes.
 */

import type { Gradient, GraphBuilder } from "../onnx/builder.ts";
import { type Attributes, constantNumbers, GraphError, type Value } from "../onnx/graph.ts";
import type { OpName } from "../onnx/ops.ts";
import { normalizeAxis } from "../onnx/shapes.ts";
import { sizeOf } from "../tensor/dtype.ts";

/** A gradient that can be added to an earlier one in the same operation. */
export const adding = (write: (before?: Value) => Value): Gradient =>
  Object.assign(() => write(), { onto: (before: Value) => write(before) });

export type Rule = (
  b: GraphBuilder,
  g: Value,
  y: Value,
  inputs: readonly Value[],
  attributes: Attributes,
) => readonly Gradient[];

/** Integers, conditions and axes have no gradient: a graph that requests one is wrong. */
const none: Gradient = () => {
  throw new GraphError("integers, conditions and axes have no gradient");
};
const constant: Rule = (_b, _g, _y, inputs) => inputs.map(() => none);

/** A rule of one operand. */
const unary =
  (rule: (b: GraphBuilder, g: Value, x: Value, y: Value) => Value): Rule =>
  (b, g, y, inputs) => [() => rule(b, g, inputs[0] as Value, y)];

/** A rule of two operands. */
const binary =
  (
    left: (b: GraphBuilder, g: Value, p: Value, q: Value, y: Value) => Value,
    right: (b: GraphBuilder, g: Value, p: Value, q: Value, y: Value) => Value,
  ): Rule =>
  (b, g, y, inputs) => {
    const [p, q] = inputs as [Value, Value];
    return [() => left(b, g, p, q, y), () => right(b, g, p, q, y)];
  };

/** g where Min or Max chose this operand, else 0. At a tie both operands get g, because neither comes first. */
const chosen = (b: GraphBuilder, g: Value, condition: Value) => b.where(condition, g, b.scalar(0));

const reductionRule =
  (rule: (b: GraphBuilder, g: Value, x: Value, y: Value, count: number) => Value): Rule =>
  (b, g, y, inputs) => {
    const [x, axes] = inputs as [Value, Value];
    const count = constantNumbers(axes).reduce(
      (n, axis) => n * (x.shape[normalizeAxis(axis, x.shape.length)] as number),
      1,
    );
    return [() => rule(b, g, x, y, count), none];
  };

/**
 * y = αA′B′ + βC: dA′ = αg B′ᵀ, dB′ = A′ᵀ αg, dC = βg. Each product uses Gemm's own transposition flags, so no Transpose
 * node is needed.
 */
const gemm: Rule = (b, g, _y, [p, q], { alpha, beta, transA, transB }) => {
  const [A, B] = [p as Value, q as Value];
  const scale = { alpha: alpha as number };
  const product = (left: Value, right: Value, flips: { transA?: boolean; transB?: boolean }) =>
    adding((before) => b.gemm(left, right, { ...scale, ...flips, ...(before && { c: before }) }));
  return [
    transA ? product(B, g, { transA: !!transB, transB: true }) : product(g, B, { transB: !transB }),
    transB ? product(g, A, { transA: true, transB: !!transA }) : product(A, g, { transA: !transA }),
    () => b.mul(g, b.scalar(beta as number)),
  ];
};

/** y = A·Wᵀ with frozen blocks W: dA = g·W, with W widened for this product alone. */
const matMulNBits: Rule = (b, g, _y, [, data, scales, zeroPoints], { bits, N }) => [
  () => {
    const rows = b.range(0, N as number);
    return b.gemm(g, b.gatherBlocks(data as Value, rows, scales as Value, zeroPoints ?? null, bits as number));
  },
  none,
  none,
  none,
];

/** Splits g into the operands' pieces. */
const concat: Rule = (b, g, _y, inputs, attributes) => {
  const axis = normalizeAxis(attributes.axis as number, g.shape.length);
  const sizes = inputs.map(({ shape }) => shape[axis] as number);
  return inputs.map((_, i) => () => b.split(g, sizes, axis)[i] as Value);
};

/** dData[indices[k]] += g[k]. */
const gather: Rule = (b, g, _y, [data, indices], { axis }) => [
  adding((before) => {
    const { shape } = data as Value;
    if (axis !== 0) throw new GraphError(`Gather has a gradient along axis 0 only, not ${axis}`);
    const count = sizeOf((indices as Value).shape);
    const rows = before ?? b.expand(b.scalar(0), shape);
    return b.scatterRows(rows, indices as Value, b.reshape(g, [count, ...shape.slice(1)]));
  }),
  none,
];

/**
 * y = x̂·w with x̂ = x/σ, σ = √(mean(x²) + ε): dx = (gw − x̂·mean(gw·x̂))/σ, where gw·x̂ = gy, and dw = Σ g·x̂.
 * σ is computed again, because the operator's second output is not 1/σ on every provider.
 */
const rmsNormalization: Rule = (b, g, y, [x, w], { epsilon }) => {
  const [X, W] = [x as Value, w as Value];
  const squares = () => b.mul(b.reduceSumSquare(X, [-1]), b.scalar(1 / (X.shape.at(-1) as number)));
  const deviation = () => b.sqrt(b.add(squares(), b.scalar(epsilon as number)));
  return [
    () => {
      const along = b.div(b.reduceMean(b.mul(g, y), [-1]), deviation());
      return b.div(b.sub(b.mul(g, W), b.mul(X, along)), deviation());
    },
    () => b.mul(g, b.div(X, deviation())),
  ];
};

/**
 * y = x̂·w + b with x̂ = (x − μ)/σ, σ = √(var(x) + ε): dx = (gw − mean(gw) − x̂·mean(gw·x̂))/σ, dw = Σ g·x̂, db = Σ g
 * (Ba et al. 2016, arXiv:1607.06450). μ and σ are computed again, because only the first output is the same on all providers.
 */
const layerNormalization: Rule = (b, g, _y, [x, w], { epsilon }) => {
  const [X, W] = [x as Value, w as Value];
  const centred = () => b.sub(X, b.reduceMean(X, [-1]));
  const deviation = () => {
    const variance = b.mul(b.reduceSumSquare(centred(), [-1]), b.scalar(1 / (X.shape.at(-1) as number)));
    return b.sqrt(b.add(variance, b.scalar(epsilon as number)));
  };
  const normal = () => b.div(centred(), deviation());
  return [
    () => {
      const scaled = b.mul(g, W);
      const along = b.mul(normal(), b.reduceMean(b.mul(scaled, normal()), [-1]));
      return b.div(b.sub(b.sub(scaled, b.reduceMean(scaled, [-1])), along), deviation());
    },
    () => b.mul(g, normal()),
    () => g,
  ];
};

/** The inverse of a rotation is the rotation by the negative angle. */
const rotaryEmbedding: Rule = (b, g, _y, inputs, { num_heads, interleaved }) => {
  const [, positions, cos, sin] = inputs as [Value, Value, Value, Value];
  const negative = () =>
    b.constant(
      "float32",
      sin.shape,
      Float32Array.from(sin.data as Float32Array, (value) => -value),
    );
  return [
    () => b.rotaryEmbedding(g, positions, cos, negative(), num_heads as number, interleaved === 1),
    none,
    none,
    none,
  ];
};

/** With p = softmax(x): dx = p(g − Σ g·p). */
const softmax = unary((b, g, _x, p) => b.mul(p, b.sub(g, b.reduceSum(b.mul(g, p), [-1]))));

/**
 * Exact: d(xΦ(x)) = Φ + xφ, with Φ = (1 + erf(x/√2))/2 and φ = exp(−x²/2)/√(2π). By tanh: y = x(1 + t)/2, t = tanh(u),
 * u = √(2/π)(x + cx³), so dy = (1 + t)/2 + x(1 − t²)u′/2 (Hendrycks and Gimpel 2016, arXiv:1606.08415).
 */
const gelu: Rule = (b, g, _y, [x], { approximate }) => {
  const X = x as Value;
  const half = b.scalar(0.5);
  const exact = () => {
    const below = b.mul(b.add(b.erf(b.mul(X, b.scalar(Math.SQRT1_2))), b.scalar(1)), half);
    const density = b.mul(b.exp(b.mul(b.mul(X, X), b.scalar(-0.5))), b.scalar(1 / Math.sqrt(2 * Math.PI)));
    return b.add(below, b.mul(X, density));
  };
  const byTanh = () => {
    const [c, scale] = [0.044715, Math.sqrt(2 / Math.PI)];
    const squared = b.mul(X, X);
    const inner = b.mul(X, b.add(b.mul(squared, b.scalar(c * scale)), b.scalar(scale)));
    const t = b.tanh(inner);
    const slope = b.add(b.mul(squared, b.scalar(3 * c * scale)), b.scalar(scale));
    const rest = b.mul(b.mul(X, b.sub(b.scalar(1), b.mul(t, t))), slope);
    return b.mul(b.add(b.add(t, b.scalar(1)), rest), half);
  };
  return [() => b.mul(g, approximate === "tanh" ? byTanh() : exact())];
};

/** d(x·σ(αx)) = σ + αy(1 − σ). */
const quickGelu: Rule = (b, g, y, [x], { alpha }) => [
  () => {
    const s = b.sigmoid(b.mul(x as Value, b.scalar(alpha as number)));
    return b.mul(g, b.add(s, b.mul(b.mul(y, b.scalar(alpha as number)), b.sub(b.scalar(1), s))));
  },
];

export const rules: { readonly [Op in OpName]: Rule } = {
  Add: binary(
    (_b, g) => g,
    (_b, g) => g,
  ),
  Sub: binary(
    (_b, g) => g,
    (b, g) => b.neg(g),
  ),
  Mul: binary(
    (b, g, _p, q) => b.mul(g, q),
    (b, g, p) => b.mul(g, p),
  ),
  Div: binary(
    (b, g, _p, q) => b.div(g, q),
    (b, g, _p, q, y) => b.neg(b.div(b.mul(g, y), q)),
  ),
  Min: binary(
    (b, g, p, q) => chosen(b, g, b.lessOrEqual(p, q)),
    (b, g, p, q) => chosen(b, g, b.lessOrEqual(q, p)),
  ),
  Max: binary(
    (b, g, p, q) => chosen(b, g, b.greaterOrEqual(p, q)),
    (b, g, p, q) => chosen(b, g, b.greaterOrEqual(q, p)),
  ),
  Neg: unary((b, g) => b.neg(g)),
  Log: unary((b, g, x) => b.div(g, x)),
  Exp: unary((b, g, _x, y) => b.mul(g, y)),
  Erf: unary((b, g, x) => b.mul(g, b.mul(b.exp(b.neg(b.mul(x, x))), b.scalar(2 / Math.sqrt(Math.PI))))),
  Tanh: unary((b, g, _x, y) => b.mul(g, b.sub(b.scalar(1), b.mul(y, y)))),
  Sqrt: unary((b, g, _x, y) => b.div(b.mul(g, b.scalar(0.5)), y)),
  Reciprocal: unary((b, g, _x, y) => b.neg(b.mul(g, b.mul(y, y)))),
  Sigmoid: unary((b, g, _x, y) => b.mul(g, b.mul(y, b.sub(b.scalar(1), y)))),
  Gelu: gelu,
  QuickGelu: quickGelu,
  MatMul: binary(
    (b, g, _p, q) => b.matMul(g, b.swapLast(q)),
    (b, g, p) => b.matMul(b.swapLast(p), g),
  ),
  Gemm: gemm,
  MatMulNBits: matMulNBits,
  /** Weights in blocks are frozen. */
  GatherBlockQuantized: constant,
  Softmax: softmax,
  LayerNormalization: layerNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  RotaryEmbedding: rotaryEmbedding,
  ReduceSum: reductionRule((b, g, x) => b.expand(g, x.shape)),
  ReduceMean: reductionRule((b, g, x, _y, count) => b.expand(b.mul(g, b.scalar(1 / count)), x.shape)),
  ReduceSumSquare: reductionRule((b, g, x) => b.mul(b.mul(g, b.scalar(2)), x)),
  ReduceMax: reductionRule((b, g, x, y) => b.where(b.equal(x, y), g, b.scalar(0))),
  Reshape: (b, g, _y, [x]) => [() => b.reshape(g, (x as Value).shape), none],
  Expand: (_b, g) => [() => g, none],
  Transpose: (b, g, _y, _x, { perm }) => {
    const inverse = (perm as readonly number[]).map((_, axis) => (perm as readonly number[]).indexOf(axis));
    return [() => b.transpose(g, inverse)];
  },
  Concat: concat,
  /** A rule gets the gradient of one output and a Split has several, so the builder writes Split as a composite. */
  Split: (_b, _g, y) => {
    throw new GraphError(`${y.name} comes from a bare Split: write it with GraphBuilder.split`);
  },
  Gather: gather,
  GatherElements: (b, g, _y, [data, indices], { axis }) => [
    () => b.scatterElementsAdd(b.expand(b.scalar(0), (data as Value).shape), indices as Value, g, axis as number),
    none,
  ],
  ScatterElements: (b, g, _y, [, indices], { axis }) => [
    () => g,
    none,
    () => b.gatherElements(g, indices as Value, axis as number),
  ],
  ScatterND: (b, g, y, [, indices, updates], { reduction }) => {
    const { shape } = indices as Value;
    if (reduction !== "add" || shape.at(-1) !== 1) {
      throw new GraphError(`${y.name} has no gradient: only a ScatterND that adds rows of the first axis has one`);
    }
    return [
      () => g,
      none,
      () => b.reshape(b.gather(g, b.reshape(indices as Value, [sizeOf(shape)])), (updates as Value).shape),
    ];
  },
  Where: (b, g, _y, inputs) => {
    const condition = inputs[0] as Value;
    return [none, () => b.where(condition, g, b.scalar(0)), () => b.where(condition, b.scalar(0), g)];
  },
  Equal: constant,
  GreaterOrEqual: constant,
  LessOrEqual: constant,
  Cast: unary((b, g, x) => b.cast(g, x.dtype)),
};
