/** Oracle: the element sizes of ONNX's TensorProto types, and arithmetic. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { byteSizeOf, bytesPerElement, type DType, describeType, sameShape, sizeOf } from "../../../src/tensor/dtype.ts";

const shapes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 });

test.each<[DType, number]>([
  ["float32", 4],
  ["float16", 2],
  ["bfloat16", 2],
  ["int32", 4],
  ["int64", 8],
  ["bool", 1],
])("%s takes %i bytes", (dtype, bytes) => {
  expect(bytesPerElement[dtype]).toBe(bytes);
  expect(byteSizeOf(dtype, [2, 3])).toBe(6 * bytes);
  expect(byteSizeOf(dtype, [])).toBe(bytes);
});

test.each<[number[], number]>([
  [[], 1],
  [[7], 7],
  [[2, 3, 4], 24],
  [[5, 0, 2], 0],
])("sizeOf(%j) is %i", (shape, size) => {
  expect(sizeOf(shape)).toBe(size);
});

test("the size of joined shapes is the product of their sizes", () => {
  fc.assert(
    fc.property(shapes, shapes, (a, b) => {
      expect(sizeOf([...a, ...b])).toBe(sizeOf(a) * sizeOf(b));
    }),
  );
});

test("a type is written with its dimensions", () => {
  expect(describeType("float32", [2, 3])).toBe("float32[2, 3]");
  expect(describeType("int64", [])).toBe("int64[]");
});

test("shapes are the same only when every dimension is", () => {
  fc.assert(
    fc.property(shapes, shapes, (a, b) => {
      expect(sameShape(a, [...a])).toBe(true);
      expect(sameShape(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      expect(sameShape(a, [...a, 1])).toBe(false);
    }),
  );
});
