/** Training artifacts as ONNX files, each read back and compared with the compiled one before the export ends. */

import type { Artifact, Port } from "../artifacts/contract.ts";
import { readModel, writeModel } from "../onnx/model.ts";
import { describeType } from "../tensor/dtype.ts";
import { type OutFile, readBackError } from "./files.ts";

/** Facts of an artifact that the page shows. */
export interface ArtifactFile extends OutFile {
  /** Names, in order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Number of nodes of its graph. */
  readonly operators: number;
}

/**
 * Throws ExportError unless the file, parsed again, has the inputs and outputs of the artifact; GraphError where it is
 * no graph.
 */
export async function writeArtifact(name: string, artifact: Artifact): Promise<ArtifactFile> {
  const graph = artifact.graph();
  const content = new Blob([new Uint8Array(writeModel(graph))], { type: "application/octet-stream" });
  const { inputs, outputs, nodes } = readModel(new Uint8Array(await content.arrayBuffer()));
  for (const [what, found, wanted] of [
    ["inputs", inputs, graph.inputs],
    ["outputs", outputs, graph.outputs],
  ] as const) {
    const [read, expected] = [described(found), described(wanted)];
    if (read !== expected) throw readBackError(`the list of ${what} of ${name}`, read, expected);
  }
  if (nodes.length === 0) throw readBackError(`the graph of ${name}`, "empty", "a graph");
  const names = (ports: readonly Pick<Port, "name">[]) => ports.map((port) => port.name);
  return { name, content, inputs: names(inputs), outputs: names(outputs), operators: nodes.length };
}

const described = (ports: readonly Port[]) =>
  ports.map(({ name, dtype, shape }) => `${name} ${describeType(dtype, shape)}`).join(", ");
