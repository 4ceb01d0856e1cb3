/** The order of nodes: each after the producers of its inputs. */

import { cut } from "../tensor/quote.ts";
import type { ForeignNode } from "./foreign.ts";
import { GraphError } from "./graph.ts";

/**
 * Sorts nodes, keeping the file's order where it is right; ONNX Runtime accepts any order. `given` are the graph's inputs and
 * constants. Throws a GraphError for a value that is computed twice, that nothing computes, or that depends on itself.
 */
export function sortNodes(nodes: readonly ForeignNode[], given: readonly string[]): readonly ForeignNode[] {
  const known = new Set(given);
  const producers = new Map<string, number>();
  for (const [index, { outputs, name }] of nodes.entries()) {
    for (const output of outputs) {
      if (output === "") continue;
      if (known.has(output) || producers.has(output))
        throw new GraphError(`${cut(name)} computes ${cut(output)}, which the graph already has`);
      producers.set(output, index);
    }
  }
  /** Nodes that wait for each node, and how many inputs each node waits for. */
  const readers: number[][] = nodes.map(() => []);
  const waiting = nodes.map(({ inputs, name }, index) => {
    let count = 0;
    for (const input of inputs) {
      if (input === "" || known.has(input)) continue;
      const producer = producers.get(input);
      if (producer === undefined)
        throw new GraphError(`${cut(name)} reads ${cut(input)}, but no node and no input of the graph gives it`);
      readers[producer]?.push(index);
      count += 1;
    }
    return count;
  });
  const ready = nodes.flatMap((_, index) => (waiting[index] === 0 ? [index] : []));
  const sorted: ForeignNode[] = [];
  // Ready nodes are taken in order; a reader becomes ready once its last producer is taken.
  for (let next = 0; next < ready.length; next++) {
    const index = ready[next] as number;
    sorted.push(nodes[index] as ForeignNode);
    for (const reader of readers[index] as number[]) {
      waiting[reader] = (waiting[reader] as number) - 1;
      if (waiting[reader] === 0) ready.push(reader);
    }
  }
  if (sorted.length === nodes.length) return sorted;
  const stuck = nodes.find((_, index) => (waiting[index] as number) > 0);
  throw new GraphError(`${cut(stuck?.name ?? "a node")} depends on its own output`);
}
