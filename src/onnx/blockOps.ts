/** Operators on weights in blocks of integers (com.microsoft); `tensor/blocks.ts` describes the bytes. */

import type { Shape } from "../tensor/dtype.ts";
import { GraphError, type Value } from "./graph.ts";
import { at, describe, expectDType, expectRank, type OpSpec } from "./spec.ts";

/** Throws unless the scales are floats of this shape, and zero points, where given, are uint8 of two in a byte. */
function expectScales(scales: Value, zeroPoints: Value | undefined, [rows, blocks]: readonly [number, number]): void {
  expectDType(scales, ["float32", "float16"]);
  const expect = (value: Value, shape: Shape) => {
    if (value.shape.join() !== shape.join()) {
      throw new GraphError(`${describe(value)} must be [${shape.join(", ")}] for ${rows} rows of ${blocks} blocks`);
    }
  };
  expect(scales, [rows, blocks]);
  if (!zeroPoints) return;
  expectDType(zeroPoints, ["uint8"]);
  expect(zeroPoints, [rows, Math.ceil(blocks / 2)]);
}

/**
 * A·Wᵀ with A [M, K] and W [N, K] in blocks: bytes uint8 [N, K/block, block·bits/8], scales [N, K/block] of A's type, and zero
 * points uint8 [N, ⌈K/block/2⌉] for 4 bits; without them the zero point is 2^(bits − 1).
 */
export const matMulNBits: OpSpec = {
  domain: "com.microsoft",
  arity: 4,
  attributes: { K: "int", N: "int", bits: "int", block_size: "int" },
  infer: (inputs, attributes) => {
    const [a, data, scales] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const { K, N, bits, block_size: block } = attributes as Readonly<Record<string, number>>;
    if (!K || !N || !bits || !block) throw new GraphError("K, N, bits and block_size must be given");
    expectRank(a, 2);
    if (a.shape[1] !== K) throw new GraphError(`A must be [M, ${K}], not ${describe(a)}`);
    if (a.dtype !== scales.dtype) throw new GraphError(`A is ${a.dtype}, but the scales are ${scales.dtype}`);
    expectDType(data, ["uint8"]);
    const bytes = [N, K / block, (block * bits) / 8];
    if (data.shape.join() !== bytes.join())
      throw new GraphError(`B must be [${bytes.join(", ")}], not ${describe(data)}`);
    expectScales(scales, inputs[3], [N, K / block]);
    return [{ dtype: a.dtype, shape: [a.shape[0] as number, N] }];
  },
};

/**
 * Rows of W [V, K] at integer indices, in the scales' type: bytes uint8 [V, K·bits/8], indices, scales [V, K/block], and zero
 * points as for MatMulNBits.
 */
export const gatherBlockQuantized: OpSpec = {
  domain: "com.microsoft",
  arity: 4,
  attributes: { bits: "int", block_size: "int", gather_axis: "int", quantize_axis: "int" },
  infer: (inputs, attributes) => {
    const [data, indices, scales] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const { bits, block_size: block, gather_axis, quantize_axis } = attributes as Readonly<Record<string, number>>;
    if (!bits || !block) throw new GraphError("bits and block_size must be given");
    if (gather_axis !== 0 || quantize_axis !== 1) throw new GraphError("rows are gathered, with blocks along columns");
    expectRank(data, 2);
    expectDType(data, ["uint8"]);
    expectDType(indices, ["int32", "int64"]);
    const [rows, bytes] = data.shape as [number, number];
    const columns = (bytes * 8) / bits;
    expectScales(scales, inputs[3], [rows, columns / block]);
    return [{ dtype: scales.dtype, shape: [...indices.shape, columns] }];
  },
};
