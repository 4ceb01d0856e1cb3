/**
 * Writes a graph op by op. It infers each type at once, names each node after its part of the model, and records the tape
 * for reverse-mode differentiation.
 */

import { type DType, type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import {
  type Attributes,
  type ConstantData,
  describeOperands,
  type Graph,
  GraphError,
  type Node,
  type Value,
} from "./graph.ts";
import { type AnyOpName, type ForwardOpName, type OpName, specOf } from "./ops.ts";

/**
 * Writes one operand's gradient, whose shape may still be the broadcast one. `onto` writes `before` + gradient without an
 * extra addition, both of the operand's own shape; operations that cannot do so leave it out.
 */
export type Gradient = (() => Value) & { readonly onto?: (before: Value) => Value };

/** From the gradients of a composite's outputs to those of its inputs, each written on demand. */
export type CompositeRule = (gradients: readonly (Value | undefined)[]) => readonly Gradient[];

/** One step of the tape: a node, which uses the rule of its op, or a composite with a rule of its own. */
export type Step =
  | { readonly kind: "node"; readonly node: Node<OpName> }
  | {
      readonly kind: "composite";
      readonly name: string;
      readonly inputs: readonly Value[];
      readonly outputs: readonly Value[];
      readonly rule: CompositeRule;
    };

const castCode: Partial<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 };

/** Numbers per ScatterND: a quarter of the size up to which ONNX Runtime's cost model uses a single thread. */
const numbersPerScatter = 50_000;

export class GraphBuilder {
  readonly tape: Step[] = [];
  private readonly inputs = new Map<string, Value>();
  private readonly required = new Set<Value>();
  private readonly initializers = new Map<string, Value>();
  private readonly ranges = new Map<string, Value>();
  private readonly nodes: Node[] = [];
  private readonly producers = new Map<Value, Node>();
  private readonly known = new Map<string, Node>();
  private readonly identities = new Map<Value, number>();
  private scopes: string[] = [];
  private recording = true;

  constructor(readonly name: string) {}

  /** Declares a graph input, or returns the input of that name. Throws a GraphError when its type differs. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const present = this.inputs.get(name);
    if (present) {
      if (present.dtype !== dtype || !sameShape(present.shape, shape)) {
        throw new GraphError(`input ${name} is declared twice: ${describeOperands([present])} and ${dtype}[${shape}]`);
      }
      return present;
    }
    const value: Value = { name, dtype, shape };
    this.inputs.set(name, value);
    return value;
  }

  /** As `input`; the finished graph has it even where no node reads it. */
  requiredInput(name: string, dtype: DType, shape: Shape): Value {
    const value = this.input(name, dtype, shape);
    this.required.add(value);
    return value;
  }

  /** An initializer; small ones with equal contents are shared. */
  constant(dtype: DType, shape: Shape, data: ConstantData): Value {
    if (data.length !== sizeOf(shape))
      throw new GraphError(`a constant of shape [${shape}] cannot hold ${data.length} values`);
    const key = data.length <= 64 ? `${dtype}[${shape}]${data.join()}` : `constant${this.initializers.size}`;
    let value = this.initializers.get(key);
    if (!value) {
      value = { name: `constant_${this.initializers.size}`, dtype, shape, data };
      this.initializers.set(key, value);
    }
    return value;
  }

  scalar(value: number, dtype: "float32" | "int32" = "float32"): Value {
    return this.constant(dtype, [], dtype === "float32" ? Float32Array.of(value) : Int32Array.of(value));
  }

