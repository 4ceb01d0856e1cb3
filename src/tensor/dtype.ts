/** The element types that Hone's graphs, files and buffers use, named as ONNX Runtime names them. */

export type DType = "float32" | "float16" | "bfloat16" | "int32" | "int64" | "uint8" | "bool";

/** Dimensions of a tensor, outermost first; `[]` is a scalar. Every dimension is static. */
export type Shape = readonly number[];

/** Bytes of one element. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** Bytes of a tensor of this type and shape. */
export function byteSizeOf(dtype: DType, shape: Shape): number {
  return sizeOf(shape) * bytesPerElement[dtype];
}

/** `float32[2, 3]`: a tensor's type as error messages write it. */
export function describeType(dtype: DType, shape: Shape): string {
  return `${dtype}[${shape.join(", ")}]`;
}

/** Whether two shapes are equal, dimension by dimension. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}
