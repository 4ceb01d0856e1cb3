/** A model's attention over whole rows; cachedAttention.ts has the one with a key/value cache. */

import type { Attend, LayerSpec } from "../models/architecture.ts";
import { attend, causalBias, splitKeys, splitQueries } from "../nn/attention.ts";
import { rope, ropeTables } from "../nn/rope.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";

/** Looks up each layer's value; layers of equal `kind` share one, which `make` creates once. */
function perLayer<T>(
  layers: readonly LayerSpec[],
  kind: (layer: LayerSpec) => unknown,
  make: (layer: LayerSpec) => T,
): (layer: number) => { readonly spec: LayerSpec; readonly made: T } {
  const known = new Map<string, T>();
  const all = layers.map((spec) => {
    const key = JSON.stringify(kind(spec));
    const made = known.get(key) ?? make(spec);
    known.set(key, made);
    return { spec, made };
  });
  return (layer) => {
    const found = all[layer];
    if (!found) throw new RangeError(`The model uses attention of layer ${layer}, but lists ${all.length} layers.`);
    return found;
  };
}

/**
 * Rotates queries and keys of up to `length` positions, (M, width) → (B, T, width). The rotation of whole heads includes the
 * score scale of the queries, at no extra cost.
 */
export function rotations(b: GraphBuilder, { heads, rope: rotation, scoreScale }: LayerSpec, length: number) {
  const scaled = (x: Value) => b.mul(x, b.scalar(scoreScale));
  if (rotation === null) {
    const rows = (x: Value, positions: Value) => b.reshape(x, [...positions.shape, x.shape[1] as number]);
    return { queries: (x: Value, positions: Value) => rows(scaled(x), positions), keys: rows };
  }
  const { frequencies, scale, interleaved } = rotation;
  const whole = 2 * frequencies.length === heads.size;
  const own = ropeTables(b, frequencies, length, whole ? scale * scoreScale : scale);
  const plain = ropeTables(b, frequencies, length, scale);
  return {
    queries: (x: Value, positions: Value) => rope(b, whole ? x : scaled(x), positions, own, heads.query, interleaved),
    keys: (x: Value, positions: Value) => rope(b, x, positions, plain, heads.key, interleaved),
  };
}

const rotationsOf = (b: GraphBuilder, layers: readonly LayerSpec[], length: number) =>
  perLayer(
    layers,
    ({ heads, scoreScale, rope }) => ({ heads, scoreScale, rope }),
    (layer) => rotations(b, layer, length),
  );

/** Attention over whole rows, causal and within a segment: positions and segments int32 [B, T]. */
export function wholeRows(
  b: GraphBuilder,
  layers: readonly LayerSpec[],
  positions: Value,
  segments: Value,
  queryBlocks: number,
): Attend {
  const [rows, length] = positions.shape as [number, number];
  const positions64 = b.cast(positions, "int64");
  const biasOf = perLayer(
    layers,
    ({ window }) => window,
    ({ window }) => causalBias(b, segments, window),
  );
  const rotationOf = rotationsOf(b, layers, length);
  return (layer, q, k, v) => {
    const { spec, made: rotate } = rotationOf(layer);
    const { heads } = spec;
    return attend(
      b,
      splitQueries(b, rotate.queries(q, positions64), heads),
      splitKeys(b, rotate.keys(k, positions64), heads, true),
      splitKeys(b, b.reshape(v, [rows, length, heads.key * heads.size]), heads),
      biasOf(layer).made,
      heads,
      { blocks: queryBlocks, cap: spec.scoreCap },
    );
  };
}
