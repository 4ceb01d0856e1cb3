/** One node of a foreign graph as its lowering sees it: operands, attributes with defaults, and the builder. */

import { type Shape, sizeOf } from "../../tensor/dtype.ts";
import { cut } from "../../tensor/quote.ts";
import type { GraphBuilder } from "../builder.ts";
import type { ForeignNode, ForeignTensor, LoweredDType } from "../foreign.ts";
import { loweredData } from "../foreignTensor.ts";
import { GraphError, type Value } from "../graph.ts";
import { normalizeAxis } from "../shapes.ts";

/** A value of a foreign graph: a tensor, or a sequence of tensors. */
export type Operand = Value | readonly Value[];

/** The results of a node, in the order of its outputs; `null` is a flag that only says that an update happened. */
export type Results = readonly (Operand | null | undefined)[];

/** Writes a node with our operators. Throws a GraphError for what it cannot express. */
export type Lowering = (call: Call) => Value | Results;

/** A random mask that an operator needs; the host draws it, because no graph of ours has random numbers. */
export interface Mask {
  readonly name: string;
  readonly shape: Shape;
  /** Probability of true. */
  readonly probability: number;
}

/** 1 − baseˢ for the step s, float32 [1]; the host computes it, because float32 loses it for small s. */
export interface Correction {
  readonly name: string;
  readonly base: number;
  /** The graph input with the step. */
  readonly step: string;
}

/** Class labels that the host checks before a run, because WebGPU does not. */
export interface LabelRange {
  /** The graph input with the labels. */
  readonly input: string;
  readonly classes: number;
  /** A label without a loss. */
  readonly ignored: number;
}

/** What a lowering leaves beside its results. */
export interface SideEffects {
  readonly masks: Mask[];
  readonly corrections: Correction[];
  readonly labels: LabelRange[];
  /** Graph inputs that an operator overwrites, with their new contents. */
  readonly updates: Map<Value, Value>;
  /** The norm of all gradients before clipping, float32 [1]. */
  gradientNorm: Value | null;
  /** Elements of the constants that lowerings have made. */
  elements: number;
}

/** A damaged file may describe constants without end; this is their limit for a model, its own weights not counted. */
const mostElements = 2 ** 25;

export const isSequence = (operand: Operand): operand is readonly Value[] => Array.isArray(operand);

export class Call {
  readonly b: GraphBuilder;
  readonly node: ForeignNode;
  readonly effects: SideEffects;
  readonly #operands: readonly (Operand | undefined)[];

  constructor(b: GraphBuilder, node: ForeignNode, operands: readonly (Operand | undefined)[], effects: SideEffects) {
    this.b = b;
    this.node = node;
    this.#operands = operands;
    this.effects = effects;
  }

  /** Number of operands, those left out included. */
  get arity(): number {
    return this.#operands.length;
  }

  /** Operand `i`; undefined where it is left out. */
  optional(i: number): Value | undefined {
    const operand = this.#operands[i];
    if (operand && isSequence(operand)) throw new GraphError(`operand ${i} is a sequence, but one tensor is needed`);
    return operand;
  }

  /** Operand `i`. Throws a GraphError when it is left out. */
  in(i: number): Value {
    const value = this.optional(i);
    if (!value) throw new GraphError(`operand ${i} is missing`);
    return value;
  }

  /** All operands, none left out. */
  all(): Value[] {
    return this.#operands.map((_, i) => this.in(i));
  }

  sequence(i: number): readonly Value[] {
    const operand = this.#operands[i];
    if (!operand || !isSequence(operand)) throw new GraphError(`operand ${i} must be a sequence of tensors`);
    return operand;
  }

  /** The numbers of operand `i`; undefined where it is left out. Throws a GraphError where the graph computes them from data. */
  optionalNumbers(i: number): number[] | undefined {
    const value = this.optional(i);
    if (!value) return undefined;
    if (!value.data) {
      throw new GraphError(
        `operand ${i}, ${cut(value.name)}, depends on data, but shapes, axes and sizes must follow from the inputs' shapes`,
      );
    }
    return Array.from(value.data, Number);
  }

