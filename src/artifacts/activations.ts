/**
 * Predicts the memory of one run of a graph, inputs not counted. ONNX Runtime plans node order, buffer sharing and buffer
 * lifetimes when it builds a session. This file repeats its plan (GraphViewer and AllocationPlanner of version 1.30), then
 * simulates the allocator of each provider.
 */

import type { AttributeValue, Graph, Node, Value } from "../onnx/graph.ts";
import { constantBytes } from "../onnx/model.ts";
import type { AnyOpName } from "../onnx/ops.ts";
import { byteSizeOf, sameShape } from "../tensor/dtype.ts";

export type ProviderName = "webgpu" | "wasm";

/** The memory of one result, or of several results one after the other. */
export interface Buffer {
  readonly bytes: number;
  /** Index of the node that allocates it and of the last node that uses it, counted over the computing nodes. */
  readonly first: number;
  readonly last: number;
}

export interface RunPlan {
  /** In order of allocation. */
  readonly buffers: readonly Buffer[];
  /** Number of computing nodes: views and folded constants do not count. */
  readonly nodes: number;
  /** Bytes of the constants that nodes read, folded ones included; the session keeps them until it is released. */
  readonly constants: number;
}

/** Operators whose output is the input's memory under another shape. */
const views: ReadonlySet<AnyOpName> = new Set<AnyOpName>(["Reshape"]);
/** Kernels that overwrite their first input when no other node reads it; WebGPU has none. */
const inPlace: { readonly [provider in ProviderName]: ReadonlySet<AnyOpName> } = {
  webgpu: new Set(),
  wasm: new Set<AnyOpName>(["Softmax", "ScatterElements", "ScatterND"]),
};

/**
 * Plans a run. Graph outputs named in `bound` go to existing memory; the others are freed after the run. The plan leaves out
 * the kernels' own workspace and most graph rewriting, together a few percent.
 */
export function planRun(graph: Graph, provider: ProviderName, bound: ReadonlySet<string> = new Set()): RunPlan {
  const folded = foldConstants(graph);
  const { constants } = folded;
  const nodes = provider === "wasm" ? fuseTransposes(folded.nodes, graph) : folded.nodes;
  const order = executionOrder(nodes);
  const outputs = new Set(graph.outputs);
  const computed = new Set(nodes.flatMap((node) => node.outputs));

  /** Remaining reads of a value and of all values in its buffer. */
  const readers = new Map<Value, number>();
  const count = (value: Value, change: number) => {
    const left = (readers.get(value) ?? 0) + change;
    readers.set(value, left);
    return left;
  };
  for (const { inputs } of nodes) for (const input of inputs) count(input, 1);
  // An extra reader: the run must not reuse memory that it does not own.
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.initializers]) count(value, 1);

  /** From a value to the value that its buffer was allocated for. */
  const owners = new Map<Value, Value>();
  const ownerOf = (value: Value) => owners.get(value) ?? value;
  const buffers = new Map<Value, { bytes: number; first: number; last: number }>();
  /** Owners of buffers without remaining readers, the latest first. */
  const free: Value[] = [];
  const share = (owner: Value, value: Value) => {
    owners.set(value, owner);
    count(owner, readers.get(value) ?? 0);
  };

  let at = 0;
  for (const { op, inputs, outputs: results } of order) {
    const [input] = inputs;
    for (const result of results) {
      const isOutput = outputs.has(result);
      const old = input && ownerOf(input);
      if (isOutput && bound.has(result.name)) continue;
      if (!isOutput && old && views.has(op)) {
        share(old, result);
        continue;
      }
      if (!isOutput && old && inPlace[provider].has(op) && readers.get(old) === 1 && sameSize(input, result)) {
        share(old, result);
        continue;
      }
      const spare = isOutput ? -1 : free.findIndex((owner) => sameSize(owner, result));
      if (spare >= 0) {
        for (const owner of free.splice(spare, 1)) share(owner, result);
        continue;
      }
      const last = isOutput ? Number.POSITIVE_INFINITY : at;
      buffers.set(result, { bytes: byteSizeOf(result.dtype, result.shape), first: at, last });
    }
    for (const value of [...inputs, ...results]) {
      const owner = ownerOf(value);
      const buffer = buffers.get(owner);
      if (buffer) buffer.last = Math.max(buffer.last, at);
    }
    for (const value of inputs) {
      const owner = ownerOf(value);
      if (count(owner, -1) === 0 && computed.has(owner)) free.unshift(owner);
    }
    if (!views.has(op)) at++;
  }
  return {
    buffers: Array.from(buffers.values(), (buffer) => ({ ...buffer, last: Math.min(buffer.last, at - 1) })),
    nodes: at,
    constants,
  };
}

