/** How much memory a graph needs beside its inputs: what is alive at the same time while it runs. */

import type { Graph, Value } from "../onnx/graph.ts";
import type { OpName } from "../onnx/ops.ts";
import { byteSizeOf } from "../tensor/dtype.ts";

/** Their output is their input under another shape: no memory of its own. */
const views: ReadonlySet<OpName> = new Set<OpName>(["Reshape"]);

/**
 * Most bytes that results of nodes take at once when the nodes run in their order and a result is freed after its last
 * reader. Outputs of the graph count from when they are made to the end, but those named in `bound`, which are written to
 * memory that is there already. An estimate: a runtime may share a buffer between an input and an output, and kernels may
 * take room of their own.
 */
export function peakBytes(graph: Graph, bound: ReadonlySet<string> = new Set()): number {
  /** The value whose memory a value lies in. */
  const owner = new Map<Value, Value>();
  const ownerOf = (value: Value) => owner.get(value) ?? value;
  const lastReader = new Map<Value, number>();
  graph.nodes.forEach((node, at) => {
    for (const input of node.inputs) lastReader.set(ownerOf(input), at);
    const [input] = node.inputs;
    if (input && views.has(node.op)) for (const output of node.outputs) owner.set(output, ownerOf(input));
  });
  for (const output of graph.outputs) lastReader.set(ownerOf(output), graph.nodes.length);

  const free = new Set(graph.outputs.filter(({ name }) => bound.has(name)).map(ownerOf));
  /** Bytes freed after each node. */
  const ends = new Float64Array(graph.nodes.length + 1);
  let alive = 0;
  let peak = 0;
  graph.nodes.forEach(({ outputs }, at) => {
    for (const output of outputs) {
      if (owner.has(output) || free.has(output)) continue;
      const bytes = byteSizeOf(output.dtype, output.shape);
      alive += bytes;
      const end = lastReader.get(output) ?? at;
      ends[end] = (ends[end] ?? 0) + bytes;
    }
    peak = Math.max(peak, alive);
    alive -= ends[at] ?? 0;
  });
  return peak;
}
