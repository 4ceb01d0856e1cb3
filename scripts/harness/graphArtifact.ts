/** Artifacts of handwritten graphs, for tests and benchmarks. */

import { lazyArtifact } from "../../src/artifacts/artifact.ts";
import type { Artifact } from "../../src/artifacts/contract.ts";
import type { Graph } from "../../src/onnx/graph.ts";

export const graphArtifact = (
  kind: Artifact["kind"],
  key: string,
  graph: Graph,
  aliases: Artifact["aliases"] = {},
): Artifact => lazyArtifact({ kind, key, inputs: graph.inputs, outputs: graph.outputs, aliases }, () => graph);

/** An artifact without a graph, for fake runtimes that compute the outputs themselves. */
export const portsOnly = (head: Omit<Artifact, "graph" | "bytes">): Artifact =>
  lazyArtifact(head, () => {
    throw new Error(`${head.key} has no graph.`);
  });