/** Removes the nodes that read only constants: ONNX Runtime computes these once, when it builds the session. */
function foldConstants(graph: Graph): { nodes: readonly Node[]; constants: number } {
  const known = new Set(graph.initializers);
  const nodes = graph.nodes.filter(({ inputs, outputs }) => {
    if (!inputs.every((input) => known.has(input))) return true;
    for (const output of outputs) known.add(output);
    return false;
  });
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.filter((input) => known.has(input))));
  return { nodes, constants: [...read].reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), 0) };
}

/**
 * MatmulTransposeFusion: on the processor a MatMul reads transposed operands without a copy. ONNX Runtime appends the fused
 * nodes after all others, which changes the execution order.
 */
function fuseTransposes(nodes: readonly Node[], { outputs }: Graph): readonly Node[] {
  const sources = new Map<Value, Value>();
  for (const { op, inputs, outputs: results, attributes } of nodes) {
    const [source] = inputs;
    const [result] = results;
    if (op === "Transpose" && source && result && swapsLast(attributes.perm)) sources.set(result, source);
  }
  const fuses = ({ op, inputs }: Node) => op === "MatMul" && inputs.some((input) => sources.has(input));
  const fused = nodes.filter(fuses).map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => sources.get(input) ?? input),
  }));
  const all = [...nodes.filter((node) => !fuses(node)), ...fused];
  const read = new Set([...all.flatMap(({ inputs }) => inputs), ...outputs]);
  return all.filter(({ outputs: results }) => results.some((result) => read.has(result) || !sources.has(result)));
}

function swapsLast(perm: AttributeValue | undefined): boolean {
  if (typeof perm !== "object" || perm.length < 2) return false;
  const [left, right] = [perm.length - 2, perm.length - 1];
  return perm.every((from, to) => from === (to === left ? right : to === right ? left : to));
}

/** ONNX Runtime's depth-first order: it visits unread nodes and the inputs of a node from the last in the file to the first. */
function executionOrder(nodes: readonly Node[]): Node[] {
  const producers = new Map(nodes.flatMap(({ outputs }, at) => outputs.map((output) => [output, at] as const)));
  const needs = nodes.map(({ inputs }) => {
    const before = inputs.map((input) => producers.get(input)).filter((at) => at !== undefined);
    return [...new Set(before)].sort((a, b) => a - b);
  });
  const read = new Set(needs.flat());
  const stack = [...nodes.keys()].filter((at) => !read.has(at)).map((at) => ({ at, done: false }));
  const seen = new Set<number>();
  const order: Node[] = [];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { at, done } = next;
    if (done) order.push(nodes[at] as Node);
    if (done || seen.has(at)) continue;
    seen.add(at);
    stack.push({ at, done: true });
    for (const before of needs[at] ?? []) if (!seen.has(before)) stack.push({ at: before, done: false });
  }
  return order;
}

const sameSize = (a: Value, b: Value) =>
  byteSizeOf(a.dtype, [1]) === byteSizeOf(b.dtype, [1]) && sameShape(a.shape, b.shape);

