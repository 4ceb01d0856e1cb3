/**
 * Scaled dot-product attention with grouped queries (Vaswani et al. 2017; Ainslie et al. 2023, arXiv:2305.13245).
 *
 * The G query heads of a key head form one block of G·S rows, so keys and values are never repeated.
 */

import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import { softCap, softCapGradient } from "./softCap.ts";

export interface Heads {
  /** H, query heads. */
  readonly query: number;
  /** K, key and value heads; divides H. */
  readonly key: number;
  /** D, width of a head. */
  readonly size: number;
}

/** Far below every score, yet finite: shaders may not handle infinities. */
const blocked = -1e9;

/** int32 from, from + 1, … */
export const iota = (b: GraphBuilder, length: number, shape: readonly number[] = [length], from = 0) =>
  b.constant(
    "int32",
    shape,
    Int32Array.from({ length }, (_, i) => from + i),
  );

/**
 * 0 where a token attends to a key, `blocked` elsewhere: causal, within one segment, and with q − k below `window`.
 * segments int32 [B, T] → [B, 1, 1, T, T].
 */
export function causalBias(b: GraphBuilder, segments: Value, window: number | null = null): Value {
  const [rows, length] = segments.shape as [number, number];
  const at = iota(b, length, [length, 1]);
  const before = b.where(b.greaterOrEqual(at, iota(b, length, [1, length])), b.scalar(0), b.scalar(blocked));
  const causal =
    window === null
      ? before
      : b.where(b.lessOrEqual(at, iota(b, length, [1, length], window - 1)), before, b.scalar(blocked));
  const same = b.equal(b.reshape(segments, [rows, length, 1]), b.reshape(segments, [rows, 1, length]));
  return b.reshape(b.where(same, causal, b.scalar(blocked)), [rows, 1, 1, length, length]);
}

/**
 * 0 for the cache slots that a token attends to, `blocked` elsewhere: the slot of its position, earlier ones, and with
 * position − slot below `window`. positions int32 [B, S], C slots → [B, 1, 1, S, C].
 */
export function cacheBias(b: GraphBuilder, positions: Value, capacity: number, window: number | null = null): Value {
  const [rows, tokens] = positions.shape as [number, number];
  const slots = iota(b, capacity, [1, capacity]);
  const at = b.reshape(positions, [rows, 1, 1, tokens, 1]);
  const before = b.where(b.lessOrEqual(slots, at), b.scalar(0), b.scalar(blocked));
  if (window === null) return before;
  const recent = b.greaterOrEqual(iota(b, capacity, [1, capacity], window - 1), at);
  return b.where(recent, before, b.scalar(blocked));
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

/** The queries of tokens [from, to), computed together. */
interface Block {
  readonly from: number;
  readonly to: number;
  /** C, the number of keys that they may attend to. */
  readonly keys: number;
}

/** Splits the tokens into `count` blocks. A single block attends to all keys; several need a causal mask. */
function blocksOf(length: number, capacity: number, count: number): Block[] {
  if (count === 1) return [{ from: 0, to: length, keys: capacity }];
  const size = Math.ceil(length / count);
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => {
    const to = Math.min(length, (i + 1) * size);
    return { from: i * size, to, keys: to };
  });
}

export interface AttendOptions {
  /**
   * Query blocks, 1 by default. More need a causal bias over whole rows (S = C). They skip up to half of the scores, those
   * that the bias blocks, but each block adds operations: they help only where a launch is cheap.
   */
  readonly blocks?: number;
  /** Soft cap of the scores; null, the default, is none. */
  readonly cap?: number | null;
}

/**
 * softmax(QKᵀ + bias)V: queries (B, K, G·S, D) already times the score scale, keys (B, K, D, C), values (B, K, C, D),
 * bias broadcast to (B, K, G, S, C) → (B·S, H·D).
 */
