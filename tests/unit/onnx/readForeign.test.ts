/** Reading foreign files: functions, order, symbols. Oracle: handwritten models and their results. */

import { describe, expect, test } from "vitest";
import { GraphError } from "../../../src/onnx/graph.ts";
import { bindInputs } from "../../../src/onnx/lower/bind.ts";
import { lowerModel } from "../../../src/onnx/lower/lower.ts";
import { readForeign } from "../../../src/onnx/readForeign.ts";
import { interpret, tensor } from "../../numeric/reference.ts";
import { type FileFunction, type FileModel, onnxFile } from "../../support/onnxFile.ts";

const read = (model: FileModel) => readForeign(onnxFile(model));
const float = (name: string, ...dims: (number | string | null)[]) => ({ name, dtype: "float32", dims }) as const;

/** The output y of a model for x = 1, 2, … */
function run(model: FileModel): number[] {
  const { graph } = lowerModel(read(model));
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [
      name,
      tensor(
        shape,
        Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => i + 1),
      ),
    ]),
  );
  return Array.from(interpret(graph, feeds).y?.data ?? []);
}

describe("functions", () => {
  /** f(a, b) = (a + b)·b, whose inner names must not meet those outside. */
  const f: FileFunction = {
    name: "f",
    inputs: ["a", "b"],
    outputs: ["c"],
    nodes: [
      { op: "Add", inputs: ["a", "b"], outputs: ["t"] },
      { op: "Mul", inputs: ["t", "b"], outputs: ["c"] },
    ],
  };
  const twice: FileFunction = {
    name: "twice",
    inputs: ["p"],
    outputs: ["q"],
    nodes: [
      { op: "f", domain: "local", inputs: ["p", "p"], outputs: ["r"] },
      { op: "f", domain: "local", inputs: ["r", "p"], outputs: ["q"] },
    ],
  };
  const model = (nodes: FileModel["nodes"], functions: FileModel["functions"]): FileModel => ({
    inputs: [float("x", 2)],
    outputs: [float("y", 2)],
    nodes,
    ...(functions && { functions }),
  });

  test("are inlined, nested ones too", () => {
    const nodes = [
      { op: "twice", domain: "local", inputs: ["x"], outputs: ["t"] },
      { op: "twice", domain: "local", inputs: ["t"], outputs: ["y"] },
    ];
    const g = (p: number) => (2 * p * p + p) * p;
    expect(run(model(nodes, [f, twice]))).toEqual([1, 2].map((x) => g(g(x))));
  });

  test("pass attributes on", () => {
    const sum: FileFunction = {
      name: "joined",
      inputs: ["p"],
      outputs: ["q"],
      attributes: ["which"],
      nodes: [{ op: "Concat", inputs: ["p", "p"], outputs: ["q"], references: { axis: "which" } }],
    };
    const node = { op: "joined", domain: "local", inputs: ["x"], outputs: ["y"], attributes: { which: 0 } };
    expect(run(model([node], [sum]))).toEqual([1, 2, 1, 2]);
  });

  test("may hand an input through", () => {
    const through: FileFunction = { name: "through", inputs: ["p"], outputs: ["p"], nodes: [] };
    const nodes = [
      { op: "through", domain: "local", inputs: ["x"], outputs: ["t"] },
      { op: "Neg", inputs: ["t"], outputs: ["y"] },
    ];
    expect(run(model(nodes, [through]))).toEqual([-1, -2]);
  });

  test("that call themselves, or each other too often, are refused", () => {
    const self: FileFunction = {
      name: "self",
      inputs: ["p"],
      outputs: ["q"],
      nodes: [{ op: "self", domain: "local", inputs: ["p"], outputs: ["q"] }],
    };
    const call = (op: string) => [{ op, domain: "local", inputs: ["x"], outputs: ["y"] }];
    expect(() => read(model(call("self"), [self]))).toThrow(/self calls functions more than 32 levels deep/);
    const doubling = Array.from({ length: 20 }, (_, level): FileFunction => {
      const next = level === 19 ? { op: "Neg" } : { op: `f${level + 1}`, domain: "local" };
      return {
        name: `f${level}`,
        inputs: ["p"],
        outputs: ["q"],
        nodes: [
          { ...next, inputs: ["p"], outputs: ["r"] },
          { ...next, inputs: ["r"], outputs: ["q"] },
        ],
      };
    });
    expect(() => read(model(call("f0"), doubling))).toThrow(/more than 200000/);
  });
});

describe("order", () => {
  const model = (nodes: FileModel["nodes"]): FileModel => ({
    inputs: [float("x", 2)],
    outputs: [float("y", 2)],
    nodes,
  });

  test("nodes may stand in any order", () => {
    const nodes = [
      { op: "Neg", inputs: ["b"], outputs: ["y"] },
      { op: "Add", inputs: ["a", "x"], outputs: ["b"] },
      { op: "Mul", inputs: ["x", "x"], outputs: ["a"] },
    ];
    expect(run(model(nodes))).toEqual([-2, -6]);
    expect(read(model(nodes)).nodes.map(({ op }) => op)).toEqual(["Mul", "Add", "Neg"]);
  });

  test.each([
    ["a circle", [{ op: "Add", name: "sum", inputs: ["x", "b"], outputs: ["b"] }], /sum depends on its own output/],
    ["a value from nowhere", [{ op: "Neg", name: "minus", inputs: ["z"], outputs: ["y"] }], /minus reads z/],
    [
      "a value that is computed twice",
      [
        { op: "Neg", inputs: ["x"], outputs: ["y"] },
        { op: "Neg", name: "again", inputs: ["x"], outputs: ["y"] },
      ],
      /again computes y/,
    ],
    ["an input that is overwritten", [{ op: "Neg", name: "bad", inputs: ["x"], outputs: ["x"] }], /bad computes x/],
  ])("%s is refused", (_title, nodes, message) => {
    expect(() => read(model(nodes))).toThrow(GraphError);
    expect(() => read(model(nodes))).toThrow(message);
  });
});

