/** Products with a weight matrix, whatever its storage on the device. */

import { adding } from "../autodiff/rules.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import type { BlockStorage } from "../tensor/blocks.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { bitsOf, isQuantised, type WeightStorage } from "../tensor/storage.ts";

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

/** A matrix in blocks. */
interface BlockWeight extends Weight {
  readonly storage: BlockStorage;
  readonly scales: Value;
}

const inBlocks = (weight: Weight): weight is BlockWeight => isQuantised(weight.storage) && weight.scales !== null;

/** A float32 matrix as a weight. */
export const plainWeight = (data: Value): Weight => ({
  shape: data.shape as readonly [number, number],
  storage: "float32",
  compute: "float32",
  data,
  scales: null,
  zeroPoints: null,
});

/** Most weights that are widened at once: 128 MiB of float32, the smallest limit of a buffer's binding. */
export const widenedLimit = 2 ** 25;

/** xWᵀ + c: x float32 (M, K), W [N, K], c [N] → float32 (M, N). A matrix in 16 bits or less has no gradient. */
export function product(b: GraphBuilder, x: Value, weight: Weight, c: Value | null = null): Value {
  const { storage, compute, data, shape } = weight;
  if (storage === "float32" && compute === "float32") return b.gemm(x, data, { transB: true, ...(c && { c }) });
  const [rows, columns] = shape;
  if (storage !== "float32" && compute === "float32" && rows * columns > widenedLimit && rows > 1) {
    const parts = chunksOf(rows, Math.max(1, Math.floor(widenedLimit / columns)));
    const pieces = parts.map(([from, to]) => product(b, x, someRows(b, weight, from, to)));
    return plus(b, b.concat(pieces, 1), c);
  }
  return convertedProduct(b, x, weight, c);
}

const plus = (b: GraphBuilder, y: Value, c: Value | null) => (c ? b.add(y, c) : y);

/**
 * A product with a matrix that is converted for it, forward and again backward, so that no converted matrix lives between the
 * passes. The gradient of a trained matrix sums over tokens, so it is a float32 product.
 *
 * The conversion for the backward pass is written here, before the nodes of any gradient: ONNX Runtime computes the operands
 * of a node from the last in the file to the first, so it converts each matrix just before its product. Written later, all
 * matrices would be converted before the first gradient.
 */
function convertedProduct(b: GraphBuilder, x: Value, weight: Weight, c: Value | null): Value {
  const { data, compute } = weight;
  const narrow = compute === "float16";
  const [y] = b.composite("product", [x, data, ...(c ? [c] : [])], () => {
    const operand = b.cast(x, compute);
    const fused = narrow || inBlocks(weight) ? null : c;
    const own = inBlocks(weight)
      ? b.matMulNBits(operand, data, weight.scales, weight.zeroPoints, bitsOf[weight.storage])
      : b.gemm(operand, b.cast(data, compute), { transB: true, ...(fused && { c: fused }) });
    const again = convertedAgain(b, weight);
    return {
      outputs: [fused ? own : plus(b, b.cast(own, "float32"), c)],
      rule: ([g]) => {
        const gradient = g as Value;
        const ofInput = (before?: Value) => b.gemm(b.cast(gradient, compute), again, { ...(before && { c: before }) });
        return [
          narrow ? () => b.cast(ofInput(), "float32") : adding(ofInput),
          adding((before) => b.gemm(gradient, x, { transA: true, ...(before && { c: before }) })),
          () => gradient,
        ];
      },
    };
  });
  return y as Value;
}

/**
 * The matrix [N, K] in the type of its products, by other nodes than the forward pass has: ONNX Runtime's common-subexpression
 * elimination would merge equal ones and keep the result.
 */
function convertedAgain(b: GraphBuilder, weight: Weight): Value {
  const { data, compute, shape } = weight;
  const [rows, columns] = shape;
  if (inBlocks(weight)) {
    const { scales, zeroPoints } = weight;
    return b.gatherBlocks(data, b.range(0, rows), scales, zeroPoints, bitsOf[weight.storage]);
  }
  if (data.dtype === compute) return data;
  return b.reshape(b.cast(b.reshape(data, [rows * columns]), compute), shape);
}

/** The rows of W at ids int32 or int64 [M] → float32 (M, K). */
export function lookup(b: GraphBuilder, weight: Weight, ids: Value): Value {
  if (!inBlocks(weight)) return b.cast(b.gather(weight.data, ids), "float32");
  const bits = bitsOf[weight.storage];
  const { data, scales, zeroPoints } = weight;
  if (scales.dtype === "float32") return b.gatherBlocks(data, ids, scales, zeroPoints, bits);
  // Float16 scales would give float16 numbers. Only the scales of these rows are widened.
  const own = (value: Value) => b.gather(value, ids);
  const all = b.range(0, sizeOf(ids.shape));
  return b.gatherBlocks(own(data), all, b.cast(own(scales), "float32"), zeroPoints && own(zeroPoints), bits);
}

/** Rows [from, to) of a matrix, in its own storage. */
function someRows(b: GraphBuilder, weight: Weight, from: number, to: number): Weight {
  const part = (value: Value) => b.slice(value, from, to);
  return {
    ...weight,
    shape: [to - from, weight.shape[1]],
    data: part(weight.data),
    scales: weight.scales && part(weight.scales),
    zeroPoints: weight.zeroPoints && part(weight.zeroPoints),
  };
}

/** Pieces [from, to) of nearly equal length, at most `limit`, that cover `length`. */
export function chunksOf(length: number, limit: number): (readonly [from: number, to: number])[] {
  const count = Math.ceil(length / limit);
  const size = Math.ceil(length / count);
  return Array.from({ length: count }, (_, i) => [i * size, Math.min(length, (i + 1) * size)] as const).filter(
    ([from, to]) => from < to,
  );
}