/** Calls `allocate` and `free` in the order of a run, and `after` once per node between them. */
function replay(
  { buffers, nodes }: RunPlan,
  hooks: {
    allocate(buffer: Buffer): void;
    free(buffer: Buffer): void;
    after?(): void;
  },
): void {
  const ending: Buffer[][] = Array.from({ length: nodes }, () => []);
  for (const buffer of buffers) ending[buffer.last]?.push(buffer);
  let next = 0;
  for (let at = 0; at < nodes; at++) {
    for (let buffer = buffers[next]; buffer?.first === at; buffer = buffers[++next]) hooks.allocate(buffer);
    hooks.after?.();
    for (const buffer of ending[at] ?? []) hooks.free(buffer);
  }
}

/** Measured: heap bytes of a session's nodes, names and kernels per byte of its file, constants not counted. */
const sessionFactor = 17;

/** Heap bytes of a session beside its constants, from the bytes of the `model` file and of the `constants` in it. */
export const nodeBytes = (model: number, constants: number) => sessionFactor * (model - constants);

/** Estimated bytes that a session of an ONNX file keeps between runs, folded constants not counted. */
export function sessionBytes(model: Uint8Array): number {
  const constants = constantBytes(model);
  return constants + nodeBytes(model.byteLength, constants);
}

/** Size of a GPU buffer for this many bytes. */
export const gpuBytes = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);

/** ONNX Runtime submits this many launches at once and frees buffers only then. */
const launchesPerSubmit = 16;

/** Peak bytes in GPU buffers when none is cached for later runs (`storageBufferCacheMode: "lazyRelease"`). */
export function peakOnGpu(plan: RunPlan): number {
  let allocated = 0;
  let peak = 0;
  let unreleased = 0;
  let launches = 0;
  replay(plan, {
    allocate({ bytes }) {
      allocated += gpuBytes(bytes);
      peak = Math.max(peak, allocated);
    },
    after() {
      launches++;
      if (launches % launchesPerSubmit !== 0) return;
      allocated -= unreleased;
      unreleased = 0;
    },
    free({ bytes }) {
      unreleased += gpuBytes(bytes);
    },
  });
  return peak;
}

/** Size of a heap block for this many bytes, with the alignment of ONNX Runtime and the header of dlmalloc. */
const heapBytes = (bytes: number) => Math.ceil((bytes + 72) / 16) * 16;

/**
 * Bytes by which a run raises the top of a WebAssembly heap without gaps. As in dlmalloc, a block takes the smallest gap
 * that fits, else the top, and neighbouring gaps merge. The peak includes gaps that are too small for later blocks.
 */
export function peakInHeap(plan: RunPlan): number {
  /** Sorted by address. */
  const gaps: { at: number; bytes: number }[] = [];
  const places = new Map<Buffer, number>();
  let top = 0;
  let peak = 0;
  replay(plan, {
    allocate(buffer) {
      const bytes = heapBytes(buffer.bytes);
      const fitting = gaps.filter((gap) => gap.bytes >= bytes);
      const gap = fitting.reduce<(typeof gaps)[number] | undefined>(
        (best, other) => (best && best.bytes <= other.bytes ? best : other),
        undefined,
      );
      places.set(buffer, gap ? gap.at : top);
      if (gap) {
        gap.at += bytes;
        gap.bytes -= bytes;
        if (gap.bytes === 0) gaps.splice(gaps.indexOf(gap), 1);
      } else {
        top += bytes;
        peak = Math.max(peak, top);
      }
    },
    free(buffer) {
      const gap = { at: places.get(buffer) ?? 0, bytes: heapBytes(buffer.bytes) };
      const next = gaps.findIndex(({ at }) => at > gap.at);
      const place = next < 0 ? gaps.length : next;
      gaps.splice(place, 0, gap);
      for (const i of [place, place - 1]) {
        const [left, right] = [gaps[i], gaps[i + 1]];
        if (!left || !right || left.at + left.bytes !== right.at) continue;
        left.bytes += right.bytes;
        gaps.splice(i + 1, 1);
      }
      const last = gaps.at(-1);
      if (!last || last.at + last.bytes !== top) return;
      top = last.at;
      gaps.pop();
    },
  });
  return peak;
}
