/** Static types of a model's inputs: symbols of dimensions get the sizes of the given shapes. */

import type { Shape } from "../../tensor/dtype.ts";
import { cut } from "../../tensor/quote.ts";
import type { ForeignModel, ForeignPort, LoweredDType } from "../foreign.ts";
import { loweredDType } from "../foreignTensor.ts";
import { GraphError } from "../graph.ts";

export interface BoundInput {
  readonly name: string;
  readonly dtype: LoweredDType;
  readonly shape: Shape;
}

/** Larger tensors than this exist on no device; a damaged file may describe them. */
export const mostTensorElements = 2 ** 31;

/**
 * The type of every tensor input. `shapes` gives the shapes of inputs by name; an input without one must follow from the file's
 * numbers and from symbols that another input binds. Throws a GraphError that names input, dimension and both values.
 */
export function bindInputs(model: ForeignModel, shapes: Readonly<Record<string, Shape>>): readonly BoundInput[] {
  const tensors = model.inputs.filter(({ kind }) => kind === "tensor");
  const names = new Set(tensors.map(({ name }) => name));
  const stray = Object.keys(shapes).find((name) => !names.has(name));
  if (stray !== undefined) {
    const known = cut([...names].join(", "), 120);
    throw new GraphError(`the model has no input ${cut(stray)}; its inputs are ${known}`);
  }
  const symbols = new Map<string, { readonly size: number; readonly input: string }>();
  for (const port of tensors) {
    const shape = Object.hasOwn(shapes, port.name) ? shapes[port.name] : undefined;
    if (shape) matchShape(port, shape, symbols);
  }
  return tensors.map((port) => {
    const dtype = loweredDType(port.dtype);
    if (!dtype)
      throw new GraphError(`input ${cut(port.name)} is ${port.dtype || "untyped"}, which no lowered graph has`);
    const given = Object.hasOwn(shapes, port.name) ? shapes[port.name] : undefined;
    const shape = given ?? inferred(port, symbols);
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (!(size <= mostTensorElements))
      throw new GraphError(`input ${cut(port.name)} has ${size} elements, more than ${mostTensorElements}`);
    return { name: port.name, dtype, shape };
  });
}

function matchShape(
  { name, dims }: ForeignPort,
  shape: Shape,
  symbols: Map<string, { readonly size: number; readonly input: string }>,
): void {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new GraphError(`the shape [${shape.join(", ")}] of input ${cut(name)} must be whole numbers`);
  if (!dims) return;
  if (dims.length !== shape.length)
    throw new GraphError(
      `input ${cut(name)} has ${dims.length} dimensions, [${cut(dims.join(", "))}], but the feed has [${shape.join(", ")}]`,
    );
  dims.forEach((dimension, axis) => {
    const size = shape[axis] as number;
    if (typeof dimension === "number" && dimension !== size)
      throw new GraphError(`dimension ${axis} of input ${cut(name)} is ${dimension}, but the feed has ${size}`);
    if (typeof dimension !== "string") return;
    const bound = symbols.get(dimension);
    if (bound && bound.size !== size)
      throw new GraphError(
        `${cut(dimension)} is ${bound.size} in input ${cut(bound.input)}, but ${size} in input ${cut(name)}: they must agree`,
      );
    symbols.set(dimension, { size, input: name });
  });
}

function inferred({ name, dims }: ForeignPort, symbols: ReadonlyMap<string, { readonly size: number }>): Shape {
  if (!dims) throw new GraphError(`input ${cut(name)} has no shape in the file: give one`);
  return dims.map((dimension, axis) => {
    const size = typeof dimension === "string" ? symbols.get(dimension)?.size : dimension;
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      const what = typeof dimension === "string" ? `, ${cut(dimension)},` : "";
      throw new GraphError(`dimension ${axis}${what} of input ${cut(name)} is open: give a shape for that input`);
    }
    return size;
  });
}
