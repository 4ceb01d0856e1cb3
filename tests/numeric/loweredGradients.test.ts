/** Oracle: central differences in float64 of the lowered forward operator, on the reference interpreter. */

import { expect, test } from "vitest";
import { lowerModel } from "../../src/onnx/lower/lower.ts";
import { lowerings } from "../../src/onnx/lower/table.ts";
import { readForeign } from "../../src/onnx/readForeign.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { type FileAttribute, type FileTensor, onnxFile } from "../support/onnxFile.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";
import { gradientTolerance } from "./tolerance.ts";

interface Operator {
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
}

interface Row {
  readonly title?: string;
  readonly opset?: number;
  /** Shapes of the float variables a, b, c, …. */
  readonly variables: Readonly<Record<string, readonly number[]>>;
  readonly domain?: readonly [number, number];
  readonly constants?: Readonly<Record<string, FileTensor>>;
  /** bool input of dropout. */
  readonly mask?: { readonly name: string; readonly shape: readonly number[]; readonly data: readonly number[] };
  readonly forward: Operator & { readonly inputs: readonly string[]; readonly outputs: number };
  /** `dy` is the gradient of the first output, y0. */
  readonly gradient: Operator & { readonly inputs: readonly string[] };
  /** The variable of each output of the gradient operator. */
  readonly of: readonly string[];
}

const microsoft = "com.microsoft";
const ints = (...data: number[]): FileTensor => ({ dtype: "int64", shape: [data.length], data });
const grid = (shape: readonly number[], ...data: number[]): FileTensor => ({ dtype: "int64", shape, data });

/** f(a) with a gradient that reads dy and either a or y. */
const unary = (op: string, gradientOp: string, reads: "a" | "y0", rest: Partial<Row> & Partial<Operator> = {}): Row => {
  const { domain = "", attributes = {}, title, variables = { a: [3, 4] }, opset } = rest as Row & Operator;
  return {
    ...(title && { title }),
    ...(opset && { opset }),
    domain: [-2, 2],
    variables,
    forward: { op, domain: String(domain), attributes, inputs: ["a"], outputs: 1 },
    gradient: { op: gradientOp, domain: op === "Sin" ? "" : microsoft, attributes, inputs: ["dy", reads] },
    of: ["a"],
  };
};

const withBias = (op: string, gradientOp: string): Row => ({
  domain: [-2, 2],
  variables: { a: [3, 4], b: [4] },
  forward: { op, domain: microsoft, inputs: ["a", "b"], outputs: 1 },
  gradient: { op: gradientOp, domain: microsoft, inputs: ["dy", "a", "b"] },
  of: ["a"],
});

const labels = { labels: grid([4], 2, 0, -100, 1), ignored: { dtype: "int64", shape: [], data: [-100] } } as const;
const loss = (reduction: string, shape: readonly number[], label: FileTensor, internal: boolean): Row => ({
  title: `${reduction}, [${shape.join(", ")}]`,
  variables: { a: shape },
  constants: { ...labels, labels: label, weights: { dtype: "float32", shape: [3], data: [0.5, 1.25, 2] } },
  forward: {
    op: `SoftmaxCrossEntropyLoss${internal ? "Internal" : ""}`,
    domain: internal ? microsoft : "",
    attributes: internal ? { reduction } : { reduction, ignore_index: -100 },
    inputs: ["a", "labels", "weights", ...(internal ? ["ignored"] : [])],
    outputs: 2,
  },
  gradient: {
    op: `SoftmaxCrossEntropyLoss${internal ? "Internal" : ""}Grad`,
    domain: microsoft,
    attributes: internal ? { reduction } : { reduction, ignore_index: -100 },
    inputs: ["dy", "y1", "labels", "weights", ...(internal ? ["ignored"] : [])],
  },
  of: ["a"],
});

const norm = (op: string, inputs: readonly string[], gradient: Row["gradient"], axes: readonly number[]): Row => ({
  title: `over [${axes.join(", ")}]`,
  variables: { a: [2, 3, 4], b: axes, ...(inputs.includes("c") && { c: axes }) },
  domain: [0.3, 1.5],
  forward: { op, inputs, attributes: { axis: -axes.length }, outputs: inputs.length === 3 ? 3 : 2 },
  gradient: { ...gradient, domain: microsoft, attributes: { axis: -axes.length } },
  of: inputs.length === 3 ? ["a", "b", "c"] : ["a", "b"],
});

const slice = (title: string, starts: FileTensor, ends: FileTensor, axes: FileTensor, steps: FileTensor): Row => ({
  title,
  variables: { a: [4, 5] },
  constants: { shape: ints(4, 5), starts, ends, axes, steps },
  forward: { op: "Slice", inputs: ["a", "starts", "ends", "axes", "steps"], outputs: 1 },
  gradient: { op: "SliceGrad", domain: microsoft, inputs: ["dy", "shape", "starts", "ends", "axes", "steps"] },
  of: ["a"],
});

