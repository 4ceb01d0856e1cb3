/** The in-memory ONNX graph: values with static types, nodes in execution order. */

import { type DType, describeType, type Shape } from "../tensor/dtype.ts";
import type { AnyOpName } from "./ops.ts";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Contents of an initializer; bool as bytes. */
export type ConstantData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** An edge of the graph, compared by identity: two equal objects are two edges. */
export interface Value extends TensorType {
  readonly name: string;
  /** Only initializers have it. */
  readonly data?: ConstantData;
}

export type AttributeValue = number | readonly number[] | string;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface Node<Op extends AnyOpName = AnyOpName> {
  readonly op: Op;
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
  /** Topologically sorted: each node follows the producers of its inputs. */
  readonly nodes: readonly Node[];
}

/** An invalid graph; the message names the node, its operands' types and the fault. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}

/** `x: float32[2, 3], w: float32[4, 3]`: operands as error messages write them. */
export function describeOperands(values: readonly Value[]): string {
  return values.map((value) => `${value.name}: ${describeType(value.dtype, value.shape)}`).join(", ");
}

/** Numbers of an integer initializer. Throws a GraphError for any other value. */
export function constantNumbers(value: Value): number[] {
  if (!value.data) throw new GraphError(`${value.name} must be an initializer, because shapes and axes are static`);
  return Array.from(value.data, Number);
}
