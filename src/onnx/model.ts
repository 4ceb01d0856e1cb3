/** Writes graphs as ONNX files and reads them back (ONNX IR, opset 21, contributed operators version 1). */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { bytesPerElement, type DType, type Shape, sizeOf } from "../tensor/dtype.ts";
import {
  type Attributes,
  type AttributeValue,
  type ConstantData,
  type Graph,
  GraphError,
  type Node,
  type Value,
} from "./graph.ts";
import { isOpName, specOf } from "./ops.ts";
import type { AttributeKind } from "./spec.ts";

/** The newest opset in which onnxruntime-web 1.30 runs all operators of our graphs on WebGPU. */
export const opset = 21;
const irVersion = 10n;

const dataTypes: Readonly<Record<DType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

function valueInfo(value: Value) {
  return create(ValueInfoProtoSchema, {
    name: value.name,
    type: create(TypeProtoSchema, {
      value: {
        case: "tensorType",
        value: create(TypeProto_TensorSchema, {
          elemType: dataTypes[value.dtype],
          shape: create(TensorShapeProtoSchema, {
            dim: value.shape.map((dimension) =>
              create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(dimension) } }),
            ),
          }),
        }),
      },
    }),
  });
}

function attribute(name: string, kind: AttributeKind, value: AttributeValue) {
  switch (kind) {
    case "int":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value as number) });
    case "float":
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value as number });
    case "ints":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.INTS,
        ints: (value as readonly number[]).map(BigInt),
      });
    case "string":
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: new TextEncoder().encode(value as string),
      });
  }
}

/** Bytes of an initializer as ONNX stores them: little-endian, as on every platform with a browser. */
function rawBytes(data: ConstantData): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

/** The graph as an ONNX model. */
export function writeModel(graph: Graph): Uint8Array<ArrayBuffer> {
  const nodes = graph.nodes.map((node) => {
    const { domain, attributes } = specOf(node.op);
    return create(NodeProtoSchema, {
      name: node.name,
      opType: node.op,
      domain: domain ?? "",
      input: node.inputs.map((value) => value.name),
      output: node.outputs.map((value) => value.name),
      attribute: Object.entries(node.attributes).map(([name, value]) => {
        const kind = attributes?.[name];
        if (!kind) throw new GraphError(`${node.name}: ${node.op} has no attribute ${name}`);
        return attribute(name, kind, value);
      }),
    });
  });
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "hone",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain: "com.microsoft", version: 1n }),
    ],
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: nodes,
      initializer: graph.initializers.map((value) =>
        create(TensorProtoSchema, {
          name: value.name,
          dataType: dataTypes[value.dtype],
          dims: value.shape.map(BigInt),
          rawData: rawBytes(value.data ?? new Uint8Array()),
        }),
      ),
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    }),
  });
  return new Uint8Array(toBinary(ModelProtoSchema, model));
}

function dtypeOf(code: number, name: string): DType {
  const found = Object.entries(dataTypes).find(([, value]) => value === code);
  if (!found) throw new GraphError(`${name} has ONNX element type ${code}, which is not in use here`);
  return found[0] as DType;
}

function readValueInfo(info: ValueInfoProto): Value {
  const type = info.type?.value;
  if (type?.case !== "tensorType") throw new GraphError(`${info.name} is no tensor`);
  const shape = (type.value.shape?.dim ?? []).map((dimension) => {
    if (dimension.value.case !== "dimValue") throw new GraphError(`${info.name} has a dimension that is not static`);
    return Number(dimension.value.value);
  });
  return { name: info.name, dtype: dtypeOf(type.value.elemType, info.name), shape };
}

function readConstant(name: string, dtype: DType, shape: Shape, raw: Uint8Array): Value {
  if (raw.byteLength !== sizeOf(shape) * bytesPerElement[dtype]) {
    throw new GraphError(`initializer ${name}: ${raw.byteLength} bytes do not fill ${dtype}[${shape}]`);
  }
  // A copy in a buffer of its own: `slice` of what Node reads from a file is a view.
  const { buffer } = new Uint8Array(raw);
  const data =
    dtype === "float32"
      ? new Float32Array(buffer)
      : dtype === "int32"
        ? new Int32Array(buffer)
        : dtype === "int64"
          ? new BigInt64Array(buffer)
          : new Uint8Array(buffer);
  return { name, dtype, shape, data };
}

function readAttributes(proto: NodeProto): Attributes {
  return Object.fromEntries(
    proto.attribute.map((entry): [string, AttributeValue] => {
      switch (entry.type) {
        case AttributeProto_AttributeType.INT:
          return [entry.name, Number(entry.i)];
        case AttributeProto_AttributeType.FLOAT:
          return [entry.name, entry.f];
        case AttributeProto_AttributeType.INTS:
          return [entry.name, entry.ints.map(Number)];
        case AttributeProto_AttributeType.STRING:
          return [entry.name, new TextDecoder().decode(entry.s)];
        default:
          throw new GraphError(`${proto.name}: attribute ${entry.name} has a type that is not in use here`);
      }
    }),
  );
}

/** Bytes of the constants in an ONNX file, whatever its operators. Throws a GraphError when the file is not ONNX. */
export function constantBytes(model: Uint8Array): number {
  try {
    const { graph } = fromBinary(ModelProtoSchema, model);
    return (graph?.initializer ?? []).reduce((sum, { rawData }) => sum + rawData.byteLength, 0);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError(`this is no ONNX file: its protobuf cannot be read (${reason})`, { cause });
  }
}

/** Reads a model that `writeModel` wrote and infers its types again. Throws a GraphError on any other file. */
export function readModel(bytes: Uint8Array): Graph {
  const { graph } = fromBinary(ModelProtoSchema, bytes);
  if (!graph) throw new GraphError("the ONNX file has no graph");
  const values = new Map<string, Value>();
  const remember = (value: Value) => {
    values.set(value.name, value);
    return value;
  };
  const inputs = graph.input.map((info) => remember(readValueInfo(info)));
  const initializers = graph.initializer.map((tensor) => {
    const shape = tensor.dims.map(Number);
    return remember(readConstant(tensor.name, dtypeOf(tensor.dataType, tensor.name), shape, tensor.rawData));
  });
  const valueNamed = (name: string, reader: string): Value => {
    const value = values.get(name);
    if (!value) throw new GraphError(`${reader} reads ${name}, but no node before it computes that`);
    return value;
  };
  const nodes = graph.node.map((proto): Node => {
    if (!isOpName(proto.opType)) throw new GraphError(`${proto.name}: operator ${proto.opType} is not in use here`);
    const nodeInputs = proto.input.map((name) => valueNamed(name, proto.name));
    const attributes = readAttributes(proto);
    const types = specOf(proto.opType).infer(nodeInputs, attributes);
    const outputs = proto.output.map((name, index) => {
      const type = types[index];
      if (!type) throw new GraphError(`${proto.name}: ${proto.opType} has no output ${index}`);
      return remember({ name, dtype: type.dtype, shape: type.shape });
    });
    return { op: proto.opType, name: proto.name, inputs: nodeInputs, outputs, attributes };
  });
  return {
    name: graph.name,
    inputs,
    outputs: graph.output.map((info) => valueNamed(info.name, "the graph")),
    initializers,
    nodes,
  };
}
