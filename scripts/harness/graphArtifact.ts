/** An artifact of a graph that a test or a bench wrote by hand. */

import { lazyArtifact } from "../../src/artifacts/artifact.ts";
import type { Artifact } from "../../src/artifacts/contract.ts";
import type { Graph } from "../../src/onnx/graph.ts";

export const graphArtifact = (
  kind: Artifact["kind"],
  key: string,
  graph: Graph,
  aliases: Artifact["aliases"] = {},
): Artifact => lazyArtifact({ kind, key, inputs: graph.inputs, outputs: graph.outputs, aliases }, () => graph);

/** An artifact for a runtime that is told what each run gives, and so never asks for the graph. */
export const portsOnly = (head: Omit<Artifact, "graph" | "bytes">): Artifact =>
  lazyArtifact(head, () => {
    throw new Error(`${head.key} has no graph.`);
  });