const gathered = (
  op: string,
  shape: readonly number[],
  indices: FileTensor,
  attributes: Row["forward"]["attributes"] = {},
): Row => ({
  title: JSON.stringify(attributes),
  variables: { a: shape },
  constants: { shape: ints(...shape), indices },
  forward: { op, attributes, inputs: ["a", "indices"], outputs: 1 },
  gradient: {
    op: `${op}Grad`,
    domain: microsoft,
    attributes,
    inputs: op === "GatherElements" ? ["dy", "shape", "indices"] : ["shape", "indices", "dy"],
  },
  of: ["a"],
});

const rows: readonly Row[] = [
  unary("Relu", "ReluGrad", "y0"),
  unary("LeakyRelu", "LeakyReluGrad", "y0", { attributes: { alpha: 0.2 } }),
  unary("Sigmoid", "SigmoidGrad", "y0"),
  unary("Tanh", "TanhGrad", "y0"),
  unary("Sin", "SinGrad", "a"),
  ...["Gelu", "FastGelu"].map((op) => ({
    ...unary(op, `${op}Grad`, "a"),
    forward: { op, domain: microsoft, inputs: ["a"], outputs: 1 },
  })),
  {
    ...unary("QuickGelu", "QuickGeluGrad", "a", { attributes: { alpha: 1.3 } }),
    forward: { op: "QuickGelu", domain: microsoft, attributes: { alpha: 1.3 }, inputs: ["a"], outputs: 1 },
  },
  withBias("BiasGelu", "BiasGeluGrad_dX"),
  withBias("FastGelu", "BiasFastGeluGrad_dX"),
  ...["Softmax", "LogSoftmax"].flatMap((op) => [
    ...[-1, 1, 0].map((axis) =>
      unary(op, `${op}Grad_13`, "y0", {
        title: `over axis ${axis}`,
        variables: { a: [2, 3, 4] },
        attributes: { axis },
        opset: 13,
      }),
    ),
    unary(op, `${op}Grad`, "y0", { variables: { a: [2, 3, 4] }, attributes: { axis: 1 }, opset: 11 }),
  ]),
  ...["mean", "sum", "none"].flatMap((reduction) =>
    [false, true].flatMap((internal) => [
      loss(reduction, [4, 3], labels.labels, internal),
      loss(reduction, [2, 3, 2], grid([2, 2], 2, -100, 1, 1), internal),
    ]),
  ),
  ...[[4], [3, 4]].flatMap((axes) => [
    norm(
      "LayerNormalization",
      ["a", "b", "c"],
      { op: "LayerNormalizationGrad", inputs: ["dy", "a", "b", "y1", "y2"] },
      axes,
    ),
    norm(
      "LayerNormalization",
      ["a", "b", "c"],
      { op: "InvertibleLayerNormalizationGrad", inputs: ["dy", "y0", "b", "c", "y2"] },
      axes,
    ),
    norm(
      "SimplifiedLayerNormalization",
      ["a", "b"],
      { op: "SimplifiedLayerNormalizationGrad", inputs: ["dy", "a", "b", "y1"] },
      axes,
    ),
  ]),
  gathered("Gather", [4, 3], grid([2, 2], 1, 3, 1, 0), { axis: 0 }),
  gathered("Gather", [2, 4, 3], grid([3], -1, 0, 3), { axis: 1 }),
  gathered("GatherElements", [3, 4], grid([3, 2], 1, 1, 0, 3, 2, 2), { axis: 1 }),
  gathered("GatherND", [3, 4], grid([3, 2], 2, 1, 0, 3, 2, 1)),
  gathered("GatherND", [2, 3, 4], grid([2, 1], 2, 0), { batch_dims: 1 }),
  slice("of step 1", ints(1, 0), ints(3, 4), ints(0, 1), ints(1, 1)),
  slice("of step 2", ints(0, 1), ints(4, 5), ints(0, 1), ints(2, 2)),
  slice("backwards", ints(-1), ints(-9), ints(1), ints(-2)),
  {
    variables: { a: [3, 4], b: [3, 1] },
    domain: [0.5, 2],
    forward: { op: "Div", inputs: ["a", "b"], outputs: 1 },
    gradient: { op: "DivGrad", domain: microsoft, inputs: ["dy", "a", "b"] },
    of: ["a", "b"],
  },
  {
    variables: { a: [2, 3] },
    constants: {
      ratio: { dtype: "float32", shape: [], data: [0.25] },
      training: { dtype: "bool", shape: [], data: [1] },
    },
    mask: { name: "y1.mask", shape: [2, 3], data: [1, 0, 1, 1, 0, 1] },
    forward: { op: "Dropout", inputs: ["a", "ratio", "training"], outputs: 2 },
    gradient: { op: "DropoutGrad", domain: microsoft, inputs: ["dy", "y1", "ratio", "training"] },
    of: ["a"],
  },
  {
    variables: { a: [4, 2] },
    constants: {
      indices: ints(3, 0, 3),
      count: { dtype: "int64", shape: [], data: [4] },
      padding: { dtype: "int64", shape: [], data: [-1] },
      no: { dtype: "bool", shape: [], data: [0] },
    },
    forward: {
      op: "ATen",
      domain: "org.pytorch.aten",
      attributes: { operator: "embedding" },
      inputs: ["a", "indices", "padding", "no", "no"],
      outputs: 1,
    },
    gradient: {
      op: "ATen",
      domain: "org.pytorch.aten",
      attributes: { operator: "embedding_dense_backward" },
      inputs: ["dy", "indices", "count", "padding", "no"],
    },
    of: ["a"],
  },
];

