/** Edits of ONNX files, so that onnxruntime-web 1.19.2 can run them in memory that a machine has. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { float16ToFloat32 } from "../../../src/tensor/convert.ts";

const { FLOAT, FLOAT16, INT64 } = TensorProto_DataType;

function edit(bytes: Uint8Array, change: (model: ModelProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  change(model);
  return toBinary(ModelProtoSchema, model);
}

function widen(tensor: TensorProto): void {
  if (tensor.dataType !== FLOAT16) return;
  tensor.dataType = FLOAT;
  const bits =
    tensor.rawData.byteLength > 0
      ? new Uint16Array(new Uint8Array(tensor.rawData).buffer)
      : Uint16Array.from(tensor.int32Data);
  tensor.int32Data = [];
  tensor.rawData = new Uint8Array(new Float32Array(float16ToFloat32(bits)).buffer);
}

function replaceNumber(tensor: TensorProto, from: number, to: number): void {
  if (tensor.dataType !== INT64) return;
  tensor.int64Data = tensor.int64Data.map((value) => (Number(value) === from ? BigInt(to) : value));
  if (tensor.rawData.byteLength === 0) return;
  const values = new BigInt64Array(new Uint8Array(tensor.rawData).buffer);
  values.forEach((value, i) => {
    if (Number(value) === from) values[i] = BigInt(to);
  });
  tensor.rawData = new Uint8Array(values.buffer);
}

function retype({ type }: ValueInfoProto, from: number, to: number): void {
  if (type?.value.case !== "tensorType") return;
  const tensor = type.value.value;
  if (tensor.elemType === FLOAT16) tensor.elemType = FLOAT;
  for (const dimension of tensor.shape?.dim ?? [])
    if (dimension.value.case === "dimValue" && Number(dimension.value.value) === from && from > 0)
      dimension.value.value = BigInt(to);
}

/** The file in float32 instead of float16; every dimension and integer `from` becomes `to` where `from` is not 0. */
export const inFloat32 = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  edit(bytes, ({ graph }) => {
    if (!graph) return;
    const tensors = [...graph.initializer];
    for (const node of graph.node) {
      for (const attribute of node.attribute) {
        if (attribute.t) tensors.push(attribute.t);
        const isType = (attribute.name === "to" && node.opType === "Cast") || attribute.name === "output_type";
        if (isType && Number(attribute.i) === FLOAT16) attribute.i = BigInt(FLOAT);
      }
    }
    for (const tensor of tensors) {
      widen(tensor);
      if (from > 0) replaceNumber(tensor, from, to);
    }
    for (const port of [...graph.input, ...graph.output]) retype(port, from, to);
    graph.valueInfo = [];
  });

/** Names of the gradients that the file's YieldOp nodes wait for. */
export const yieldedBy = (bytes: Uint8Array): readonly string[] =>
  fromBinary(ModelProtoSchema, bytes)
    .graph?.node.filter(({ opType }) => opType === "YieldOp")
    .flatMap(({ output }) => output) ?? [];

const scalarPort = (name: string) =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: { case: "tensorType", value: create(TypeProto_TensorSchema, { elemType: FLOAT, shape: { dim: [] } }) },
    }),
  });

/** YieldOp becomes outputs and scalar inputs, PyTorch's embedding ONNX's Gather. */
export const withoutPyTorch = (bytes: Uint8Array): Uint8Array =>
  edit(bytes, ({ graph }) => {
    if (!graph) return;
    const yielded = graph.node.filter(({ opType }) => opType === "YieldOp");
    graph.node = graph.node.filter(({ opType }) => opType !== "YieldOp");
    for (const { input, output } of yielded) {
      graph.output.push(...input.map((name) => create(ValueInfoProtoSchema, { name })));
      graph.input.push(...output.map(scalarPort));
    }
    const embedding = graph.node.find((node) => operatorOf(node) === "embedding");
    const table = graph.input.find(({ name }) => name === embedding?.input[0])?.type?.value;
    for (const node of graph.node) {
      const operator = operatorOf(node);
      if (operator === null) continue;
      node.attribute = [];
      if (operator === "embedding") {
        Object.assign(node, { opType: "Gather", domain: "", input: node.input.slice(0, 2) });
        continue;
      }
      if (table?.case !== "tensorType") throw new Error("the file has no table for its embedding's gradient");
      const name = `${node.name || "embedding"}.shape`;
      const dims = table.value.shape?.dim.map(({ value }) => BigInt(value.value ?? 0)) ?? [];
      graph.initializer.push(
        create(TensorProtoSchema, { name, dataType: INT64, dims: [BigInt(dims.length)], int64Data: dims }),
      );
      Object.assign(node, {
        opType: "GatherGrad",
        domain: "com.microsoft",
        input: [name, node.input[1] ?? "", node.input[0] ?? ""],
      });
    }
  });

/** PyTorch's operator of a node; null where it is none. */
function operatorOf({ opType, attribute }: NodeProto): string | null {
  if (opType !== "ATen") return null;
  const found = attribute.find(({ name }) => name === "operator");
  return new TextDecoder().decode(found?.s ?? new Uint8Array());
}
