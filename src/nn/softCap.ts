/** A soft limit of scores or logits to −c … c (Gemma 2, arXiv:2408.00118). */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";

/** c·tanh(x/c); x itself where `cap` is null. */
export function softCap(b: GraphBuilder, x: Value, cap: number | null): Value {
  return cap === null ? x : b.mul(b.tanh(b.mul(x, b.scalar(1 / cap))), b.scalar(cap));
}

/** The gradient of x from that of `capped` = c·tanh(x/c): g·(1 − (capped/c)²). */
export function softCapGradient(b: GraphBuilder, g: Value, capped: Value, cap: number | null): Value {
  if (cap === null) return g;
  const share = b.mul(capped, b.scalar(1 / cap));
  return b.mul(g, b.sub(b.scalar(1), b.mul(share, share)));
}
