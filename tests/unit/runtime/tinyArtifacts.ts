/** Artifacts of a node or a few, for tests of the runtime alone. */

import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import type { Artifact, ArtifactKind, Port } from "../../../src/artifacts/contract.ts";
import { readModel } from "../../../src/onnx/model.ts";

const elementTypes = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number>>;
}

interface TinyGraph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodes: readonly TinyNode[];
  /** float32 scalars of the graph, by name. */
  readonly constants?: Readonly<Record<string, number>>;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly kind?: ArtifactKind;
}

const valueInfo = ({ name, dtype, shape }: Port) => {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: "dimValue", value: BigInt(size) } }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: elementTypes[dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } }),
  });
};

export function tinyArtifact(key: string, graph: TinyGraph): Artifact {
  const { inputs, outputs, nodes, constants = {}, aliases = {}, kind = "training" } = graph;
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: 21n })],
    graph: create(GraphProtoSchema, {
      name: key,
      input: inputs.map(valueInfo),
      output: outputs.map(valueInfo),
      initializer: Object.entries(constants).map(([name, value]) =>
        create(TensorProtoSchema, { name, dataType: TensorProto_DataType.FLOAT, dims: [], floatData: [value] }),
      ),
      node: nodes.map((node) =>
        create(NodeProtoSchema, {
          opType: node.op,
          name: node.output,
          input: [...node.inputs],
          output: [node.output],
          attribute: Object.entries(node.attributes ?? {}).map(([name, value]) =>
            create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) }),
          ),
        }),
      ),
    }),
  });
  const bytes = () => toBinary(ModelProtoSchema, model);
  return { kind, key, inputs, outputs, aliases, bytes, graph: () => readModel(bytes()) };
}

const float = (name: string, ...shape: number[]): Port => ({ name, dtype: "float32", shape });

/** y = a · b + c, elementwise over n. */
export const multiplyAdd = (n: number, key = `multiplyAdd ${n}`) =>
  tinyArtifact(key, {
    inputs: [float("a", n), float("b", n), float("c", n)],
    outputs: [float("y", n)],
    nodes: [
      { op: "Mul", inputs: ["a", "b"], output: "ab" },
      { op: "Add", inputs: ["ab", "c"], output: "y" },
    ],
  });

/** p ← 0.9·p − rate·g with p in place, and the sum of the new p. */
export const decayUpdate = (n: number) =>
  tinyArtifact(`decayUpdate ${n}`, {
    kind: "optimizer",
    inputs: [float("p", n), float("g", n), float("rate", 1)],
    outputs: [float("p.out", n), float("total", 1)],
    nodes: [
      { op: "Mul", inputs: ["p", "decay"], output: "decayed" },
      { op: "Mul", inputs: ["g", "rate"], output: "update" },
      { op: "Sub", inputs: ["decayed", "update"], output: "p.out" },
      { op: "ReduceSum", inputs: ["p.out"], output: "total" },
    ].map((node) => (node.op === "ReduceSum" ? { ...node, attributes: { keepdims: 1 } } : node)),
    constants: { decay: 0.9 },
    aliases: { "p.out": "p" },
  });

/** out ← (reset ? 0 : acc) + g: an accumulator with the reset of the training artifact. */
export const accumulate = (n: number) =>
  tinyArtifact(`accumulate ${n}`, {
    inputs: [float("acc", n), float("g", n), { name: "reset", dtype: "bool", shape: [1] }],
    outputs: [float("acc.out", n)],
    nodes: [
      { op: "Where", inputs: ["reset", "zero", "acc"], output: "kept" },
      { op: "Add", inputs: ["kept", "g"], output: "acc.out" },
    ],
    constants: { zero: 0 },
    aliases: { "acc.out": "acc" },
  });

/** Rows of an int32 [rows, 2] table. A row outside it fails at run time on wasm. */
export const gatherRows = (rows: number, count: number) =>
  tinyArtifact(`gatherRows ${rows} ${count}`, {
    kind: "eval",
    inputs: [
      { name: "table", dtype: "int32", shape: [rows, 2] },
      { name: "index", dtype: "int32", shape: [count] },
    ],
    outputs: [{ name: "picked", dtype: "int32", shape: [count, 2] }],
    nodes: [{ op: "Gather", inputs: ["table", "index"], output: "picked", attributes: { axis: 0 } }],
  });

/** y = x mod 3, an operator that the WebGPU provider does not have. */
export const remainder = () =>
  tinyArtifact("remainder", {
    inputs: [
      { name: "x", dtype: "int32", shape: [4] },
      { name: "by", dtype: "int32", shape: [1] },
    ],
    outputs: [{ name: "y", dtype: "int32", shape: [4] }],
    nodes: [{ op: "Mod", inputs: ["x", "by"], output: "y" }],
  });

/** p ← p − g with p in place: its one dispatch reads and writes p, which WebGPU forbids. */
export const directUpdate = (n: number) =>
  tinyArtifact(`directUpdate ${n}`, {
    kind: "optimizer",
    inputs: [float("p", n), float("g", n)],
    outputs: [float("p.out", n)],
    nodes: [{ op: "Sub", inputs: ["p", "g"], output: "p.out" }],
    aliases: { "p.out": "p" },
  });

/** y = x + x in float16. */
export const doubleHalf = (n: number) =>
  tinyArtifact(`doubleHalf ${n}`, {
    inputs: [{ name: "x", dtype: "float16", shape: [n] }],
    outputs: [{ name: "y", dtype: "float16", shape: [n] }],
    nodes: [{ op: "Add", inputs: ["x", "x"], output: "y" }],
  });