export function attend(
  b: GraphBuilder,
  queries: Value,
  keys: Value,
  values: Value,
  bias: Value,
  heads: Heads,
  { blocks = 1, cap = null }: AttendOptions = {},
): Value {
  const [rows, , block] = queries.shape as [number, number, number];
  const group = heads.query / heads.key;
  const length = block / group;
  const capacity = values.shape[2] as number;
  const rank = bias.shape.length;
  const [mixed] = b.composite("attention", [queries, keys, values], () => {
    const shape = [rows, heads.key, group, length, heads.size];
    const rowsOf = (all: Value, { from, to }: Block) =>
      b.reshape(b.slice(b.reshape(all, shape), from, to, 3), [rows, heads.key, group * (to - from), heads.size]);
    const join = (parts: readonly Value[]) => {
      const wide = parts.map((x) => b.reshape(x, [rows, heads.key, group, (x.shape[2] as number) / group, heads.size]));
      return b.reshape(b.concat(wide, 3), [rows, heads.key, group * length, heads.size]);
    };
    const parts = blocksOf(length, capacity, blocks).map((at) => {
      const ownBias = b.slice(b.slice(bias, at.from, at.to, rank - 2), 0, at.keys, rank - 1);
      const own = {
        queries: rowsOf(queries, at),
        keys: b.swapLast(b.slice(b.swapLast(keys), 0, at.keys, 2)),
        values: b.slice(values, 0, at.keys, 2),
      };
      const capped = softCap(b, b.matMul(own.queries, own.keys), cap);
      const scores = b.reshape(capped, [rows, heads.key, group, at.to - at.from, at.keys]);
      const weights = b.reshape(b.softmax(b.add(scores, ownBias)), [
        rows,
        heads.key,
        group * (at.to - at.from),
        at.keys,
      ]);
      return { at, ...own, capped, weights, output: b.matMul(weights, own.values) };
    });
    return {
      outputs: [join(parts.map(({ output }) => output))],
      rule: ([g]) => {
        if (!g) throw new GraphError("attention has no gradient to pass on");
        const gradients = parts.map((own) => partGradients(b, own, cap, rowsOf(g, own.at)));
        const sum = (pieces: readonly Value[], axis: number) =>
          pieces.map((piece) => padded(b, piece, capacity, axis)).reduce((total, piece) => b.add(total, piece));
        return [
          () => join(gradients.map((own) => own.queries())),
          () =>
            sum(
              gradients.map((own) => own.keys()),
              3,
            ),
          () =>
            sum(
              gradients.map((own) => own.values()),
              2,
            ),
        ];
      },
    };
  }) as [Value];
  const split = b.reshape(mixed, [rows, heads.key, group, length, heads.size]);
  return b.reshape(b.transpose(split, [0, 3, 1, 2, 4]), [rows * length, heads.query * heads.size]);
}

/**
 * With O = PV and P = softmax(S): dV = PᵀdO, dS = P ∘ (dO Vᵀ − δ). δ is the row sum of dO ∘ O, which equals that of dP ∘ P
 * and is cheaper: D numbers per row instead of C (Dao et al. 2022, arXiv:2205.14135).
 */
function partGradients(
  b: GraphBuilder,
  own: Readonly<Record<"queries" | "keys" | "values" | "capped" | "weights" | "output", Value>>,
  cap: number | null,
  g: Value,
) {
  const scores = () => {
    const delta = b.reduceSum(b.mul(g, own.output), [-1]);
    const capped = b.mul(own.weights, b.sub(b.matMul(g, b.swapLast(own.values)), delta));
    return softCapGradient(b, capped, own.capped, cap);
  };
  return {
    queries: () => b.matMul(scores(), b.swapLast(own.keys)),
    keys: () => b.matMul(b.swapLast(own.queries), scores()),
    // (dOᵀP)ᵀ instead of PᵀdO: a GPU copies what it transposes, and dO is smaller than P.
    values: () => b.swapLast(b.matMul(b.swapLast(g), own.weights)),
  };
}

/** Appends zeros up to `length` along an axis. */
function padded(b: GraphBuilder, x: Value, length: number, axis: number): Value {
  const missing = length - (x.shape[axis] as number);
  if (missing === 0) return x;
  const zeros = b.expand(
    b.scalar(0),
    x.shape.map((dimension, i) => (i === axis ? missing : dimension)),
  );
  return b.concat([x, zeros], axis);
}
