/** Matrix products. */

import { GraphError, type Value } from "../graph.ts";
import type { Call, Lowering } from "./call.ts";

/** A product of any ranks: a vector is a row on the left and a column on the right, and that axis is dropped afterwards. */
function product(c: Call, a: Value, b: Value): Value {
  if (a.shape.length === 0 || b.shape.length === 0) throw new GraphError("a scalar has no matrix product");
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const left = row ? c.b.reshape(a, [1, ...a.shape]) : a;
  const right = column ? c.b.reshape(b, [...b.shape, 1]) : b;
  const y = c.b.matMul(left, right);
  const dropped = y.shape.slice(0, -2);
  const [m, n] = y.shape.slice(-2) as [number, number];
  return c.b.reshape(y, [...dropped, ...(row ? [] : [m]), ...(column ? [] : [n])]);
}

/** `transBatch` moves the first axis behind the others but the last; `trans` swaps the last two. */
function turned(c: Call, x: Value, trans: boolean, transBatch: boolean): Value {
  const rank = x.shape.length;
  if (rank < 2) return x;
  const moved = transBatch && rank > 2 ? [...x.shape.keys()].slice(1, -1).concat(0, rank - 1) : [...x.shape.keys()];
  const perm = trans ? [...moved.slice(0, -2), moved[rank - 1] as number, moved[rank - 2] as number] : moved;
  return c.b.transpose(x, perm);
}

const flag = (c: Call, name: string) => c.number(name, 0) === 1;

export const products = {
  MatMul: (c) => product(c, c.in(0), c.in(1)),
  FusedMatMul: (c) => {
    const [a, b] = [c.in(0), c.in(1)];
    const alpha = c.number("alpha", 1);
    if (a.shape.length === 2 && b.shape.length === 2)
      return c.b.gemm(a, b, { transA: flag(c, "transA"), transB: flag(c, "transB"), alpha });
    const left = turned(c, a, flag(c, "transA"), flag(c, "transBatchA"));
    const right = turned(c, b, flag(c, "transB"), flag(c, "transBatchB"));
    return c.b.mul(product(c, left, right), c.b.scalar(alpha));
  },
  Gemm: (c) => {
    const bias = c.optional(2);
    return c.b.gemm(c.in(0), c.in(1), {
      transA: flag(c, "transA"),
      transB: flag(c, "transB"),
      alpha: c.number("alpha", 1),
      beta: c.number("beta", 1),
      ...(bias && { c: bias }),
    });
  },
} as const satisfies Readonly<Record<string, Lowering>>;
