/**
 * Lowers a foreign graph to our operators, all of which run on WebGPU: shapes static, their arithmetic folded, every float
 * float32 and every integer int32. An operator that overwrites its input becomes an output that may share the input's buffer.
 */

import { type Shape, sizeOf } from "../../tensor/dtype.ts";
import { cut } from "../../tensor/quote.ts";
import { GraphBuilder } from "../builder.ts";
import type { ForeignModel, ForeignNode } from "../foreign.ts";
import { type Graph, GraphError, type Value } from "../graph.ts";
import { bindInputs, mostTensorElements } from "./bind.ts";
import {
  Call,
  type Correction,
  isSequence,
  type LabelRange,
  type Mask,
  type Operand,
  type SideEffects,
} from "./call.ts";
import { fold } from "./fold.ts";
import { lowerings, reasonAgainst, unknownOperators } from "./table.ts";

/** A tensor of a sequence input: an input of its own in the lowered graph. */
export interface SequenceMember {
  readonly name: string;
  readonly shape: Shape;
}

export interface LoweringOptions {
  /** Shapes of inputs by name, for those that the file leaves open. */
  readonly shapes?: Readonly<Record<string, Shape>>;
  /** The float32 tensors of each sequence input. */
  readonly sequences?: Readonly<Record<string, readonly SequenceMember[]>>;
  /** Name of the output with the new contents of an input that the graph overwrites. */
  readonly updatedName?: (input: string) => string;
  /** Name of the output with the norm of the gradients; without it the graph does not output that. */
  readonly gradientNorm?: string;
  /**
   * Splits the graph where it waits for PyTorch (YieldOp): what it hands over becomes outputs, and the gradients that it waits
   * for become inputs of these shapes. Without it such a graph is refused.
   */
  readonly yields?: Readonly<Record<string, Shape>>;
}

export interface Lowered {
  readonly graph: Graph;
  /** Output name → name of the input whose new contents it has. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly masks: readonly Mask[];
  readonly corrections: readonly Correction[];
  readonly labels: readonly LabelRange[];
  /** Outputs of the file that only say that an update happened; the lowered graph does not have them. */
  readonly flags: readonly string[];
}

/**
 * Lowers a model. Throws a GraphError that names every operator without a lowering, or the node with operands and fault.
 */
export function lowerModel(model: ForeignModel, options: LoweringOptions = {}): Lowered {
  requireKnown(model, options.yields !== undefined);
  const b = new GraphBuilder(cut(model.name) || "lowered");
  return b.untaped(() => {
    const effects: SideEffects = {
      masks: [],
      corrections: [],
      labels: [],
      updates: new Map(),
      gradientNorm: null,
      elements: 0,
    };
    const values = new Map<string, Operand | null>();
    for (const { name, dtype, shape, data } of model.constants.values())
      values.set(name, b.constant(dtype, shape, data));
    for (const { name, dtype, shape } of bindInputs(model, options.shapes ?? {}))
      values.set(name, b.input(name, dtype, shape));
    for (const { name, kind } of model.inputs) {
      if (kind !== "sequence") continue;
      const members = Object.hasOwn(options.sequences ?? {}, name) ? options.sequences?.[name] : undefined;
      if (!members) throw new GraphError(`input ${cut(name)} is a sequence: name its tensors`);
      values.set(
        name,
        members.map((member) => b.input(member.name, "float32", member.shape)),
      );
    }
    const yielded = new Map<string, Operand | null>();
    for (const node of model.nodes) {
      if (node.op === "YieldOp") {
        for (const name of node.inputs) yielded.set(name, values.get(name) ?? null);
        for (const name of node.outputs) {
          const shape = options.yields?.[name];
          if (!shape) throw new GraphError(`${cut(name)} is a gradient that PyTorch gives: give its shape`);
          values.set(name, b.input(name, "float32", shape));
        }
        continue;
      }
      b.within(scopeOf(node), () => lowerNode(b, node, values, effects));
    }
    return finish(b, model, values, yielded, effects, options);
  });
}

function requireKnown(model: ForeignModel, yields: boolean): void {
  const unknown = unknownOperators(model, yields);
  const [first] = unknown;
  if (!first) return;
  const list = unknown.map(({ op, domain, count }) => `${domain && `${domain}.`}${op} ×${count}`).join(", ");
  throw new GraphError(
    `${unknown.length === 1 ? "an operator is" : `${unknown.length} operators are`} not lowered: ${cut(list, 120)}; the ` +
      `first, ${cut(first.firstNode)}: ${cut(first.reason, 120)}`,
  );
}

