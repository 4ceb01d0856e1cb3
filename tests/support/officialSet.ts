/** A small set of training artifacts in the form that generate_artifacts writes: a classifier of two layers. */

import { writeOrtCheckpoint } from "../../src/onnx/ortCheckpoint.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { type FileNode, type FilePort, type FileTensor, onnxFile } from "./onnxFile.ts";

const microsoft = "com.microsoft";
export const classifier = { inputs: 6, hidden: 5, classes: 4 } as const;

const shapes: Readonly<Record<string, readonly number[]>> = {
  "fc1.weight": [classifier.hidden, classifier.inputs],
  "fc1.bias": [classifier.hidden],
  "fc2.weight": [classifier.classes, classifier.hidden],
  "fc2.bias": [classifier.classes],
};
const names = Object.keys(shapes);

const float = (name: string, dims: readonly (number | string)[]): FilePort => ({ name, dtype: "float32", dims });
const data: readonly FilePort[] = [
  float("input-0", ["batch", classifier.inputs]),
  { name: "labels", dtype: "int64", dims: ["batch"] },
];
const parameters = names.map((name) => float(name, shapes[name] as readonly number[]));

const forward: readonly FileNode[] = [
  { op: "Gemm", inputs: ["input-0", "fc1.weight", "fc1.bias"], outputs: ["scores1"], attributes: { transB: 1 } },
  { op: "Relu", inputs: ["scores1"], outputs: ["hidden"] },
  { op: "Gemm", inputs: ["hidden", "fc2.weight", "fc2.bias"], outputs: ["scores2"], attributes: { transB: 1 } },
];
const loss = (outputs: readonly string[]): FileNode => ({
  op: "SoftmaxCrossEntropyLoss",
  inputs: ["scores2", "labels"],
  outputs,
  attributes: { reduction: "mean", ignore_index: -100 },
});

const gradient = (name: string) => `${name}_grad`;
const backward: readonly FileNode[] = [
  {
    op: "SoftmaxCrossEntropyLossGrad",
    domain: microsoft,
    inputs: ["loss_grad", "log_prob", "labels"],
    outputs: ["scores2_grad"],
    attributes: { reduction: "mean", ignore_index: -100 },
  },
  ...[
    { layer: "fc2", dy: "scores2_grad", x: "hidden" },
    { layer: "fc1", dy: "scores1_grad", x: "input-0" },
  ].flatMap(({ layer, dy, x }): FileNode[] => [
    { op: "Gemm", inputs: [dy, x], outputs: [gradient(`${layer}.weight`)], attributes: { transA: 1 } },
    { op: "ReduceSum", inputs: [dy, "rows"], outputs: [gradient(`${layer}.bias`)], attributes: { keepdims: 0 } },
  ]),
  { op: "Gemm", inputs: ["scores2_grad", "fc2.weight"], outputs: ["hidden_grad"] },
  { op: "ReluGrad", domain: microsoft, inputs: ["hidden_grad", "hidden"], outputs: ["scores1_grad"] },
];

const buffer = (name: string) => `${gradient(name)}.accumulation.buffer`;
const flag = (name: string) => `${gradient(name)}.accumulation.out`;

const training = () =>
  onnxFile({
    name: "training",
    inputs: [
      ...data,
      ...parameters,
      ...names.map((name) => float(buffer(name), shapes[name] as readonly number[])),
      { name: "lazy_reset_grad", dtype: "bool", dims: [1] },
    ],
    outputs: [float("loss", []), ...names.map((name): FilePort => ({ name: flag(name), dtype: "bool", dims: [1] }))],
    constants: {
      loss_grad: { dtype: "float32", shape: [], data: [1] },
      rows: { dtype: "int64", shape: [1], data: [0] },
    },
    nodes: [
      ...forward,
      loss(["loss", "log_prob"]),
      ...backward,
      ...names.map(
        (name): FileNode => ({
          op: "InPlaceAccumulatorV2",
          domain: microsoft,
          inputs: [buffer(name), gradient(name), "lazy_reset_grad"],
          outputs: [flag(name)],
        }),
      ),
    ],
  });

