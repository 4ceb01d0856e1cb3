/** Operators on single elements, and their gradients. */

import { sizeOf } from "../../tensor/dtype.ts";
import { loweredCode } from "../foreignTensor.ts";
import { GraphError, type Value } from "../graph.ts";
import type { ForwardOpName, OpName } from "../ops.ts";
import type { Call, Lowering } from "./call.ts";
import { sumTo } from "./reductions.ts";

/** Operands of one dtype; a bool becomes int32 beside a number. */
function paired(c: Call): [Value, Value] {
  const [x, y] = [c.in(0), c.in(1)];
  if (x.dtype === y.dtype && x.dtype !== "bool") return [x, y];
  const dtype = x.dtype === "float32" || y.dtype === "float32" ? "float32" : "int32";
  return [c.b.cast(x, dtype), c.b.cast(y, dtype)];
}

const binary =
  (op: OpName): Lowering =>
  (c) =>
    c.b.emit(op, paired(c));

const comparison =
  (op: OpName | ForwardOpName): Lowering =>
  (c) =>
    op === "Less" || op === "Greater" ? c.b.forward(op, paired(c)) : c.b.emit(op as OpName, paired(c));

const floatUnary =
  (op: OpName): Lowering =>
  (c) =>
    c.floating(c.in(0), (x) => c.b.emit(op, [x]));

const forwardUnary =
  (op: ForwardOpName): Lowering =>
  (c) =>
    c.floating(c.in(0), (x) => c.b.forward(op, [x]));

/** A chain of binary operations: WebGPU has none of many operands. */
const chain =
  (op: "Add" | "Min" | "Max"): Lowering =>
  (c) => {
    const [first, ...rest] = c.all();
    if (!first) throw new GraphError("no operand is given");
    return rest.reduce((sum, value) => c.b.emit(op, [sum, value]), first);
  };

const not = (c: Call, x: Value) => c.b.forward("Not", [x]);
const and = (c: Call, x: Value, y: Value) => c.b.forward("And", [x, y]);
const or = (c: Call, x: Value, y: Value) => not(c, and(c, not(c, x), not(c, y)));

const scalar = (c: Call, x: Value, value: number) => c.constant(x.dtype === "int32" ? "int32" : "float32", [], [value]);

function power(c: Call): Value {
  const [x, exponent] = [c.in(0), c.in(1)];
  const n = exponent.data?.length === 1 ? Number(exponent.data[0]) : null;
  return c.floating(x, (y) => {
    if (n === 1) return y;
    if (n === 2) return c.b.mul(y, y);
    if (n === 3) return c.b.mul(c.b.mul(y, y), y);
    if (n === 0.5) return c.b.sqrt(y);
    if (n === -1) return c.b.reciprocal(y);
    return c.b.forward("Pow", [y, c.b.cast(exponent, "float32")]);
  });
}

/** The sign of the remainder is the divisor's, or with fmod = 1 the dividend's. */
function modulo(c: Call): Value {
  const [x, y] = paired(c);
  const b = c.b;
  const zero = scalar(c, x, 0);
  if (x.dtype === "int32") {
    const rest = b.sub(x, b.mul(b.div(x, y), y));
    if (c.number("fmod", 0) === 1) return rest;
    const wrong = and(c, not(c, b.equal(rest, zero)), b.forward("Less", [b.mul(rest, y), zero]));
    return b.where(wrong, b.add(rest, y), rest);
  }
  const ratio = b.div(x, y);
  const toZero = b.where(b.forward("Less", [ratio, zero]), b.forward("Ceil", [ratio]), b.forward("Floor", [ratio]));
  return b.sub(x, b.mul(c.number("fmod", 0) === 1 ? toZero : b.forward("Floor", [ratio]), y));
}

/** To the nearest whole number, ties to even. */
function round(c: Call): Value {
  const b = c.b;
  return c.floating(c.in(0), (x) => {
    const half = scalar(c, x, 0.5);
    const up = b.forward("Floor", [b.add(x, half)]);
    const tie = b.equal(b.sub(up, x), half);
    const odd = not(c, b.equal(b.mul(scalar(c, x, 2), b.forward("Floor", [b.mul(up, half)])), up));
    return b.sub(up, b.cast(and(c, tie, odd), "float32"));
  });
}

function sign(c: Call): Value {
  const x = c.in(0);
  const zero = scalar(c, x, 0);
  const as = (value: Value) => c.b.cast(value, x.dtype);
  return c.b.sub(as(c.b.forward("Greater", [x, zero])), as(c.b.forward("Less", [x, zero])));
}

function clip(c: Call): Value {
  const x = c.in(0);
  const low = c.optional(1) ?? (c.has("min") ? scalar(c, x, c.number("min", 0)) : null);
  const high = c.optional(2) ?? (c.has("max") ? scalar(c, x, c.number("max", 0)) : null);
  const raised = low ? c.b.max(x, low) : x;
  return high ? c.b.min(raised, high) : raised;
}

