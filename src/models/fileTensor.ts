/** How a model's files store a parameter. */

import type { Shape } from "../tensor/dtype.ts";

type Numbers = Float32Array<ArrayBuffer>;

/** A tensor of the files, and the conversions between its numbers and a parameter's. */
export interface FileTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Whether the file has the transpose of a linear layer's weight: [in, out], as transformers' Conv1D. */
  readonly transposed: boolean;
  /** The file's numbers in the parameter's order, both row-major. */
  toParameter(values: Numbers): Numbers;
  /** Undoes `toParameter`. */
  toFile(values: Numbers): Numbers;
}

/** A parameter, as declared in a model's trace. */
export interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

/** The transpose of a matrix of `rows` × `columns`. */
export function transpose(values: Numbers, rows: number, columns: number): Numbers {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return result;
}

/** For a weight [out, in] that the files store as [in, out]. */
export function transposedInFile({ name, shape }: NamedShape): FileTensor {
  const [out, width] = shape as readonly [number, number];
  return {
    name,
    shape: [width, out],
    transposed: true,
    toParameter: (values) => transpose(values, width, out),
    toFile: (values) => transpose(values, out, width),
  };
}

/** For a family whose parameters have the names and the order of its files. */
export const sameInFile = ({ name, shape }: NamedShape): FileTensor => ({
  name,
  shape,
  transposed: false,
  toParameter: (values) => values,
  toFile: (values) => values,
});
