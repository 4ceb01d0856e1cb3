/** How a model's files hold a parameter. */

import type { Shape } from "../tensor/dtype.ts";

type Numbers = Float32Array<ArrayBuffer>;

/** A tensor of the files, and how its numbers become a parameter's and go back. */
export interface FileTensor {
  readonly name: string;
  readonly shape: Shape;
  /** The file's numbers in the parameter's order, both row-major. */
  toParameter(values: Numbers): Numbers;
  /** Undoes `toParameter`. */
  toFile(values: Numbers): Numbers;
}

/** A parameter as a model's trace declares it. */
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