/** Gradients with respect to both operands of an operator that broadcasts. */
const broadcastGrads = (c: Call, x: Value, dx: () => Value, y: Value, dy: () => Value) => [
  c.wants(0) ? sumTo(c, dx(), x.shape) : undefined,
  c.wants(1) ? sumTo(c, dy(), y.shape) : undefined,
];

/** 1 where a mask drawn by the host keeps the element. */
function dropout(c: Call): readonly Value[] {
  const x = c.in(0);
  const ratio = c.has("ratio") ? c.number("ratio", 0.5) : c.scalar(1, 0.5);
  const training = c.optional(2);
  const off = training?.data ? Number(training.data[0]) === 0 : !training;
  if (off || ratio === 0) return [x, c.fill("bool", x.shape, 1)];
  if (!(ratio > 0 && ratio < 1)) throw new GraphError(`the ratio ${ratio} is not below 1`);
  const name = `${c.node.outputs[1] || c.node.outputs[0]}.mask`;
  const mask = c.b.input(name, "bool", x.shape);
  c.effects.masks.push({ name, shape: x.shape, probability: 1 - ratio });
  const present = training?.data ? mask : or(c, mask, not(c, training as Value));
  const scaled = c.b.mul(x, c.b.scalar(1 / (1 - ratio)));
  const y = c.b.where(present, scaled, c.b.scalar(0));
  return [training?.data ? y : c.b.where(training as Value, y, x), present];
}

export const elementwise = {
  Add: binary("Add"),
  Sub: binary("Sub"),
  Mul: binary("Mul"),
  Div: binary("Div"),
  Pow: power,
  Mod: modulo,
  Sum: chain("Add"),
  Min: chain("Min"),
  Max: chain("Max"),
  Mean: (c) => {
    const sum = chain("Add")(c) as Value;
    return c.b.mul(sum, c.b.scalar(1 / c.arity));
  },
  Neg: (c) => (c.in(0).dtype === "int32" ? c.b.sub(scalar(c, c.in(0), 0), c.in(0)) : c.b.neg(c.in(0))),
  Abs: forwardUnary("Abs"),
  Floor: forwardUnary("Floor"),
  Ceil: forwardUnary("Ceil"),
  Round: round,
  Sign: sign,
  Exp: floatUnary("Exp"),
  Log: floatUnary("Log"),
  Sqrt: floatUnary("Sqrt"),
  Reciprocal: floatUnary("Reciprocal"),
  Erf: floatUnary("Erf"),
  Sin: forwardUnary("Sin"),
  Cos: forwardUnary("Cos"),
  Clip: clip,
  Equal: comparison("Equal"),
  Less: comparison("Less"),
  Greater: comparison("Greater"),
  LessOrEqual: comparison("LessOrEqual"),
  GreaterOrEqual: comparison("GreaterOrEqual"),
  Not: (c) => not(c, c.in(0)),
  And: (c) => and(c, c.in(0), c.in(1)),
  Or: (c) => or(c, c.in(0), c.in(1)),
  Xor: (c) => not(c, c.b.equal(c.b.cast(c.in(0), "int32"), c.b.cast(c.in(1), "int32"))),
  IsNaN: (c) => not(c, c.b.equal(c.b.sub(c.in(0), c.in(0)), c.b.scalar(0))),
  Where: (c) => {
    const [condition, x, y] = [c.in(0), c.in(1), c.in(2)];
    if (x.dtype !== "bool") return c.b.where(condition, x, y);
    // Data of type bool has no Where with broadcasting on WebGPU.
    return or(c, and(c, condition, x), and(c, not(c, condition), y));
  },
  Cast: (c) => {
    const to = loweredCode(c.number("to", 1));
    if (!to) throw new GraphError(`a cast to ONNX type ${c.number("to", 0)} is not lowered`);
    return c.b.cast(c.in(0), to);
  },
  Dropout: dropout,
  DropoutGrad: (c) => {
    const [dy, mask] = [c.in(0), c.in(1)];
    const training = c.optional(3);
    const ratio = c.scalar(2, 0.5);
    if (training && !training.data) throw new GraphError("training_mode must be a constant");
    if ((training && Number(training.data?.[0]) === 0) || ratio === 0) return dy;
    return c.b.where(mask, c.b.mul(dy, c.b.scalar(1 / (1 - ratio))), c.b.scalar(0));
  },
  DivGrad: (c) => {
    const [dy, x, y] = [c.in(0), c.in(1), c.in(2)];
    const b = c.b;
    const dx = () => b.div(dy, y);
    return broadcastGrads(c, x, dx, y, () => b.neg(b.div(b.mul(dy, x), b.mul(y, y))));
  },
  Scale: (c) => {
    const [x, factor] = [c.in(0), c.b.cast(c.in(1), "float32")];
    const one = sizeOf(factor.shape) === 1 ? c.b.reshape(factor, []) : factor;
    return c.number("scale_down", 0) === 1 ? c.b.div(x, one) : c.b.mul(x, one);
  },
  ZeroGradient: (c) => c.zeros("float32", c.in(0).shape),
} as const satisfies Readonly<Record<string, Lowering>>;
