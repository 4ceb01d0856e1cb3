/**
 * Scaled dot-product attention with grouped queries (Vaswani et al. 2017; Ainslie et al. 2023, arXiv:2305.13245).
 *
 * The G query heads of a key head are laid out as one long block of G·S rows, so keys and values are never repeated.
 */

import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";

export interface Heads {
  /** H, query heads. */
  readonly query: number;
  /** K, key and value heads; divides H. */
  readonly key: number;
  /** D, width of a head. */
  readonly size: number;
}

/** Far below every score, and finite: infinities are not relied on in shaders. */
const blocked = -1e9;

const iota = (b: GraphBuilder, length: number, shape: readonly number[]) =>
  b.constant(
    "int32",
    shape,
    Int32Array.from({ length }, (_, i) => i),
  );

/** 0 where a token may look, far below 0 where not: causal, and within one segment. segments int32 [B, T] → [B, 1, 1, T, T]. */
export function causalBias(b: GraphBuilder, segments: Value): Value {
  const [rows, length] = segments.shape as [number, number];
  const causal = b.where(
    b.greaterOrEqual(iota(b, length, [length, 1]), iota(b, length, [1, length])),
    b.scalar(0),
    b.scalar(blocked),
  );
  const same = b.equal(b.reshape(segments, [rows, length, 1]), b.reshape(segments, [rows, 1, length]));
  return b.reshape(b.where(same, causal, b.scalar(blocked)), [rows, 1, 1, length, length]);
}

/** 0 for cache slots up to each token's position: positions int32 [S], capacity C → [S, C]. */
export function cacheBias(b: GraphBuilder, positions: Value, capacity: number): Value {
  const seen = b.lessOrEqual(iota(b, capacity, [1, capacity]), b.reshape(positions, [positions.shape[0] as number, 1]));
  return b.where(seen, b.scalar(0), b.scalar(blocked));
}

/** Queries (B, S, H·D) → (B, K, G·S, D). */
export function splitQueries(b: GraphBuilder, x: Value, heads: Heads): Value {
  const [rows, length] = x.shape as [number, number, number];
  const group = heads.query / heads.key;
  const split = b.reshape(x, [rows, length, heads.key, group, heads.size]);
  return b.reshape(b.transpose(split, [0, 2, 3, 1, 4]), [rows, heads.key, group * length, heads.size]);
}

/** Keys or values (B, S, K·D) → (B, K, S, D), or (B, K, D, S) when `transposed`. */
export function splitKeys(b: GraphBuilder, x: Value, heads: Heads, transposed = false): Value {
  const [rows, length] = x.shape as [number, number, number];
  const split = b.reshape(x, [rows, length, heads.key, heads.size]);
  return b.transpose(split, transposed ? [0, 2, 3, 1] : [0, 2, 1, 3]);
}

/**
 * softmax(QKᵀ/√D + bias)V: queries (B, K, G·S, D), keys (B, K, D, C), values (B, K, C, D), bias broadcast to
 * (B, K, G, S, C) → (B·S, H·D).
 */
export function attend(b: GraphBuilder, queries: Value, keys: Value, values: Value, bias: Value, heads: Heads): Value {
  const [rows, , block] = queries.shape as [number, number, number];
  const group = heads.query / heads.key;
  const length = block / group;
  const [mixed] = b.composite("attention", [queries, keys, values], () => {
    const scale = b.scalar(heads.size ** -0.5);
    const scaled = b.mul(queries, scale);
    const capacity = keys.shape[3] as number;
    const scores = b.reshape(b.matMul(scaled, keys), [rows, heads.key, group, length, capacity]);
    const weights = b.reshape(b.softmax(b.add(scores, bias)), [rows, heads.key, block, capacity]);
    const output = b.matMul(weights, values);
    return { outputs: [output], rule: ([g]) => attentionRule(b, { scaled, keys, values, weights, output }, scale, g) };
  }) as [Value];
  const split = b.reshape(mixed, [rows, heads.key, group, length, heads.size]);
  return b.reshape(b.transpose(split, [0, 3, 1, 2, 4]), [rows * length, heads.query * heads.size]);
}

/**
 * With O = PV and P = softmax(S): dV = PᵀdO, dS = P ∘ (dO Vᵀ − δ), δ the sum of dO ∘ O along a row, which equals the sum of
 * dP ∘ P and is as wide as a head and not as a row is long (Dao et al. 2022, arXiv:2205.14135).
 */
function attentionRule(
  b: GraphBuilder,
  {
    scaled,
    keys,
    values,
    weights,
    output,
  }: Readonly<Record<"scaled" | "keys" | "values" | "weights" | "output", Value>>,
  scale: Value,
  g: Value | undefined,
) {
  if (!g) throw new GraphError("attention has no gradient to pass on");
  const scores = () => {
    const delta = b.reduceSum(b.mul(g, output), [-1]);
    return b.mul(weights, b.sub(b.matMul(g, b.swapLast(values)), delta));
  };
  return [
    () => b.mul(b.matMul(scores(), b.swapLast(keys)), scale),
    () => b.matMul(b.swapLast(scaled), scores()),
    () => b.matMul(b.swapLast(weights), g),
  ];
}
