/** Replaces calls of a file's own functions by their bodies. */

import { cut } from "../tensor/quote.ts";
import type { ForeignAttribute, ForeignNode } from "./foreign.ts";
import { GraphError } from "./graph.ts";

/** An attribute that takes its value from the function around it. */
export interface AttributeReference {
  readonly kind: "reference";
  readonly value: string;
}

export type RawAttribute = ForeignAttribute | AttributeReference;

/** A node whose attributes may be references, as in the body of a function. */
export interface RawNode extends Omit<ForeignNode, "attributes"> {
  readonly attributes: ReadonlyMap<string, RawAttribute>;
}

export interface FunctionBody {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of its attributes. */
  readonly attributes: readonly string[];
  readonly defaults: ReadonlyMap<string, RawAttribute>;
  readonly nodes: readonly RawNode[];
}

/** A damaged or hostile file may call functions that call functions; these are the limits of what that expands to. */
const mostNodes = 200_000;
const mostLevels = 32;

/** The nodes with every call of a function inlined. Throws a GraphError beyond the limits, or for a function that calls itself. */
export function inlineFunctions(nodes: readonly RawNode[], functions: readonly FunctionBody[]): readonly ForeignNode[] {
  const bodies = new Map(functions.map((body) => [`${body.domain}:${body.name}`, body]));
  const result: ForeignNode[] = [];
  let calls = 0;

  const expand = (node: RawNode, level: number): void => {
    const body = bodies.get(`${node.domain}:${node.op}`);
    if (!body) {
      if (result.length >= mostNodes) throw new GraphError(`the file has more than ${mostNodes} nodes`);
      result.push(resolved(node, new Map()));
      return;
    }
    if (level >= mostLevels)
      throw new GraphError(`the function ${cut(body.name)} calls functions more than ${mostLevels} levels deep`);
    calls += 1;
    if (calls > mostNodes) throw new GraphError(`the file calls functions more than ${mostNodes} times`);
    const prefix = `${node.name}#${calls}/`;
    const names = new Map<string, string>();
    body.inputs.forEach((input, i) => {
      names.set(input, node.inputs[i] ?? "");
    });
    body.outputs.forEach((output, i) => {
      names.set(output, node.outputs[i] || `${prefix}${output}`);
    });
    const rename = (name: string) => (name === "" ? "" : (names.get(name) ?? `${prefix}${name}`));
    const given = new Map<string, RawAttribute>([...body.defaults, ...node.attributes]);
    for (const inner of body.nodes) {
      const renamed = {
        ...resolved(inner, given),
        name: `${prefix}${inner.name}`,
        inputs: inner.inputs.map(rename),
        outputs: inner.outputs.map(rename),
      };
      expand(renamed, level + 1);
    }
    // An output that is one of the inputs: a node must still compute it under the caller's name.
    body.outputs.forEach((output, i) => {
      const at = body.inputs.indexOf(output);
      if (at < 0 || !node.outputs[i]) return;
      const [input, out] = [node.inputs[at] ?? "", node.outputs[i] as string];
      const pass = { domain: "", op: "Identity", version: 13, name: out, inputs: [input], outputs: [out] };
      result.push({ ...pass, attributes: new Map() });
    });
  };

  for (const node of nodes) expand(node, 0);
  return result;
}

/** The node with its references replaced by the function's attributes; a reference to nothing is left out, as ONNX says. */
function resolved(node: RawNode, given: ReadonlyMap<string, RawAttribute>): ForeignNode {
  const attributes = new Map<string, ForeignAttribute>();
  for (const [name, value] of node.attributes) {
    const found = value.kind === "reference" ? given.get(value.value) : value;
    if (found && found.kind !== "reference") attributes.set(name, found);
  }
  return { ...node, attributes };
}
