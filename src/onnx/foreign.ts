/**
 * A model of another program as its file describes it: operators of any set by name, dimensions by number or symbol. `lower/`
 * turns it into a `Graph` of our operators. `Graph` itself stays narrow: each of its operators has a type rule, and most have a
 * gradient rule.
 */

import type { DType, Shape } from "../tensor/dtype.ts";

/** A dimension: a size, a symbol that several inputs may share, or null where the file gives neither. */
export type Dimension = number | string | null;

export interface ForeignPort {
  readonly name: string;
  /** A sequence has tensors of one element type, such as all parameters. */
  readonly kind: "tensor" | "sequence";
  /** The file's element type, such as `float16` or `int64`. */
  readonly dtype: string;
  /** Null where the file gives no rank. */
  readonly dims: readonly Dimension[] | null;
}

/** Contents of a constant in the lowered types: every float as float32, every integer as int32, bool as bytes. */
export interface ForeignTensor {
  readonly name: string;
  readonly dtype: LoweredDType;
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** The element types of lowered graphs: WebGPU computes with these. */
export type LoweredDType = Extract<DType, "float32" | "int32" | "bool">;

export type ForeignAttribute =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "numbers"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: ForeignTensor }
  /** A graph, a sparse tensor or a type: no operator that we lower has one. */
  | { readonly kind: "other"; readonly value: string };

export interface ForeignNode {
  /** Operator set; "" is ONNX's own. */
  readonly domain: string;
  readonly op: string;
  /** Version of the operator set. */
  readonly version: number;
  readonly name: string;
  /** Names of values; "" where an operand is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, ForeignAttribute>;
}

export interface ForeignModel {
  readonly name: string;
  readonly producer: string;
  /** Version of each operator set that the file imports. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Without the constants that the file also lists as inputs. */
  readonly inputs: readonly ForeignPort[];
  readonly outputs: readonly ForeignPort[];
  readonly constants: ReadonlyMap<string, ForeignTensor>;
  /** Sorted: each node follows the producers of its inputs. Functions of the file are already inlined. */
  readonly nodes: readonly ForeignNode[];
}