function lowered({ opset = 17, variables, constants = {}, forward, gradient, of }: Row, dy: readonly number[] | null) {
  const input = (name: string, dims: readonly number[]) => ({ name, dtype: "float32", dims }) as const;
  const results = of.map((_, i) => `gradient${i}`);
  const node = { op: forward.op, domain: forward.domain ?? "", attributes: forward.attributes ?? {} };
  const bytes = onnxFile({
    opset,
    inputs: [...Object.entries(variables).map(([name, shape]) => input(name, shape)), ...(dy ? [input("dy", dy)] : [])],
    outputs: ["y0", ...(dy ? results : [])].map((name) => ({ name, dtype: "float32" })),
    constants,
    nodes: [
      { ...node, inputs: forward.inputs, outputs: Array.from({ length: forward.outputs }, (_, i) => `y${i}`) },
      ...(dy ? [{ ...gradient, outputs: results }] : []),
    ],
  });
  return lowerModel(readForeign(bytes)).graph;
}

const step = 1e-5;

function check(row: Row): { readonly error: number; readonly comparisons: number } {
  const random = createRandom(5);
  const [low, high] = row.domain ?? [-1, 1];
  const uniform = (shape: readonly number[], from: number, to: number): Tensor =>
    tensor(
      shape,
      Array.from({ length: sizeOf(shape) }, () => from + (to - from) * random.next()),
    );
  const feeds: Record<string, Tensor> = Object.fromEntries(
    Object.entries(row.variables).map(([name, shape]) => [name, uniform(shape, low, high)]),
  );
  if (row.mask) feeds[row.mask.name] = tensor(row.mask.shape, row.mask.data);
  const forward = lowered(row, null);
  const result = forward.outputs.find(({ name }) => name === "y0")?.shape ?? [];
  const dy = uniform(result, -1, 1);
  const analytic = interpret(lowered(row, result), { ...feeds, dy });
  const lossAt = (given: Record<string, Tensor>) =>
    interpret(forward, given).y0?.data.reduce((sum, value, i) => sum + value * (dy.data[i] as number), 0) as number;
  let [error, comparisons] = [0, 0];
  row.of.forEach((name, index) => {
    const own = feeds[name] as Tensor;
    const at = (i: number, change: number) =>
      lossAt({ ...feeds, [name]: { ...own, data: own.data.with(i, (own.data[i] as number) + change) } });
    const numeric = Array.from(own.data.keys(), (i) => (at(i, step) - at(i, -step)) / (2 * step));
    const scale = Math.max(...numeric.map(Math.abs), 1e-3);
    const gradient = analytic[`gradient${index}`]?.data ?? [];
    numeric.forEach((value, i) => {
      comparisons += 1;
      const off = Math.abs((gradient[i] ?? Number.NaN) - value) / scale;
      if (!(off <= error)) error = off;
    });
  });
  return { error, comparisons };
}

test.each(rows.map((row) => [`${row.gradient.op}${row.title ? `, ${row.title}` : ""}`, row] as const))(
  "%s",
  (_title, row) => {
    const { error, comparisons } = check(row);
    expect(comparisons).toBeGreaterThan(0);
    expect(error).toBeLessThanOrEqual(gradientTolerance);
  },
);

test("every gradient operator has a row", () => {
  const checked = new Set(rows.map(({ gradient }) => gradient.op));
  const gradients = Object.keys(lowerings).filter((op) => /Grad(_13|_dX)?$/.test(op));
  expect(gradients.filter((op) => !checked.has(op))).toEqual([]);
});