/** The node's name as a part of names in the lowered graph. */
const scopeOf = ({ name }: ForeignNode) => cut(name, 120);

function lowerNode(
  b: GraphBuilder,
  node: ForeignNode,
  values: Map<string, Operand | null>,
  effects: SideEffects,
): void {
  try {
    const operands = node.inputs.map((name) => {
      if (name === "") return undefined;
      const value = values.get(name);
      if (value === null) throw new GraphError(`${cut(name)} only says that an update happened; no node can read it`);
      if (value === undefined) throw new GraphError(`${cut(name)} has no value`);
      return value;
    });
    const call = new Call(b, node, operands, effects);
    const results = resultsOf(call, operands);
    node.outputs.forEach((name, i) => {
      if (name === "") return;
      const result = results[i];
      if (result === undefined) throw new GraphError(`output ${i}, ${cut(name)}, is not lowered`);
      for (const value of result === null ? [] : isSequence(result) ? result : [result]) requireSize(value);
      values.set(name, result);
    });
  } catch (error) {
    // A RangeError comes from arrays of sizes that only a damaged file has.
    if (!(error instanceof GraphError || error instanceof RangeError)) throw error;
    const fault = error instanceof GraphError ? error.message : "its sizes are none that an array can have";
    throw new GraphError(`${cut(node.name)} (${cut(node.op)}): ${cut(fault, 200)}`, { cause: error });
  }
}

function resultsOf(call: Call, operands: readonly (Operand | undefined)[]): readonly (Operand | null | undefined)[] {
  const tensors = operands.map((operand) => (operand && isSequence(operand) ? undefined : operand));
  const folded = fold(call, tensors);
  if (folded) return folded;
  const lowering = Object.hasOwn(lowerings, call.node.op) ? lowerings[call.node.op] : undefined;
  if (!lowering)
    throw new GraphError(reasonAgainst(call.node) ?? "its operands depend on data, so its shape is not static");
  const results = lowering(call);
  return Array.isArray(results) ? (results as readonly Operand[]) : [results as Value];
}

function requireSize({ name, shape }: Value): void {
  if (!(sizeOf(shape) <= mostTensorElements))
    throw new GraphError(`${cut(name)} has ${sizeOf(shape)} elements, more than ${mostTensorElements}`);
}

function finish(
  b: GraphBuilder,
  model: ForeignModel,
  values: ReadonlyMap<string, Operand | null>,
  yielded: ReadonlyMap<string, Operand | null>,
  effects: SideEffects,
  { updatedName = (input) => `${input}.out`, gradientNorm }: LoweringOptions,
): Lowered {
  const outputs: Record<string, Value> = {};
  const aliases: Record<string, string> = {};
  const taken = new Set<Value>();
  /** An output needs a node of its own: a constant, an input and a second name get one. */
  const add = (name: string, value: Value) => {
    let own = value;
    if (own.data || model.inputs.some((input) => input.name === own.name) || taken.has(own)) own = copy(b, own, taken);
    taken.add(own);
    outputs[name] = own;
  };
  for (const [input, value] of effects.updates) {
    // What a node computed has no buffer of its own to update.
    if (b.isComputed(input)) continue;
    const name = updatedName(input.name);
    add(name, value);
    aliases[name] = input.name;
  }
  const flags: string[] = [];
  for (const [name, value] of [...model.outputs.map(({ name }) => [name, values.get(name)] as const), ...yielded]) {
    if (Object.hasOwn(outputs, name)) continue;
    if (value === null) flags.push(name);
    else if (value === undefined) throw new GraphError(`no node computes the output ${cut(name)}`);
    else if (isSequence(value)) for (const [i, one] of value.entries()) add(`${name}.${i}`, one);
    else add(name, value);
  }
  if (gradientNorm !== undefined && effects.gradientNorm) add(gradientNorm, effects.gradientNorm);
  const graph = b.finish(outputs);
  if (graph.nodes.length === 0) throw new GraphError("the graph computes nothing");
  const { masks, corrections, labels } = effects;
  return { graph, aliases, masks, corrections, labels, flags };
}

/** The same numbers from a node that no other output has. */
function copy(b: GraphBuilder, value: Value, taken: ReadonlySet<Value>): Value {
  if (value.dtype === "bool") return b.cast(copy(b, b.cast(value, "int32"), taken), "bool");
  let result = value;
  do result = b.add(result, b.scalar(0, value.dtype === "int32" ? "int32" : "float32"));
  while (taken.has(result));
  return result;
}
