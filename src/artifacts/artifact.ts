/** Artifacts with a key and ports from the start; their graph is written on demand. */

import { type Graph, GraphError, type Value } from "../onnx/graph.ts";
import { writeModel } from "../onnx/model.ts";
import { describeType } from "../tensor/dtype.ts";
import { type Artifact, type ArtifactKind, accumulatorIn, accumulatorOut, type Port, updated } from "./contract.ts";

/**
 * Each call of `graph` or `bytes` runs `build` again, so a list of artifacts takes little memory. Both throw a GraphError
 * when the graph's ports differ from the declared ones; their order does not matter.
 */
export function lazyArtifact(head: Omit<Artifact, "graph" | "bytes">, build: () => Graph): Artifact {
  const graph = () => {
    const built = build();
    requirePorts(head, "inputs", built.inputs);
    requirePorts(head, "outputs", built.outputs);
    return built;
  };
  return { ...head, graph, bytes: () => writeModel(graph()) };
}

/** An artifact of a small graph, which stays in memory. Accumulators, parameters and moments are updated in place. */
export function builtArtifact(kind: ArtifactKind, key: string, graph: Graph): Artifact {
  const { inputs, outputs } = graph;
  const written = new Set(outputs.map(({ name }) => name));
  const aliases = inputs.flatMap(({ name }) => {
    const output = name.endsWith(accumulatorIn(""))
      ? accumulatorOut(name.slice(0, -accumulatorIn("").length))
      : updated(name);
    return written.has(output) ? [[output, name] as const] : [];
  });
  return {
    kind,
    key,
    inputs,
    outputs,
    aliases: Object.fromEntries(aliases),
    graph: () => graph,
    bytes: () => writeModel(graph),
  };
}

function requirePorts(
  head: Pick<Artifact, "kind" | "inputs" | "outputs">,
  side: "inputs" | "outputs",
  built: readonly Value[],
) {
  const describe = ({ name, dtype, shape }: Port) => `${name} ${describeType(dtype, shape)}`;
  const declared = new Set(head[side].map(describe));
  const found = new Set(built.map(describe));
  const wrong = [...declared, ...found].find((port) => !declared.has(port) || !found.has(port));
  if (wrong === undefined) return;
  const [has, not] = declared.has(wrong)
    ? ["declares", "its graph does not have it"]
    : ["has", "it does not declare it"];
  throw new GraphError(`The ${head.kind} artifact ${has} ${wrong} among its ${side}, but ${not}: compile it again.`);
}
