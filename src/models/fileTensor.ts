/** How a model's files store a parameter. */

import type { Shape } from "../tensor/dtype.ts";

type Numbers = Float32Array<ArrayBuffer>;

/** A tensor of the files, and the conversions between its numbers and a parameter's. */
export interface FileTensor {
  readonly name: string;
  readonly shape: Shape;
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

/** For a family whose parameters have the names and the order of its files. */
export const sameInFile = ({ name, shape }: NamedShape): FileTensor => ({
  name,
  shape,
  toParameter: (values) => values,
  toFile: (values) => values,
});
