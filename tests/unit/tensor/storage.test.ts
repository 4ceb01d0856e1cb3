/** Storages of weights. Oracles: sizes by hand, and the encodings of blocks.ts and convert.ts. */

import { describe, expect, it } from "vitest";
import { quantise } from "../../../src/tensor/blocks.ts";
import { float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { byteSizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { encode, partsOf, storable, weightStorages } from "../../../src/tensor/storage.ts";

const random = createRandom(11);
const matrix = (rows: number, columns: number) => Float32Array.from({ length: rows * columns }, () => random.normal());

describe("storable", () => {
  it.each([
    ["int8", [4, 32], "int8"],
    ["int8", [4, 48], "float32"],
    ["int4", [4, 96], "int4"],
    ["uint4", [4, 64], "uint4"],
    ["uint4", [4, 96], "int4"],
    ["uint4", [4, 40], "float32"],
    ["int4", [64], "float32"],
    ["float16", [4, 33], "float16"],
    ["float32", [4, 33], "float32"],
  ] as const)("%s of %j is %s", (wanted, shape, storage) => {
    expect(storable(wanted, shape)).toBe(storage);
  });
});

describe.each(weightStorages)("%s", (storage) => {
  it.each(["float32", "float16"] as const)("encodes the parts that partsOf announces, scales in %s", (scales) => {
    const parts = partsOf(storage, [6, 128], scales);
    const data = encode(storage, matrix(6, 128), 128, scales);
    expect(data.map(({ byteLength }) => byteLength)).toEqual(parts.map(({ dtype, shape }) => byteSizeOf(dtype, shape)));
  });
});

it("encodes blocks as quantise does, and float16 as float32ToFloat16 does", () => {
  const values = matrix(3, 64);
  const { data, scales, zeroPoints } = quantise("uint4", values, 64);
  expect(encode("uint4", values, 64)).toEqual([data, scales, zeroPoints]);
  expect(encode("uint4", values, 64, "float16")).toEqual([data, float32ToFloat16(scales), zeroPoints]);
  expect(encode("float16", values, 64)).toEqual([float32ToFloat16(values)]);
});

it.each([65_520, -1e6, Number.NaN, Number.NEGATIVE_INFINITY])("refuses %d in float16", (value) => {
  expect(() => encode("float16", Float32Array.of(1, value), 2)).toThrow("which float16 cannot store");
});

it("accepts the values that round to float16's largest", () => {
  expect(encode("float16", Float32Array.of(65_519, -65_504), 2)).toEqual([Uint16Array.of(0x7bff, 0xfbff)]);
});
