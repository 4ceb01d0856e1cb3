/** Products with a weight matrix, whatever its storage on the device. */

import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import type { WeightStorage } from "../tensor/storage.ts";

/** A weight matrix [N, K] among a graph's inputs. */
export interface Weight {
  readonly shape: readonly [rows: number, columns: number];
  readonly storage: WeightStorage;
  /** Type of products with it. */
  readonly compute: "float32" | "float16";
  /** float32 or float16 [N, K], or uint8 blocks [N, K/32, bytes]. */
  readonly data: Value;
  /** [N, K/32] for blocks, else null. */
  readonly scales: Value | null;
  /** uint8 [N, ⌈K/64⌉] for uint4, else null. */
  readonly zeroPoints: Value | null;
}

/** A float32 matrix as a weight. */
export const plainWeight = (data: Value): Weight => ({
  shape: data.shape as readonly [number, number],
  storage: "float32",
  compute: "float32",
  data,
  scales: null,
  zeroPoints: null,
});

const isPlain = ({ storage, compute }: Weight) => storage === "float32" && compute === "float32";

const unsupported = ({ storage, compute, data }: Weight) =>
  new GraphError(`${data.name} is stored as ${storage} for products in ${compute}, which no product here supports`);

/** xWᵀ + c: x float32 (M, K), W [N, K], c [N] → float32 (M, N). */
export function product(b: GraphBuilder, x: Value, weight: Weight, c: Value | null = null): Value {
  if (isPlain(weight)) return b.gemm(x, weight.data, { transB: true, ...(c && { c }) });
  throw unsupported(weight);
}

/** The rows of W at ids int32 [M] → float32 (M, K). */
export function lookup(b: GraphBuilder, weight: Weight, ids: Value): Value {
  if (isPlain(weight)) return b.gather(weight.data, ids);
  throw unsupported(weight);
}
