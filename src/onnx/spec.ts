/** What the table of operators says of each, and checks of operands. */

import { type DType, describeType } from "../tensor/dtype.ts";
import { type Attributes, GraphError, type TensorType, type Value } from "./graph.ts";

export type AttributeKind = "int" | "float" | "ints" | "string";

export interface OpSpec {
  /** Operator set; the ONNX one when left out. */
  readonly domain?: "com.microsoft";
  readonly arity: number;
  readonly attributes?: Readonly<Record<string, AttributeKind>>;
  /** Types of the outputs. Throws a GraphError when operands or attributes do not fit. */
  infer(inputs: readonly Value[], attributes: Attributes): TensorType[];
}

/** An operand. Throws a GraphError when it is missing. */
export const at = (inputs: readonly Value[], index: number): Value => {
  const value = inputs[index];
  if (!value) throw new GraphError(`operand ${index} is missing`);
  return value;
};

export const describe = (type: TensorType) => describeType(type.dtype, type.shape);

/** The dtype of all operands. Throws a GraphError when they differ. */
export function sameDType(inputs: readonly Value[]): DType {
  const { dtype } = at(inputs, 0);
  const other = inputs.find((value) => value.dtype !== dtype);
  if (other) throw new GraphError(`operands must share one dtype: ${dtype} against ${other.dtype}`);
  return dtype;
}

export function expectDType(value: Value, dtypes: readonly DType[]): void {
  if (!dtypes.includes(value.dtype)) {
    throw new GraphError(`${value.name} must be ${dtypes.join(" or ")}, not ${value.dtype}`);
  }
}

export function expectRank(value: Value, rank: number): void {
  if (value.shape.length !== rank) throw new GraphError(`${value.name} must have rank ${rank}, not ${describe(value)}`);
}
