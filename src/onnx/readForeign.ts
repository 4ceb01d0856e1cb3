/** Reads any ONNX file (IR 3 to 13, operator sets 7 to 25). Work is bounded by the file's size, also for a damaged one. */

import { fromBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import { cut } from "../tensor/quote.ts";
import type { Dimension, ForeignModel, ForeignPort, ForeignTensor } from "./foreign.ts";
import { dtypeName, type ExternalData, readTensor } from "./foreignTensor.ts";
import { GraphError } from "./graph.ts";
import { inlineFunctions, type RawAttribute, type RawNode } from "./inlineFunctions.ts";
import { sortNodes } from "./sortNodes.ts";

/**
 * Reads a model: functions inlined, nodes sorted, constants in the lowered types. `external` reads files of external data.
 * Throws a GraphError when the bytes are no ONNX file or contradict themselves.
 */
export function readForeign(bytes: Uint8Array, external: ExternalData | null = null): ForeignModel {
  const model = parse(bytes);
  const { graph } = model;
  if (!graph) throw new GraphError("the ONNX file has no graph");
  if (graph.sparseInitializer.length > 0)
    throw new GraphError("the ONNX file has sparse constants; write them densely");
  const constants = new Map<string, ForeignTensor>();
  for (const tensor of graph.initializer) constants.set(tensor.name, readTensor(tensor, external));
  const inputs = graph.input.filter(({ name }) => !constants.has(name)).map(readPort);
  const opsets = opsetsOf(model.opsetImport);
  const nodes = inlineFunctions(
    graph.node.map((node) => readNode(node, opsets, external)),
    model.functions.map((body) => ({
      domain: normalDomain(body.domain),
      name: body.name,
      inputs: body.input,
      outputs: body.output,
      attributes: [...body.attribute, ...body.attributeProto.map(({ name }) => name)],
      defaults: new Map(body.attributeProto.map((entry) => [entry.name, readAttribute(entry, external)])),
      nodes: body.node.map((node) => readNode(node, opsetsOf(body.opsetImport), external)),
    })),
  );
  return {
    name: graph.name,
    producer: model.producerName,
    opsets,
    inputs,
    outputs: graph.output.map(readPort),
    constants,
    nodes: sortNodes(nodes, [...constants.keys(), ...inputs.map(({ name }) => name)]),
  };
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    // Also a RangeError of the stack, where messages nest too deeply.
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError(`this is no ONNX file: its protobuf cannot be read (${cut(reason)})`, { cause });
  }
}

const normalDomain = (domain: string) => (domain === "ai.onnx" ? "" : domain);

const opsetsOf = (imports: ModelProto["opsetImport"]): ReadonlyMap<string, number> =>
  new Map(imports.map(({ domain, version }) => [normalDomain(domain), Number(version)]));

function readPort({ name, type }: ValueInfoProto): ForeignPort {
  const value = type?.value;
  const sequence = value?.case === "sequenceType";
  const element = sequence ? value.value.elemType?.value : value;
  // An output's type is optional in practice: it follows from the graph.
  if (element?.case !== "tensorType") return { name, kind: "tensor", dtype: "", dims: null };
  const { elemType, shape } = element.value;
  return {
    name,
    kind: sequence ? "sequence" : "tensor",
    dtype: dtypeName(elemType),
    dims: shape ? shape.dim.map(readDimension) : null,
  };
}

function readDimension({ value }: { value: { case?: string | undefined; value?: unknown } }): Dimension {
  if (value.case === "dimValue") return Number(value.value);
  return value.case === "dimParam" && value.value !== "" ? String(value.value) : null;
}

function readNode(proto: NodeProto, opsets: ReadonlyMap<string, number>, external: ExternalData | null): RawNode {
  const domain = normalDomain(proto.domain);
  return {
    domain,
    op: proto.opType,
    version: opsets.get(domain) ?? 1,
    name: proto.name || (proto.output.find((name) => name !== "") ?? proto.opType),
    inputs: proto.input,
    outputs: proto.output,
    attributes: new Map(proto.attribute.map((entry) => [entry.name, readAttribute(entry, external)])),
  };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function readAttribute(entry: AttributeProto, external: ExternalData | null): RawAttribute {
  if (entry.refAttrName) return { kind: "reference", value: entry.refAttrName };
  const type = AttributeProto_AttributeType;
  switch (entry.type) {
    case type.INT:
      return { kind: "number", value: Number(entry.i) };
    case type.FLOAT:
      return { kind: "number", value: entry.f };
    case type.INTS:
      return { kind: "numbers", value: entry.ints.map(Number) };
    case type.FLOATS:
      return { kind: "numbers", value: entry.floats };
    case type.STRING:
      return { kind: "string", value: text(entry.s) };
    case type.STRINGS:
      return { kind: "strings", value: entry.strings.map(text) };
    case type.TENSOR:
      if (entry.t) return { kind: "tensor", value: readTensor(entry.t, external) };
      break;
  }
  return { kind: "other", value: type[entry.type] ?? `type ${entry.type}` };
}