  private ints(values: readonly number[]): Value {
    return this.constant("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  /** Runs `body`; the names of its nodes begin with `scope/`. */
  within<T>(scope: string, body: () => T): T {
    this.scopes.push(scope);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  /**
   * Runs `body` without recording it on the tape, and shares equal nodes. Gradients are written this way: they may share
   * taped nodes, because nothing differentiates through a gradient.
   */
  untaped<T>(body: () => T): T {
    const before = this.recording;
    this.recording = false;
    try {
      return body();
    } finally {
      this.recording = before;
    }
  }

  /** A group of nodes with one gradient rule: the backward walk treats it as a single step. */
  composite(
    name: string,
    inputs: readonly Value[],
    forward: () => { outputs: readonly Value[]; rule: CompositeRule },
  ): readonly Value[] {
    const { outputs, rule } = this.within(name, () => this.untaped(forward));
    if (this.recording) this.tape.push({ kind: "composite", name, inputs, outputs, rule });
    return outputs;
  }

  private identity(value: Value): number {
    let id = this.identities.get(value);
    if (id === undefined) {
      id = this.identities.size;
      this.identities.set(value, id);
    }
    return id;
  }

  /** Emits a node and returns its only output. Throws a GraphError with the node's name and the operands' types. */
  emit(op: OpName, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.emitAll(op, inputs, attributes)[0] as Value;
  }

  /** Emits an operator that has no gradient rule. Throws a GraphError while the tape records. */
  forward(op: ForwardOpName, inputs: readonly Value[], attributes: Attributes = {}): Value {
    if (this.recording) throw new GraphError(`${op} has no gradient rule, so it cannot be on the tape`);
    return this.append(op, inputs, attributes).outputs[0] as Value;
  }

  private emitAll(op: OpName, inputs: readonly Value[], attributes: Attributes): readonly Value[] {
    const node = this.append(op, inputs, attributes);
    if (this.recording) this.tape.push({ kind: "node", node });
    return node.outputs;
  }

  private append<Op extends AnyOpName>(op: Op, inputs: readonly Value[], attributes: Attributes): Node<Op> {
    const key = `${op}(${inputs.map((value) => this.identity(value))})${JSON.stringify(attributes)}`;
    if (!this.recording) {
      const same = this.known.get(key);
      // The key begins with the operator.
      if (same) return same as Node<Op>;
    }
    const name = [...this.scopes, `${op}_${this.nodes.length}`].join("/");
    let types: ReturnType<ReturnType<typeof specOf>["infer"]>;
    try {
      types = specOf(op).infer(inputs, attributes);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new GraphError(`${name} (${describeOperands(inputs)}): ${error.message}`);
    }
    if (types.length === 0) throw new GraphError(`${name}: ${op} has no output`);
    const outputs = types.map(({ dtype, shape }, i): Value => ({ name: `${name}:${i}`, dtype, shape }));
    const node: Node<Op> = { op, name, inputs, outputs, attributes };
    this.nodes.push(node);
    for (const output of outputs) this.producers.set(output, node);
    if (!this.recording) this.known.set(key, node);
    return node;
  }

  add(a: Value, b: Value): Value {
    return this.emit("Add", [a, b]);
  }
  sub(a: Value, b: Value): Value {
    return this.emit("Sub", [a, b]);
  }
  /** a · b; emits no node for a constant 1 that does not widen the shape. */
  mul(a: Value, b: Value): Value {
    if (this.isOne(b) && sizeOf(b.shape) === 1 && b.shape.length <= a.shape.length) return a;
    if (this.isOne(a) && sizeOf(a.shape) === 1 && a.shape.length <= b.shape.length) return b;
    return this.emit("Mul", [a, b]);
  }
  div(a: Value, b: Value): Value {
    return this.emit("Div", [a, b]);
  }
  min(a: Value, b: Value): Value {
    return this.emit("Min", [a, b]);
  }
  max(a: Value, b: Value): Value {
    return this.emit("Max", [a, b]);
  }
  neg(x: Value): Value {
    return this.emit("Neg", [x]);
  }
  log(x: Value): Value {
    return this.emit("Log", [x]);
  }
  exp(x: Value): Value {
    return this.emit("Exp", [x]);
  }
  erf(x: Value): Value {
    return this.emit("Erf", [x]);
  }
  tanh(x: Value): Value {
    return this.emit("Tanh", [x]);
  }
  sqrt(x: Value): Value {
    return this.emit("Sqrt", [x]);
  }
  reciprocal(x: Value): Value {
    return this.emit("Reciprocal", [x]);
  }
  sigmoid(x: Value): Value {
    return this.emit("Sigmoid", [x]);
  }
  /** x · σ(x), written as QuickGelu with α = 1 because that is one kernel. */
  silu(x: Value): Value {
    return this.emit("QuickGelu", [x], { alpha: 1 });
  }
  /** x · Φ(x) with the normal distribution Φ, exact or by tanh. */
  gelu(x: Value, approximate: "none" | "tanh"): Value {
    return this.emit("Gelu", [x], { approximate });
  }
  matMul(a: Value, b: Value): Value {
    return this.emit("MatMul", [a, b]);
  }
  /** α · A′B′ + β · C. */
  gemm(
    a: Value,
    b: Value,
    options: { transA?: boolean; transB?: boolean; alpha?: number; c?: Value; beta?: number } = {},
  ): Value {
    return this.emit("Gemm", options.c ? [a, b, options.c] : [a, b], {
      alpha: options.alpha ?? 1,
      beta: options.beta ?? 1,
      transA: options.transA ? 1 : 0,
      transB: options.transB ? 1 : 0,
    });
  }
  /** A·Wᵀ for W [N, K] in blocks of `bits` bits; see blockOps.ts. */
  matMulNBits(a: Value, data: Value, scales: Value, zeroPoints: Value | null, bits: number): Value {
    const [N, blocks] = scales.shape as [number, number];
    const block = ((data.shape[2] as number) * 8) / bits;
    const attributes = { K: blocks * block, N, bits, block_size: block };
    return this.emit("MatMulNBits", [a, data, scales, ...(zeroPoints ? [zeroPoints] : [])], attributes);
  }
  /** The rows at integer `indices` of a matrix in blocks uint8 [V, K/block, bytes], in the scales' type. */
  gatherBlocks(data: Value, indices: Value, scales: Value, zeroPoints: Value | null, bits: number): Value {
    const [rows, blocks, bytes] = data.shape as [number, number, number];
    const flat = this.reshape(data, [rows, blocks * bytes]);
    const attributes = { bits, block_size: (bytes * 8) / bits, gather_axis: 0, quantize_axis: 1 };
    const inputs = [flat, indices, scales, ...(zeroPoints ? [zeroPoints] : [])];
    return this.emit("GatherBlockQuantized", inputs, attributes);
  }
  /** Over the last axis. */
  softmax(x: Value): Value {
    return this.emit("Softmax", [x], { axis: -1 });
  }
  /** Over the last axis, times a trainable scale. */
  rmsNormalization(x: Value, scale: Value, epsilon: number): Value {
    return this.emit("SimplifiedLayerNormalization", [x, scale], { axis: -1, epsilon });
  }
  /** Over the last axis, times a trainable scale, plus a trainable bias. */
  layerNormalization(x: Value, scale: Value, bias: Value, epsilon: number): Value {
    return this.emit("LayerNormalization", [x, scale, bias], { axis: -1, epsilon });
  }
  /** Rotates the first 2·width(cos) numbers of each head. */
  rotaryEmbedding(x: Value, positions: Value, cos: Value, sin: Value, heads: number, interleaved: boolean): Value {
    const rotated = 2 * (cos.shape[1] as number);
    const whole = rotated * heads === x.shape.at(-1);
    const attributes = {
      interleaved: interleaved ? 1 : 0,
      num_heads: heads,
      rotary_embedding_dim: whole ? 0 : rotated,
    };
    return this.emit("RotaryEmbedding", [x, positions, cos, sin], attributes);
  }
  /** Reduced axes stay, with size 1. */
  reduceSum(x: Value, axes: readonly number[]): Value {
    return this.emit("ReduceSum", [x, this.ints(axes)], { keepdims: 1 });
  }
  reduceMean(x: Value, axes: readonly number[]): Value {
    return this.emit("ReduceMean", [x, this.ints(axes)], { keepdims: 1 });
  }
  reduceSumSquare(x: Value, axes: readonly number[]): Value {
    return this.emit("ReduceSumSquare", [x, this.ints(axes)], { keepdims: 1 });
  }
  reduceMax(x: Value, axes: readonly number[]): Value {
    return this.emit("ReduceMax", [x, this.ints(axes)], { keepdims: 1 });
  }
  /** A reshape of a reshape is merged with it; a reshape to the same shape emits no node. */
  reshape(x: Value, shape: Shape): Value {
    const source = this.recording ? x : this.beforeOp(x, "Reshape");
    return sameShape(source.shape, shape) ? source : this.emit("Reshape", [source, this.ints(shape)]);
  }
  expand(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape) ? x : this.emit("Expand", [x, this.ints(shape)]);
  }
  /** A transpose of a transpose is merged with it; the identity emits no node. */
  transpose(x: Value, perm: readonly number[]): Value {
    const producer = this.recording ? undefined : this.producers.get(x);
    if (producer?.op === "Transpose") {
      const first = producer.attributes.perm as readonly number[];
      return this.transpose(
        producer.inputs[0] as Value,
        perm.map((axis) => first[axis] as number),
      );
    }
    return perm.every((axis, index) => axis === index) ? x : this.emit("Transpose", [x], { perm });
  }
  /** Swaps the last two axes. */
  swapLast(x: Value): Value {
    const axes = x.shape.map((_, axis) => axis);
    return this.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  }
  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? (values[0] as Value) : this.emit("Concat", values, { axis });
  }
  /** Rows of `data` along `axis` at integer `indices`. */
  gather(data: Value, indices: Value, axis = 0): Value {
    return this.emit("Gather", [data, indices], { axis });
  }
  /**
   * Slices [from, to) along `axis` with a Gather, which WebGPU runs for every type. A slice of the whole axis emits no node.
   */
  slice(x: Value, from: number, to: number, axis = 0): Value {
    if (from === 0 && to === x.shape[axis]) return x;
    return this.gather(x, this.range(from, to), axis);
  }
  /** from, from + 1, … below to, as an initializer. Equal ranges of one type are one initializer. */
  range(from: number, to: number, dtype: "int32" | "int64" = "int32"): Value {
    const key = `${dtype} ${from} ${to}`;
    let value = this.ranges.get(key);
    if (!value) {
      const numbers = Int32Array.from({ length: to - from }, (_, i) => from + i);
      value = this.constant(dtype, [to - from], dtype === "int32" ? numbers : BigInt64Array.from(numbers, BigInt));
      this.ranges.set(key, value);
    }
    return value;
  }
  /** Consecutive pieces of the given sizes along `axis`. The gradients of all pieces are joined in one operation. */
  split(x: Value, sizes: readonly number[], axis = 0): readonly Value[] {
    if (sizes.length === 1 && sizes[0] === x.shape[axis]) return [x];
    return this.composite("split", [x], () => {
      const outputs = this.emitAll("Split", [x, this.ints(sizes)], { axis });
      const zeros = ({ shape }: Value) => this.expand(this.scalar(0), shape);
      return {
        outputs,
        rule: (gradients) => [
          () =>
            this.concat(
              outputs.map((output, i) => gradients[i] ?? zeros(output)),
              axis,
            ),
        ],
      };
    });
  }
  gatherElements(data: Value, indices: Value, axis: number): Value {
    return this.emit("GatherElements", [data, indices], { axis });
  }
  scatterElementsAdd(data: Value, indices: Value, updates: Value, axis: number): Value {
    return this.emit("ScatterElements", [data, indices, updates], { axis, reduction: "add" });
  }
  /**
   * Adds `updates` [K, …] to `base` [R, …] at the rows `indices` int32 [K]; rows may repeat.
   *
   * Several small ScatterNDs stand for one large one: ONNX Runtime's CPU kernel loses an addition when two threads update
   * one row (microsoft/onnxruntime issues 18048 and 23396), and runs small ones on a single thread.
   */
  scatterRows(base: Value, indices: Value, updates: Value): Value {
    const count = sizeOf(indices.shape);
    const flat = this.reshape(indices, [count]);
    const piece = Math.max(1, Math.floor(numbersPerScatter / sizeOf(base.shape.slice(1))));
    let rows = base;
    for (let from = 0; from < count; from += piece) {
      const length = Math.min(piece, count - from);
      const part = (x: Value) => this.slice(x, from, from + length);
      const wide = this.cast(this.reshape(part(flat), [length, 1]), "int64");
      rows = this.emit("ScatterND", [rows, wide, part(updates)], { reduction: "add" });
    }
    return rows;
  }
  /**
   * Replaces parts of `base` by `updates` [..., rest of base]; `indices` int32 [..., N] are different places in its first N
   * axes. The result may be written to `base`'s own memory: both providers then write the updates alone.
   */
  replaceAt(base: Value, indices: Value, updates: Value): Value {
    return this.emit("ScatterND", [base, this.cast(indices, "int64"), updates], { reduction: "none" });
  }
  where(condition: Value, x: Value, y: Value): Value {
    return this.emit("Where", [condition, x, y]);
  }
  equal(a: Value, b: Value): Value {
    return this.emit("Equal", [a, b]);
  }
  greaterOrEqual(a: Value, b: Value): Value {
    return this.emit("GreaterOrEqual", [a, b]);
  }
  lessOrEqual(a: Value, b: Value): Value {
    return this.emit("LessOrEqual", [a, b]);
  }
  cast(x: Value, to: DType): Value {
    const code = castCode[to];
    if (code === undefined) throw new GraphError(`no graph here casts to ${to}`);
    return x.dtype === to ? x : this.emit("Cast", [x], { to: code });
  }

  /** Whether a node computes the value: it is no input and no initializer. */
  isComputed(value: Value): boolean {
    return this.producers.has(value);
  }

  private isOne(value: Value): boolean {
    return value.data?.length === 1 && Number(value.data[0]) === 1;
  }

  private beforeOp(value: Value, op: OpName): Value {
    const producer = this.producers.get(value);
    return producer?.op === op ? (producer.inputs[0] as Value) : value;
  }

  /** The finished graph: the named outputs in the given order, with only the nodes and inputs that they need, and the required inputs. */
  finish(outputs: Readonly<Record<string, Value>>): Graph {
    const named = new Map<Value, string>();
    for (const [name, value] of Object.entries(outputs)) {
      if (named.has(value))
        throw new GraphError(`${value.name} is an output twice, as ${named.get(value)} and ${name}`);
      if (!this.producers.has(value)) throw new GraphError(`output ${name} is ${value.name}, which no node computes`);
      named.set(value, name);
    }
    const needed = new Set<Value>(named.keys());
    const reversed: Node[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some((value) => needed.has(value))) continue;
      reversed.push(node);
      for (const value of node.inputs) needed.add(value);
    }
    const renamed = new Map<Value, Value>();
    for (const [value, name] of named) renamed.set(value, { ...value, name });
    const rename = (value: Value) => renamed.get(value) ?? value;
    const nodes = reversed
      .reverse()
      .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
    return {
      name: this.name,
      inputs: [...this.inputs.values()].filter((value) => needed.has(value) || this.required.has(value)),
      outputs: [...named.keys()].map(rename),
      initializers: [...this.initializers.values()].filter((value) => needed.has(value)),
      nodes,
    };
  }
}
