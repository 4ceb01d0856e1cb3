/** Activations, softmax, and their gradients. */

import { sizeOf } from "../../tensor/dtype.ts";
import type { Value } from "../graph.ts";
import type { Call, Lowering } from "./call.ts";
import { logSoftmax } from "./reductions.ts";

const rootHalf = Math.SQRT1_2;
const rootTwoOverPi = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** Φ(x) + x·φ(x) with the normal distribution Φ: the derivative of x·Φ(x). */
function geluSlope(c: Call, x: Value): Value {
  const b = c.b;
  const cumulative = b.mul(b.scalar(0.5), b.add(b.scalar(1), b.erf(b.mul(x, b.scalar(rootHalf)))));
  const density = b.mul(b.scalar(1 / Math.sqrt(2 * Math.PI)), b.exp(b.mul(b.scalar(-0.5), b.mul(x, x))));
  return b.add(cumulative, b.mul(x, density));
}

/** The derivative of ½x(1 + tanh u) with u = √(2/π)·(x + 0.044715x³): ½(1 + t) + ½x(1 − t²)u′. */
function fastGeluSlope(c: Call, x: Value): Value {
  const b = c.b;
  const square = b.mul(x, x);
  const u = b.mul(b.scalar(rootTwoOverPi), b.mul(x, b.add(b.scalar(1), b.mul(b.scalar(cubic), square))));
  const t = b.tanh(u);
  const slope = b.mul(b.scalar(rootTwoOverPi), b.add(b.scalar(1), b.mul(b.scalar(3 * cubic), square)));
  const inner = b.mul(b.mul(x, b.sub(b.scalar(1), b.mul(t, t))), slope);
  return b.mul(b.scalar(0.5), b.add(b.add(b.scalar(1), t), inner));
}

/** The derivative of x·σ(αx): σ(αx)·(1 + αx·(1 − σ(αx))). */
function quickGeluSlope(c: Call, x: Value): Value {
  const b = c.b;
  const scaled = b.mul(x, b.scalar(c.number("alpha", 1.702)));
  const s = b.sigmoid(scaled);
  return b.mul(s, b.add(b.scalar(1), b.mul(scaled, b.sub(b.scalar(1), s))));
}

type Slope = (c: Call, x: Value) => Value;

/** dY · f′(X), with a bias added to X where there is one. */
const gradient =
  (slope: Slope): Lowering =>
  (c) =>
    c.b.mul(c.in(0), slope(c, biased(c, 1)));

/** Operand `i` plus the bias after it. */
function biased(c: Call, i: number): Value {
  const bias = c.optional(i + 1);
  return bias ? c.b.add(c.in(i), bias) : c.in(i);
}

/** Normalises over one axis, or before version 13 over all axes from `axis` on. */
function overAxis(c: Call, x: Value, old: boolean, compute: (x: Value, axes: readonly number[]) => Value): Value {
  if (!old) return compute(x, [c.axis(x.shape.length, -1)]);
  const axis = c.axis(x.shape.length, 1);
  const flat = c.b.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
  return c.b.reshape(compute(flat, [1]), x.shape);
}

/** Softmax over the last axis is one kernel; over another it needs transposes. */
function softmaxOver(c: Call, x: Value, axis: number): Value {
  const last = x.shape.length - 1;
  if (axis === last) return c.b.softmax(x);
  const swap = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  return c.b.transpose(c.b.softmax(c.b.transpose(x, swap)), swap);
}

/** The gradient of a softmax from its output; `old` reads `axis` as versions before 13 do. */
const softmaxGrad =
  (old: boolean, rule: (c: Call, dy: Value, y: Value, axes: readonly number[]) => Value): Lowering =>
  (c) => {
    const y = c.in(1);
    return overAxis(c, c.in(0), old, (dy, axes) => rule(c, dy, c.b.reshape(y, dy.shape), axes));
  };

/** Y·(dY − Σ dY·Y) */
const ofSoftmax = (c: Call, dy: Value, y: Value, axes: readonly number[]) =>
  c.b.mul(y, c.b.sub(dy, c.b.reduceSum(c.b.mul(dy, y), axes)));

/** dY − exp(Y)·Σ dY */
const ofLogSoftmax = (c: Call, dy: Value, y: Value, axes: readonly number[]) =>
  c.b.sub(dy, c.b.mul(c.b.exp(y), c.b.reduceSum(dy, axes)));

const positive = (c: Call, x: Value) => c.b.cast(c.b.forward("Greater", [x, c.b.scalar(0)]), "float32");

export const activations = {
  Relu: (c) => c.floating(c.in(0), (x) => c.b.forward("Relu", [x])),
  LeakyRelu: (c) => c.b.forward("LeakyRelu", [c.in(0)], { alpha: c.number("alpha", 0.01) }),
  Elu: (c) => c.b.forward("Elu", [c.in(0)], { alpha: c.number("alpha", 1) }),
  Softplus: (c) => c.b.forward("Softplus", [c.in(0)]),
  Sigmoid: (c) => c.b.sigmoid(c.in(0)),
  Tanh: (c) => c.b.tanh(c.in(0)),
  Gelu: (c) => c.b.gelu(c.in(0), c.text("approximate", "none") === "tanh" ? "tanh" : "none"),
  BiasGelu: (c) => c.b.gelu(biased(c, 0), "none"),
  FastGelu: (c) => c.b.gelu(biased(c, 0), "tanh"),
  QuickGelu: (c) => c.b.emit("QuickGelu", [c.in(0)], { alpha: c.number("alpha", 1.702) }),
  Softmax: (c) => overAxis(c, c.in(0), c.node.version < 13, (x, [axis]) => softmaxOver(c, x, axis as number)),
  LogSoftmax: (c) => overAxis(c, c.in(0), c.node.version < 13, (x, axes) => logSoftmax(c, x, axes)),
  ReluGrad: gradient(positive),
  LeakyReluGrad: gradient((c, y) =>
    c.b.where(c.b.forward("Greater", [y, c.b.scalar(0)]), c.b.scalar(1), c.b.scalar(c.number("alpha", 0.01))),
  ),
  SigmoidGrad: gradient((c, y) => c.b.mul(y, c.b.sub(c.b.scalar(1), y))),
  TanhGrad: gradient((c, y) => c.b.sub(c.b.scalar(1), c.b.mul(y, y))),
  SinGrad: gradient((c, x) => c.b.forward("Cos", [x])),
  GeluGrad: gradient(geluSlope),
  FastGeluGrad: gradient(fastGeluSlope),
  QuickGeluGrad: gradient(quickGeluSlope),
  BiasGeluGrad_dX: gradient(geluSlope),
  BiasFastGeluGrad_dX: gradient(fastGeluSlope),
  SoftmaxGrad: softmaxGrad(true, ofSoftmax),
  SoftmaxGrad_13: softmaxGrad(false, ofSoftmax),
  LogSoftmaxGrad: softmaxGrad(true, ofLogSoftmax),
  LogSoftmaxGrad_13: softmaxGrad(false, ofLogSoftmax),
} as const satisfies Readonly<Record<string, Lowering>>;
