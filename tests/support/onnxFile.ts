/** ONNX files of any operators, written node by node: what other programs export. */

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_SequenceSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";

export type FileDType = "float32" | "int64" | "int32" | "bool";

export interface FilePort {
  readonly name: string;
  readonly dtype: FileDType;
  /** A number, a symbol, or null for an open dimension; no list where the rank is open. */
  readonly dims?: readonly (number | string | null)[];
  readonly sequence?: boolean;
}

export interface FileTensor {
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type FileAttribute = number | string | readonly number[] | FileTensor;

export interface FileNode {
  readonly op: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
  /** Attributes that take their value from the function around the node: own name → the function's. */
  readonly references?: Readonly<Record<string, string>>;
}

export interface FileFunction {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: readonly string[];
  readonly nodes: readonly FileNode[];
}

export interface FileModel {
  readonly name?: string;
  /** Version of ONNX's own operator set. */
  readonly opset?: number;
  readonly inputs: readonly FilePort[];
  readonly outputs: readonly FilePort[];
  readonly constants?: Readonly<Record<string, FileTensor>>;
  readonly nodes: readonly FileNode[];
  /** Functions of the domain `local`. */
  readonly functions?: readonly FileFunction[];
}

const { FLOAT, INT64, INT32, BOOL } = TensorProto_DataType;
const types: Readonly<Record<FileDType, TensorProto_DataType>> = {
  float32: FLOAT,
  int64: INT64,
  int32: INT32,
  bool: BOOL,
};

/** Attributes that ONNX declares as floats; other numbers are integers. */
const floats: ReadonlySet<string> = new Set([
  "alpha",
  "beta",
  "epsilon",
  "gamma",
  "max",
  "max_norm",
  "min",
  "value",
  "value_float",
  "weight_decay",
]);

function tensorProto(name: string, { dtype, shape, data }: FileTensor) {
  const head = { name, dataType: types[dtype], dims: shape.map(BigInt) };
  if (dtype === "float32") return create(TensorProtoSchema, { ...head, floatData: [...data] });
  if (dtype === "int64") return create(TensorProtoSchema, { ...head, int64Data: data.map(BigInt) });
  return create(TensorProtoSchema, { ...head, int32Data: [...data] });
}

const isTensor = (value: FileAttribute): value is FileTensor => typeof value === "object" && "dtype" in value;

function attributeProto(name: string, value: FileAttribute): AttributeProto {
  const type = AttributeProto_AttributeType;
  if (typeof value === "string")
    return create(AttributeProtoSchema, { name, type: type.STRING, s: new TextEncoder().encode(value) });
  if (typeof value === "number")
    return floats.has(name)
      ? create(AttributeProtoSchema, { name, type: type.FLOAT, f: value })
      : create(AttributeProtoSchema, { name, type: type.INT, i: BigInt(value) });
  if (isTensor(value)) return create(AttributeProtoSchema, { name, type: type.TENSOR, t: tensorProto("", value) });
  return create(AttributeProtoSchema, { name, type: type.INTS, ints: value.map(BigInt) });
}

const nodeProto = (node: FileNode): NodeProto =>
  create(NodeProtoSchema, {
    opType: node.op,
    domain: node.domain ?? "",
    name: node.name ?? "",
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: [
      ...Object.entries(node.attributes ?? {}).map(([name, value]) => attributeProto(name, value)),
      ...Object.entries(node.references ?? {}).map(([name, refAttrName]) =>
        create(AttributeProtoSchema, { name, refAttrName, type: AttributeProto_AttributeType.INT }),
      ),
    ],
  });

function portProto({ name, dtype, dims, sequence }: FilePort) {
  const dim = dims?.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        size === null
          ? { case: undefined }
          : typeof size === "number"
            ? { case: "dimValue", value: BigInt(size) }
            : { case: "dimParam", value: size },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: types[dtype],
    ...(dim && { shape: create(TensorShapeProtoSchema, { dim }) }),
  });
  const element = create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } });
  const list = create(TypeProto_SequenceSchema, { elemType: element });
  const type = sequence ? create(TypeProtoSchema, { value: { case: "sequenceType", value: list } }) : element;
  return create(ValueInfoProtoSchema, { name, type });
}

/** The bytes of the file. Operator sets: ONNX's of the model's version, com.microsoft 1, org.pytorch.aten 1, local 1. */
export function onnxFile(model: FileModel): Uint8Array<ArrayBuffer> {
  const opset = (domain: string, version: number) =>
    create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) });
  const opsets = [
    opset("", model.opset ?? 17),
    ...["com.microsoft", "org.pytorch.aten", ...(model.functions ? ["local"] : [])].map((domain) => opset(domain, 1)),
  ];
  const proto = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: opsets,
    graph: create(GraphProtoSchema, {
      name: model.name ?? "test",
      input: model.inputs.map(portProto),
      output: model.outputs.map(portProto),
      initializer: Object.entries(model.constants ?? {}).map(([name, value]) => tensorProto(name, value)),
      node: model.nodes.map(nodeProto),
    }),
    functions: (model.functions ?? []).map((body) =>
      create(FunctionProtoSchema, {
        name: body.name,
        domain: "local",
        input: [...body.inputs],
        output: [...body.outputs],
        attribute: [...(body.attributes ?? [])],
        opsetImport: opsets,
        node: body.nodes.map(nodeProto),
      }),
    ),
  });
  return new Uint8Array(toBinary(ModelProtoSchema, proto));
}
