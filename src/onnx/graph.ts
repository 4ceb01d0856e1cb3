/** The in-memory ONNX graph: values with static types, nodes in execution order. */

import { type DType, describeType, type Shape } from "../tensor/dtype.ts";
import type { OpName } from "./ops.ts";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Contents of an initializer; bool as bytes. */
export type ConstantData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** An edge of the graph. Two values are the same edge only when they are the same object. */
export interface Value extends TensorType {
  readonly name: string;
  /** Set for initializers alone. */
  readonly data?: ConstantData;
}

export type AttributeValue = number | readonly number[] | string;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface Node {
  readonly op: OpName;
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly initializers: readonly Value[];
  /** In an order in which each node follows the producers of its inputs. */
  readonly nodes: readonly Node[];
}

/** A graph that cannot be: names the node, its operands' types and what is wrong. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}

/** `x: float32[2, 3], w: float32[4, 3]`: operands as messages name them. */
export function describeOperands(values: readonly Value[]): string {
  return values.map((value) => `${value.name}: ${describeType(value.dtype, value.shape)}`).join(", ");
}

/** Numbers of an integer initializer; throws when the value is not one. */
export function constantNumbers(value: Value): number[] {
  if (!value.data) throw new GraphError(`${value.name} must be an initializer, for shapes and axes are static`);
  return Array.from(value.data, Number);
}
