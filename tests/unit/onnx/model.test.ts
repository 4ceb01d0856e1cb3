/** Oracle: the graph itself, written and read back; and the type errors that a person should see. */

import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import { type Graph, GraphError } from "../../../src/onnx/graph.ts";
import { readModel, writeModel } from "../../../src/onnx/model.ts";

function everyAttributeKind(): Graph {
  const b = new GraphBuilder("sample");
  const x = b.input("x", "float32", [2, 3, 4]);
  const turned = b.transpose(x, [2, 0, 1]);
  const flat = b.reshape(turned, [8, 3]);
  const w = b.constant(
    "float32",
    [5, 3],
    Float32Array.from({ length: 15 }, (_, i) => i / 7),
  );
  const mixed = b.gemm(flat, w, { transB: true, alpha: 0.5 });
  const rows = b.scatterRows(
    b.expand(b.scalar(0), [6, 5]),
    b.constant("int32", [8], Int32Array.from([0, 1, 2, 3, 4, 5, 0, 1])),
    mixed,
  );
  const kept = b.where(b.input("keep", "bool", [1]), rows, b.scalar(-1));
  return b.finish({ kept });
}

describe("ONNX files", () => {
  it("reads back what was written", () => {
    const graph = everyAttributeKind();
    const back = readModel(writeModel(graph));
    expect(back).toEqual(graph);
    expect(writeModel(back)).toEqual(writeModel(graph));
    expect(readModel(Buffer.from(writeModel(graph)))).toEqual(graph); // bytes as Node reads them from a file
  });

  it("refuses an operator that is not in use", () => {
    const bytes = writeModel(everyAttributeKind());
    const name = new TextEncoder().encode("Where");
    const at = bytes.findLastIndex((_, i) => name.every((byte, k) => bytes[i + k] === byte));
    bytes.set(new TextEncoder().encode("Whexe"), at);
    expect(() => readModel(bytes)).toThrow(/operator Whexe is not in use|Whexe/);
  });
});

describe("static inference names node, operands and the mismatch", () => {
  const rows: [string, (b: GraphBuilder) => unknown, RegExp][] = [
    [
      "Gemm",
      (b) => b.within("mlp", () => b.gemm(b.input("x", "float32", [4, 8]), b.input("w", "float32", [9, 3]))),
      /mlp\/Gemm_0 \(x: float32\[4, 8\], w: float32\[9, 3\]\): inner dimensions differ: 8 against 9/,
    ],
    [
      "Add",
      (b) => b.add(b.input("x", "float32", [2, 3]), b.input("y", "float32", [4])),
      /do not broadcast: 3 against 4/,
    ],
    ["Mul", (b) => b.mul(b.input("x", "float32", [2]), b.input("i", "int32", [2])), /one dtype: float32 against int32/],
    ["Reshape", (b) => b.reshape(b.input("x", "float32", [2, 3]), [4]), /6 elements do not fill \[4\]/],
    ["Transpose", (b) => b.transpose(b.input("x", "float32", [2, 3]), [0, 0]), /no permutation of the 2 axes/],
    ["Gather", (b) => b.gather(b.input("x", "float32", [2]), b.input("i", "float32", [2])), /must be int32 or int64/],
    ["Where", (b) => b.where(b.input("i", "int32", [2]), b.scalar(0), b.scalar(1)), /must be bool, not int32/],
    [
      "MatMul",
      (b) => b.matMul(b.input("x", "float32", [2, 3]), b.input("y", "float32", [2, 3])),
      /inner dimensions differ: 3 against 2/,
    ],
    ["Concat", (b) => b.concat([b.input("x", "float32", [2, 3]), b.input("y", "float32", [2, 4])], 0), /does not join/],
    ["ReduceSum", (b) => b.reduceSum(b.input("x", "float32", [2, 3]), [2]), /axis 2 is outside rank 2/],
    ["an input of two types", (b) => [b.input("x", "float32", [2]), b.input("x", "int32", [2])], /declared twice/],
  ];
  it.each(rows)("%s", (_name, build, message) => {
    const b = new GraphBuilder("bad");
    expect(() => build(b)).toThrow(GraphError);
    expect(() => build(new GraphBuilder("bad"))).toThrow(message);
  });
});

describe("a finished graph", () => {
  it("keeps only what its outputs need", () => {
    const b = new GraphBuilder("pruned");
    const x = b.input("x", "float32", [2]);
    b.add(b.input("unused", "float32", [2]), b.scalar(5));
    const { inputs, nodes, initializers } = b.finish({ y: b.neg(x) });
    expect(inputs.map((value) => value.name)).toEqual(["x"]);
    expect(nodes.map((node) => node.op)).toEqual(["Neg"]);
    expect(initializers).toEqual([]);
  });
});