  numbers(i: number): number[] {
    const numbers = this.optionalNumbers(i);
    if (!numbers) throw new GraphError(`operand ${i} is missing`);
    return numbers;
  }

  /** The only number of operand `i`, or `otherwise` where it is left out. */
  scalar(i: number, otherwise: number): number {
    const numbers = this.optionalNumbers(i);
    if (!numbers) return otherwise;
    if (numbers.length !== 1) throw new GraphError(`operand ${i} has ${numbers.length} numbers, but 1 is needed`);
    return numbers[0] as number;
  }

  has(attribute: string): boolean {
    return this.node.attributes.has(attribute);
  }

  number(attribute: string, otherwise: number): number {
    const found = this.node.attributes.get(attribute);
    if (!found) return otherwise;
    if (found.kind !== "number") throw new GraphError(`attribute ${attribute} must be a number, not ${found.kind}`);
    return found.value;
  }

  optionalList(attribute: string): readonly number[] | undefined {
    const found = this.node.attributes.get(attribute);
    if (!found) return undefined;
    if (found.kind !== "numbers") throw new GraphError(`attribute ${attribute} must be numbers, not ${found.kind}`);
    return found.value;
  }

  text(attribute: string, otherwise: string): string {
    const found = this.node.attributes.get(attribute);
    if (!found) return otherwise;
    if (found.kind !== "string") throw new GraphError(`attribute ${attribute} must be a string, not ${found.kind}`);
    return found.value;
  }

  tensor(attribute: string): ForeignTensor | undefined {
    const found = this.node.attributes.get(attribute);
    if (!found) return undefined;
    if (found.kind !== "tensor") throw new GraphError(`attribute ${attribute} must be a tensor, not ${found.kind}`);
    return found.value;
  }

  /** Attribute `axis` of an operand of this rank, counted from the front. */
  axis(rank: number, otherwise: number): number {
    return normalizeAxis(this.number("axis", otherwise), rank);
  }

  /** Whether the graph reads output `i`. */
  wants(i: number): boolean {
    return (this.node.outputs[i] ?? "") !== "";
  }

  /** A constant of a lowered type; values outside the type become its ends. */
  constant(dtype: LoweredDType, shape: Shape, values: ArrayLike<number>): Value {
    this.#count(values.length);
    return this.b.constant(dtype, shape, loweredData(dtype, values));
  }

  #count(elements: number): void {
    this.effects.elements += elements;
    if (!(this.effects.elements <= mostElements))
      throw new GraphError(`the graph's shapes need constants of more than ${mostElements} elements`);
  }

  /** Elements [from, to) along an axis, as a gather: WebGPU slices only floats. */
  slice(x: Value, from: number, to: number, axis: number): Value {
    if (from === 0 && to === x.shape[axis]) return x;
    this.#count(to - from);
    return this.b.slice(x, from, to, axis);
  }

  /** A constant vector of integers. */
  ints(values: readonly number[]): Value {
    return this.constant("int32", [values.length], values);
  }

  /** Zeros of the shape. */
  zeros(dtype: LoweredDType, shape: Shape): Value {
    return this.fill(dtype, shape, 0);
  }

  /** One value in all elements of the shape. */
  fill(dtype: LoweredDType, shape: Shape, value: number): Value {
    const one = this.constant(dtype, [], [value]);
    if (shape.length === 0) return one;
    if (sizeOf(shape) <= 64) return this.constant(dtype, shape, new Array<number>(sizeOf(shape)).fill(value));
    return this.structural(one, (x) => this.b.expand(x, shape));
  }

  /** An operation that moves elements: WebGPU has those for numbers, so a bool goes through int32. */
  structural(x: Value, move: (x: Value) => Value): Value {
    return x.dtype === "bool" ? this.b.cast(move(this.b.cast(x, "int32")), "bool") : move(x);
  }

  /** An operation on floats: an integer goes through float32, exact up to 2²⁴. */
  floating(x: Value, compute: (x: Value) => Value): Value {
    if (x.dtype === "float32") return compute(x);
    return this.b.cast(compute(this.b.cast(x, "float32")), x.dtype);
  }
}