describe("shapes of inputs", () => {
  const model = read({
    inputs: [float("x", "rows", 3), float("y", "rows", null), { name: "z", dtype: "int64", dims: [2] }],
    outputs: [float("sum")],
    nodes: [{ op: "Add", inputs: ["x", "y"], outputs: ["sum"] }],
  });

  test("symbols and numbers give what is not given", () => {
    expect(bindInputs(model, { x: [4, 3], y: [4, 1] })).toEqual([
      { name: "x", dtype: "float32", shape: [4, 3] },
      { name: "y", dtype: "float32", shape: [4, 1] },
      { name: "z", dtype: "int32", shape: [2] },
    ]);
  });

  test.each([
    [{ x: [4, 3], y: [5, 1] }, /rows is 4 in input x, but 5 in input y/],
    [{ x: [4, 3] }, /dimension 1 of input y is open/],
    [{ y: [4, 1], x: [4, 2] }, /dimension 1 of input x is 3, but the feed has 2/],
    [{ x: [4, 3, 1], y: [4, 1] }, /input x has 2 dimensions, \[rows, 3\], but the feed has \[4, 3, 1\]/],
    [{ w: [1] }, /no input w; its inputs are x, y, z/],
    [{ x: [0.5, 3], y: [1, 1] }, /must be whole numbers/],
  ])("%j", (shapes, message) => {
    expect(() => bindInputs(model, shapes)).toThrow(message);
  });

  test("without any shape, the symbol is named", () => {
    expect(() => bindInputs(model, {})).toThrow(/dimension 0, rows, of input x is open/);
  });
});

describe("arithmetic of shapes is folded", () => {
  const ints = (...data: number[]) => ({ dtype: "int64", shape: [data.length], data }) as const;

  test("a reshape to the product of two dimensions has no arithmetic left", () => {
    const { graph } = lowerModel(
      read({
        inputs: [float("x", 2, 3, 4)],
        outputs: [float("y")],
        constants: { zero: ints(0), one: ints(1), two: ints(2), minus: ints(-1) },
        nodes: [
          { op: "Shape", inputs: ["x"], outputs: ["shape"] },
          { op: "Gather", inputs: ["shape", "zero"], outputs: ["a"] },
          { op: "Slice", inputs: ["shape", "one", "two"], outputs: ["b"] },
          { op: "Mul", inputs: ["a", "b"], outputs: ["ab"] },
          { op: "Concat", inputs: ["ab", "minus"], outputs: ["to"], attributes: { axis: 0 } },
          { op: "Reshape", inputs: ["x", "to"], outputs: ["y"] },
        ],
      }),
    );
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Reshape"]);
    expect(graph.outputs[0]?.shape).toEqual([6, 4]);
  });

  test("a shape that depends on data is refused with the node's name", () => {
    const model = read({
      inputs: [float("x", 2, 3), { name: "to", dtype: "int64", dims: [2] }],
      outputs: [float("y")],
      nodes: [{ op: "Reshape", name: "turn", inputs: ["x", "to"], outputs: ["y"] }],
    });
    expect(() => lowerModel(model)).toThrow(/turn \(Reshape\): operand 1, to, depends on data/);
  });

  test("a graph that waits for PyTorch is refused, or split where its gradients are given", () => {
    const model = read({
      inputs: [float("x", 2)],
      outputs: [float("dx", 2)],
      nodes: [
        { op: "Mul", inputs: ["x", "x"], outputs: ["loss"] },
        { op: "YieldOp", domain: "com.microsoft", name: "wait", inputs: ["loss"], outputs: ["dloss"] },
        { op: "Mul", inputs: ["dloss", "x"], outputs: ["dx"] },
      ],
    });
    expect(() => lowerModel(model)).toThrow(/wait: it hands values to PyTorch/);
    const { graph } = lowerModel(model, { yields: { dloss: [2] } });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x", "dloss"]);
    expect(graph.outputs.map(({ name }) => name).sort()).toEqual(["dx", "loss"]);
  });

  test("dropout asks the host for its mask", () => {
    const { graph, masks } = lowerModel(
      read({
        inputs: [float("x", 4)],
        outputs: [float("y", 4)],
        constants: {
          ratio: { dtype: "float32", shape: [], data: [0.25] },
          training: { dtype: "bool", shape: [], data: [1] },
        },
        nodes: [{ op: "Dropout", inputs: ["x", "ratio", "training"], outputs: ["y"] }],
      }),
    );
    expect(masks).toEqual([{ name: "y.mask", shape: [4], probability: 0.75 }]);
    const feeds = { x: tensor([4], [3, 6, 9, 12]), "y.mask": tensor([4], [1, 0, 1, 0]) };
    expect(Array.from(interpret(graph, feeds).y?.data ?? [], Math.fround)).toEqual([4, 0, 12, 0].map(Math.fround));
  });
});
