/** Attention with a key/value cache of B rows, one layer at a time. A token at position p of its row has slot p. */

import type { LayerSpec } from "../models/architecture.ts";
import { attend, cacheBias, iota, splitKeys, splitQueries } from "../nn/attention.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import type { Shape } from "../tensor/dtype.ts";
import { rotations } from "./attention.ts";

/** A layer's cached keys and values, float32 [B, K, C, D] each. */
export interface LayerCache {
  readonly keys: Value;
  readonly values: Value;
}

/** The shape of a layer's cached keys or values: B rows of C slots. */
export const cacheShape = ({ heads }: LayerSpec, rows: number, capacity: number): Shape => [
  rows,
  heads.key,
  capacity,
  heads.size,
];

/** The tokens of a run with a cache: S of each of R rows. */
export interface CachedTokens {
  /** int32 [R, S] */
  readonly positions: Value;
  /** C, slots of a cached row. */
  readonly capacity: number;
  /** int32 [R]: the cached row of each row. Null: the cache has these R rows. */
  readonly cacheRows: Value | null;
  /** Whether the tokens are the first ones of their rows, so that they attend to each other only. */
  readonly first: boolean;
}

/**
 * A layer's context (R·S, H·D) from queries (R·S, H·D), keys and values (R·S, K·D), and its cache with the new tokens.
 * First tokens of all rows need no past: they make the cache.
 */
export type CachedAttention = (
  spec: LayerSpec,
  past: LayerCache | null,
  queries: Value,
  keys: Value,
  values: Value,
) => { readonly context: Value; readonly present: LayerCache };

/** The attention of one layer after the other; they share what does not depend on the layer. */
export function cachedAttention(
  b: GraphBuilder,
  { positions, capacity, cacheRows, first }: CachedTokens,
): CachedAttention {
  const [rows, tokens] = positions.shape as [number, number];
  const positions64 = b.cast(positions, "int64");
  const made = new Map<string, unknown>();
  /** The value of this kind, made once. */
  const shared = <T>(kind: readonly unknown[], make: () => T): T => {
    const key = JSON.stringify(kind);
    if (!made.has(key)) made.set(key, make());
    return made.get(key) as T;
  };

  /** int32 [R, K, S, 3]: cached row, head and slot of each new key. */
  const placesFor = (heads: number) =>
    shared(["places", heads], () => {
      const shape = [rows, heads, tokens, 1];
      const parts = [
        b.reshape(cacheRows ?? iota(b, rows), [rows, 1, 1, 1]),
        b.reshape(iota(b, heads), [1, heads, 1, 1]),
        b.reshape(positions, [rows, 1, tokens, 1]),
      ];
      return b.concat(
        parts.map((part) => b.expand(part, shape)),
        3,
      );
    });
  /** Appends empty slots. */
  const padded = (fresh: Value, heads: number, size: number) => {
    if (tokens === capacity) return fresh;
    const shape = [rows, heads, capacity - tokens, size];
    const zeros = shared(["zeros", shape], () => b.expand(b.scalar(0), shape));
    return b.concat([fresh, zeros], 2);
  };
  const ownRows = (cache: Value) => (cacheRows ? b.gather(cache, cacheRows) : cache);

  return (spec, past, q, k, v) => {
    const { heads } = spec;
    const rotate = shared(["rotations", heads, spec.scoreScale, spec.rope], () => rotations(b, spec, capacity));
    const fresh = {
      keys: splitKeys(b, rotate.keys(k, positions64), heads),
      values: splitKeys(b, b.reshape(v, [rows, tokens, heads.key * heads.size]), heads),
    };
    const updated = (name: keyof LayerCache) =>
      past ? b.replaceAt(past[name], placesFor(heads.key), fresh[name]) : padded(fresh[name], heads.key, heads.size);
    const present = { keys: updated("keys"), values: updated("values") };
    const seen = first ? fresh : { keys: ownRows(present.keys), values: ownRows(present.values) };
    const slots = first ? tokens : capacity;
    const bias = shared(["bias", spec.window], () => cacheBias(b, positions, slots, spec.window));
    const queries = splitQueries(b, rotate.queries(q, positions64), heads);
    const transposed = b.transpose(seen.keys, [0, 1, 3, 2]);
    const context = attend(b, queries, transposed, seen.values, bias, heads, { cap: spec.scoreCap });
    return { context, present };
  };
}