const evaluation = () =>
  onnxFile({ inputs: [...data, ...parameters], outputs: [float("loss", [])], nodes: [...forward, loss(["loss"])] });

const sequence = (name: string): FilePort => ({ name, dtype: "float32", sequence: true });

export type OptimizerForm = "adamw" | "adamw with clipping" | "sgd";

function optimizer(form: OptimizerForm): Uint8Array<ArrayBuffer> {
  const clips = form === "adamw with clipping";
  const gradients = clips ? "clipped" : "gradients";
  const clip: readonly FileNode[] = clips
    ? [
        {
          op: "InplaceClipGradNorm",
          domain: microsoft,
          inputs: ["gradients"],
          outputs: ["clipped"],
          attributes: { max_norm: 0.25 },
        },
      ]
    : [];
  const rate: FilePort = float("learning_rate", [1]);
  const updated: FilePort = { name: "updated_flag", dtype: "bool", dims: [1] };
  if (form === "sgd")
    return onnxFile({
      inputs: [rate, sequence("params"), sequence("gradients")],
      outputs: [updated],
      nodes: [
        {
          op: "SGDOptimizerV2",
          domain: microsoft,
          inputs: ["learning_rate", "params", "gradients"],
          outputs: ["updated_flag"],
        },
      ],
    });
  const moments = ["first_order_moments", "second_order_moments"];
  return onnxFile({
    inputs: [rate, { name: "step", dtype: "int64", dims: [1] }, ...["params", "gradients", ...moments].map(sequence)],
    outputs: [updated],
    nodes: [
      ...clip,
      {
        op: "AdamWOptimizer",
        domain: microsoft,
        inputs: ["learning_rate", "step", "params", gradients, ...moments],
        outputs: ["updated_flag"],
        attributes: { adam_mode: 0, weight_decay: 0.01, epsilon: 1e-8 },
      },
    ],
  });
}

function checkpoint(): Uint8Array<ArrayBuffer> {
  const random = createRandom(9);
  const trainable = names.map((name) => {
    const shape = shapes[name] as readonly number[];
    const values = Float32Array.from({ length: sizeOf(shape) }, () => 0.6 * random.normal());
    return { name, type: 1, shape, bytes: new Uint8Array(values.buffer) };
  });
  const empty = { frozen: [], nominal: false, groups: [], ints: new Map(), floats: new Map(), strings: new Map() };
  return writeOrtCheckpoint({ ...empty, trainable }).checkpoint;
}

/** The files of the set by name. */
export const officialSet = (form: OptimizerForm = "adamw"): ReadonlyMap<string, Uint8Array<ArrayBuffer>> =>
  new Map([
    ["training_model.onnx", training()],
    ["eval_model.onnx", evaluation()],
    ["optimizer_model.onnx", optimizer(form)],
    ["checkpoint", checkpoint()],
  ]);

/** A batch of seeded numbers; about every sixth label is ignored. */
export function officialBatch(seed: number, rows = 3): Readonly<Record<"input-0" | "labels", FileTensor>> {
  const random = createRandom(seed);
  const label = () => (random.below(6) === 0 ? -100 : random.below(classifier.classes));
  return {
    "input-0": {
      dtype: "float32",
      shape: [rows, classifier.inputs],
      data: Array.from({ length: rows * classifier.inputs }, () => Math.fround(random.normal())),
    },
    labels: { dtype: "int64", shape: [rows], data: Array.from({ length: rows }, label) },
  };
}

/** Twelve steps of two micro-batches, of two shapes. */
export const officialSteps = Array.from({ length: 12 }, (_, step) => [
  officialBatch(2 * step, 3 + (step % 2)),
  officialBatch(2 * step + 1, 3),
]);

/** The forms that onnxruntime-web 1.19.2 runs. */
export const optimizerForms: readonly OptimizerForm[] = ["adamw", "adamw with clipping"];
