/**
 * What one run of a graph takes beside its inputs. ONNX Runtime decides that when it builds a session: the order of the
 * nodes, which results share a buffer, and when a buffer is freed. This plans as it does (GraphViewer's order and
 * AllocationPlanner of version 1.30), and then does what the two providers' allocators do with such a plan.
 */

import type { AttributeValue, Graph, Node, Value } from "../onnx/graph.ts";
import { constantBytes } from "../onnx/model.ts";
import type { OpName } from "../onnx/ops.ts";
import { byteSizeOf, sameShape } from "../tensor/dtype.ts";

export type ProviderName = "webgpu" | "wasm";

/** Of a result, or of several that follow each other in it. */
export interface Buffer {
  readonly bytes: number;
  /** The computing node that it is allocated for, and the last one that touches it, counted in their order. */
  readonly first: number;
  readonly last: number;
}

export interface RunPlan {
  /** In the order in which they are allocated. */
  readonly buffers: readonly Buffer[];
  /** Nodes that compute: neither views, nor what is known before any run. */
  readonly nodes: number;
  /** Bytes that the session keeps for as long as it lives: constants that a node reads, given or computed from given ones. */
  readonly constants: number;
}

/** Their output is their input under another shape: no memory of its own, and nothing to compute. */
const views: ReadonlySet<OpName> = new Set<OpName>(["Reshape"]);
/** Kernels that write over their first input where nothing else reads it. On WebGPU none does. */
const inPlace: { readonly [provider in ProviderName]: ReadonlySet<OpName> } = {
  webgpu: new Set(),
  wasm: new Set<OpName>(["Softmax", "ScatterElements", "ScatterND"]),
};

/**
 * Plans a run. Outputs of the graph that are named in `bound` are written to memory that is there already; the others are
 * freed after the run. What kernels take for themselves, and rewriting of the graph beyond constants, is left out: together
 * a few percent.
 */
export function planRun(graph: Graph, provider: ProviderName, bound: ReadonlySet<string> = new Set()): RunPlan {
  const folded = foldConstants(graph);
  const { constants } = folded;
  const nodes = provider === "wasm" ? fuseTransposes(folded.nodes, graph) : folded.nodes;
  const order = executionOrder(nodes);
  const outputs = new Set(graph.outputs);
  const computed = new Set(nodes.flatMap((node) => node.outputs));

  /** Readers that are still to come, of a value and of all that lies in its buffer. */
  const readers = new Map<Value, number>();
  const count = (value: Value, change: number) => {
    const left = (readers.get(value) ?? 0) + change;
    readers.set(value, left);
    return left;
  };
  for (const { inputs } of nodes) for (const input of inputs) count(input, 1);
  // What is not the run's own is never free for others.
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.initializers]) count(value, 1);

  /** The value for which a value's buffer was allocated. */
  const owners = new Map<Value, Value>();
  const ownerOf = (value: Value) => owners.get(value) ?? value;
  const buffers = new Map<Value, { bytes: number; first: number; last: number }>();
  /** Owners whose buffers nobody reads any more, the latest first. */
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

/** Without what follows from constants alone, which ONNX Runtime computes when it builds the session, and keeps. */
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
 * On the processor a product reads its operands as they lie: no transposed copy is made. What is fused then stands behind all
 * other nodes (MatmulTransposeFusion).
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

/** Depth first from the last node that nothing reads, and of a node's inputs the one that stands last in the file first. */
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

/** Calls `allocate` and `free` as a run does, and `after` behind each node. */
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

/** A session's nodes, names and kernels take so many times the bytes of its file without the constants, as measured. */
const sessionFactor = 17;

/** Bytes that ONNX Runtime keeps in its heap for a session beside its constants; `constants` of the `model` file's bytes. */
export const nodeBytes = (model: number, constants: number) => sessionFactor * (model - constants);

/** Estimate of what a session of an ONNX file keeps between runs. Constants that it computes when it is built are left out. */
export function sessionBytes(model: Uint8Array): number {
  const constants = constantBytes(model);
  return constants + nodeBytes(model.byteLength, constants);
}

/** Bytes that a buffer takes on the GPU. */
export const gpuBytes = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);

/** ONNX Runtime hands the GPU so many launches at a time, and only then lets go of buffers that are free. */
const launchesAtATime = 16;

/** Most bytes in GPU buffers at once, where none is kept for later (`storageBufferCacheMode: "lazyRelease"`). */
export function peakOnGpu(plan: RunPlan): number {
  let held = 0;
  let peak = 0;
  let waiting = 0;
  let launches = 0;
  replay(plan, {
    allocate({ bytes }) {
      held += gpuBytes(bytes);
      peak = Math.max(peak, held);
    },
    after() {
      launches++;
      if (launches % launchesAtATime !== 0) return;
      held -= waiting;
      waiting = 0;
    },
    free({ bytes }) {
      waiting += gpuBytes(bytes);
    },
  });
  return peak;
}

/** Beside each buffer: its alignment, and the heap's own word. */
const heapBytes = (bytes: number) => Math.ceil((bytes + 72) / 16) * 16;

/**
 * By how many bytes a run lifts the top of the WebAssembly heap, which starts without gaps. The heap is dlmalloc's: the
 * smallest gap that is large enough, else the top; neighbouring gaps become one. Gaps too small for what is asked are lost.
 */
export function peakInHeap(plan: RunPlan): number {
  /** By address. */
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
