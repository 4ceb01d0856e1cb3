/**
 * A causal language model's training artifacts in official form: embedding, one hidden layer with GELU, a head, the shifted mean
 * cross-entropy, and gradients from ONNX Runtime's own operators.
 */

import { writeOrtCheckpoint } from "../../src/onnx/ortCheckpoint.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { officialSet } from "./officialSet.ts";
import { type FileNode, type FilePort, type FileTensor, onnxFile } from "./onnxFile.ts";

const microsoft = "com.microsoft";
export const languageSizes = { vocabulary: 12, width: 6, hidden: 8 } as const;
const { vocabulary, width, hidden } = languageSizes;

const shapes: Readonly<Record<string, readonly number[]>> = {
  "embed.weight": [vocabulary, width],
  "up.weight": [width, hidden],
  "head.weight": [hidden, vocabulary],
};
const names = Object.keys(shapes);
const ints = (...data: number[]): FileTensor => ({ dtype: "int64", shape: [data.length], data });

const grid = (name: string): FilePort => ({ name, dtype: "int64", dims: ["batch", "length"] });
const data = [grid("input_ids"), grid("attention_mask"), grid("labels")];
const parameters = names.map((name): FilePort => ({ name, dtype: "float32", dims: shapes[name] as readonly number[] }));
const buffer = (name: string) => `${name}_grad.accumulation.buffer`;
const flag = (name: string) => `${name}_grad.accumulation.out`;

/** The mask reaches the graph as in exports; padding has no label, so it changes no loss. */
const forward: readonly FileNode[] = [
  { op: "Gather", inputs: ["embed.weight", "input_ids"], outputs: ["embedded"] },
  { op: "Unsqueeze", inputs: ["attention_mask", "last"], outputs: ["mask3"] },
  { op: "Cast", inputs: ["mask3"], outputs: ["mask"], attributes: { to: 1 } },
  { op: "Mul", inputs: ["embedded", "mask"], outputs: ["x"] },
  { op: "MatMul", inputs: ["x", "up.weight"], outputs: ["before"] },
  { op: "Gelu", domain: microsoft, inputs: ["before"], outputs: ["after"] },
  { op: "MatMul", inputs: ["after", "head.weight"], outputs: ["logits"] },
  { op: "Slice", inputs: ["logits", "zero", "last", "one"], outputs: ["shifted"] },
  { op: "Slice", inputs: ["labels", "one", "end", "one"], outputs: ["targets"] },
  { op: "Reshape", inputs: ["shifted", "rows"], outputs: ["scores"] },
  { op: "Reshape", inputs: ["targets", "flat"], outputs: ["classes"] },
];
const loss = (outputs: readonly string[]): FileNode => ({
  op: "SoftmaxCrossEntropyLossInternal",
  domain: microsoft,
  inputs: ["scores", "classes", "", "ignored"],
  outputs,
  attributes: { reduction: "mean" },
});
const backward: readonly FileNode[] = [
  {
    op: "SoftmaxCrossEntropyLossInternalGrad",
    domain: microsoft,
    inputs: ["loss_grad", "log_prob", "classes", "", "ignored"],
    outputs: ["scores_grad"],
    attributes: { reduction: "mean" },
  },
  { op: "Shape", inputs: ["shifted"], outputs: ["shifted_shape"] },
  { op: "Reshape", inputs: ["scores_grad", "shifted_shape"], outputs: ["shifted_grad"] },
  { op: "Shape", inputs: ["logits"], outputs: ["logits_shape"] },
  {
    op: "SliceGrad",
    domain: microsoft,
    inputs: ["shifted_grad", "logits_shape", "zero", "last", "one"],
    outputs: ["logits_grad"],
  },
  { op: "Reshape", inputs: ["logits_grad", "by_classes"], outputs: ["logits_grad2"] },
  { op: "Reshape", inputs: ["after", "by_hidden"], outputs: ["after2"] },
  { op: "Gemm", inputs: ["after2", "logits_grad2"], outputs: ["head.weight_grad"], attributes: { transA: 1 } },
  {
    op: "FusedMatMul",
    domain: microsoft,
    inputs: ["logits_grad", "head.weight"],
    outputs: ["after_grad"],
    attributes: { transB: 1 },
  },
  { op: "GeluGrad", domain: microsoft, inputs: ["after_grad", "before"], outputs: ["before_grad"] },
  { op: "Reshape", inputs: ["before_grad", "by_hidden"], outputs: ["before_grad2"] },
  { op: "Reshape", inputs: ["x", "by_width"], outputs: ["x2"] },
  { op: "Gemm", inputs: ["x2", "before_grad2"], outputs: ["up.weight_grad"], attributes: { transA: 1 } },
  {
    op: "FusedMatMul",
    domain: microsoft,
    inputs: ["before_grad", "up.weight"],
    outputs: ["x_grad"],
    attributes: { transB: 1 },
  },
  { op: "Mul", inputs: ["x_grad", "mask"], outputs: ["embedded_grad"] },
  { op: "Shape", inputs: ["embed.weight"], outputs: ["table_shape"] },
  {
    op: "GatherGrad",
    domain: microsoft,
    inputs: ["table_shape", "input_ids", "embedded_grad"],
    outputs: ["embed.weight_grad"],
    attributes: { axis: 0 },
  },
  ...names.map(
    (name): FileNode => ({
      op: "InPlaceAccumulatorV2",
      domain: microsoft,
      inputs: [buffer(name), `${name}_grad`, "lazy_reset_grad"],
      outputs: [flag(name)],
    }),
  ),
];

