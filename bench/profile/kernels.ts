/** The kernels of one step: op, part of the model, and time. */

import type { Shape } from "../../src/tensor/dtype.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { median } from "../step/figures.ts";
import type { NodeEvent, RunEvents } from "./events.ts";

export const passes = ["forward", "backward", "optimizer"] as const;
export type Pass = (typeof passes)[number];
export const parts = ["embedding", "norms", "projections", "attention", "MLP", "head", "update", "other"] as const;
export type Part = (typeof parts)[number];

export interface Kernel {
  readonly node: string;
  /** The op, with the program in brackets if that has another name. */
  readonly op: string;
  readonly pass: Pass;
  readonly part: Part;
  readonly inputs: readonly Shape[];
  readonly outputs: readonly Shape[];
  readonly milliseconds: number;
  /** Bytes of all inputs and outputs of the node. */
  readonly bytes: number;
  /** Floating-point operations of a matrix product, 2 per multiplication with its addition; 0 for everything else. */
  readonly operations: number;
}

const products = new Set(["Gemm", "FusedGemm", "MatMul", "FusedMatMul", "MatMulNBits"]);

/** Operations of a product (…, M, K) · (…, K, N), transposed or not; 0 for other ops. */
export function operationsOf({ op, inputs, outputs }: Pick<NodeEvent, "op" | "inputs" | "outputs">): number {
  const [left, out] = [inputs[0], outputs[0]];
  if (!products.has(op) || !left || !out || left.length < 2 || out.length < 2) return 0;
  const depth = sizeOf(left.slice(-2)) / (out.at(-2) ?? 1);
  return 2 * sizeOf(out) * depth;
}

/** The part of the model that a node of the training artifact belongs to, from the path in its name. */
export function partOf(node: string): Part {
  const path = `/${node}/`;
  if (/\/(linear_cross_entropy|lm_head)\//.test(path)) return "head";
  if (path.includes("/embed_tokens/")) return "embedding";
  if (/(\/|layer)norm\//.test(path)) return "norms";
  if (path.includes("/mlp/")) return "MLP";
  if (/\/[qkvo]_proj\//.test(path)) return "projections";
  if (/\/(self_attn|attention)\//.test(path)) return "attention";
  return "other";
}

function place(artifact: "training" | "optimizer", node: string): Pick<Kernel, "pass" | "part"> {
  if (artifact === "optimizer") return { pass: "optimizer", part: "update" };
  return { pass: node.startsWith("backward/") ? "backward" : "forward", part: partOf(node) };
}

interface Timed {
  readonly node: string;
  readonly program: string | null;
  readonly took: number;
}

/** The timed units of a run: dispatches where the GPU has timestamps, else nodes. */
export const timedOf = ({ nodes, dispatches }: RunEvents): Timed[] =>
  dispatches.length > 0
    ? dispatches.map(({ node, program, took }) => ({ node, program, took }))
    : nodes.map(({ name, took }) => ({ node: name, program: null, took }));

/** The kernels of one run in order, each with its median time over all given runs. */
export function kernelsOf(artifact: "training" | "optimizer", runs: readonly RunEvents[]): Kernel[] {
  const [first] = runs;
  if (!first) return [];
  const nodes = new Map(first.nodes.map((node) => [node.name, node]));
  const times = new Map<string, { readonly timed: Timed; readonly took: number[] }>();
  for (const run of runs) {
    const seen = new Map<string, number>();
    for (const timed of timedOf(run)) {
      const name = `${timed.node}&${timed.program}`;
      const occurrence = seen.get(name) ?? 0;
      seen.set(name, occurrence + 1);
      const key = `${name}&${occurrence}`;
      const known = times.get(key) ?? { timed, took: [] };
      known.took.push(timed.took);
      times.set(key, known);
    }
  }
  const all = [...times.values()].map(({ timed, took }) => ({ ...timed, milliseconds: median(took) / 1000 }));
  // If a node needs several programs, the longest one is the matrix product.
  const longest = new Map<string, number>();
  for (const { node, milliseconds } of all) longest.set(node, Math.max(longest.get(node) ?? 0, milliseconds));
  return all.map(({ node, program, milliseconds }) => {
    const event = nodes.get(node);
    const op = event?.op ?? program ?? "unknown";
    const multiplies = event !== undefined && milliseconds === longest.get(node);
    if (multiplies) longest.delete(node);
    return {
      node,
      op: program === null || program === op ? op : `${op} (${program})`,
      ...place(artifact, node),
      inputs: event?.inputs ?? [],
      outputs: event?.outputs ?? [],
      milliseconds,
      bytes: event?.bytes ?? 0,
      operations: multiplies ? operationsOf(event) : 0,
    };
  });
}