const constants: Readonly<Record<string, FileTensor>> = {
  zero: ints(0),
  one: ints(1),
  last: ints(-1),
  end: ints(9223372036),
  rows: ints(-1, vocabulary),
  flat: ints(-1),
  ignored: { dtype: "int64", shape: [], data: [-100] },
};
const backwardConstants: Readonly<Record<string, FileTensor>> = {
  loss_grad: { dtype: "float32", shape: [], data: [1] },
  by_classes: ints(-1, vocabulary),
  by_hidden: ints(-1, hidden),
  by_width: ints(-1, width),
};

function checkpoint(): Uint8Array<ArrayBuffer> {
  const random = createRandom(31);
  const trainable = names.map((name) => {
    const shape = shapes[name] as readonly number[];
    const values = Float32Array.from({ length: sizeOf(shape) }, () => 0.5 * random.normal());
    return { name, type: 1, shape, bytes: new Uint8Array(values.buffer) };
  });
  const empty = { frozen: [], nominal: false, groups: [], ints: new Map(), floats: new Map(), strings: new Map() };
  return writeOrtCheckpoint({ ...empty, trainable }).checkpoint;
}

const lossPort: FilePort = { name: "loss", dtype: "float32", dims: [] };

/** The files of the set by name. */
export const languageSet = (): ReadonlyMap<string, Uint8Array<ArrayBuffer>> =>
  new Map([
    [
      "training_model.onnx",
      onnxFile({
        inputs: [
          ...data,
          ...parameters,
          ...parameters.map((port) => ({ ...port, name: buffer(port.name) })),
          { name: "lazy_reset_grad", dtype: "bool", dims: [1] },
        ],
        outputs: [lossPort, ...names.map((name): FilePort => ({ name: flag(name), dtype: "bool", dims: [1] }))],
        constants: { ...constants, ...backwardConstants },
        nodes: [...forward, loss(["loss", "log_prob"]), ...backward],
      }),
    ],
    [
      "eval_model.onnx",
      onnxFile({
        inputs: [...data, ...parameters],
        outputs: [lossPort],
        constants,
        nodes: [...forward, loss(["loss", "eval_log_prob"])],
      }),
    ],
    ["optimizer_model.onnx", officialSet("adamw").get("optimizer_model.onnx") as Uint8Array<ArrayBuffer>],
    ["checkpoint", checkpoint()],
  ]);
