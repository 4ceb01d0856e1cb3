/** Cases of the operators that accumulate, clip and update: they read sequences of tensors, or overwrite an input. */

import type { FileAttribute } from "./onnxFile.ts";
import { bool, f, i64, microsoft, type Operand, type OperatorCase, own, values } from "./operatorCase.ts";

/** Operators that read sequences: their tensors are collected and taken apart by nodes around them. */
function withSequences(
  op: string,
  title: string,
  {
    scalars,
    lists,
    attributes,
  }: {
    readonly scalars: readonly Operand[];
    readonly lists: readonly (readonly Operand[])[];
    readonly attributes: Readonly<Record<string, FileAttribute>>;
  },
  results: { readonly flag: boolean; readonly lists: number },
): OperatorCase {
  const tensors = [
    ...scalars.map(({ tensor }, i) => ({ name: `s${i}`, tensor })),
    ...lists.flatMap((members, k) => members.map(({ tensor }, i) => ({ name: `list${k}.${i}`, tensor }))),
  ];
  const count = lists[0]?.length ?? 0;
  const sequences = Array.from({ length: results.lists }, (_, k) => `result${k}`);
  const members = sequences.flatMap((name) => Array.from({ length: count }, (_, i) => ({ name: `${name}.${i}`, i })));
  return {
    title: `${op}, ${title}`,
    op,
    feeds: Object.fromEntries(tensors.map(({ name, tensor }) => [name, tensor])),
    model: {
      inputs: tensors.map(({ name, tensor }) => ({ name, dtype: tensor.dtype, dims: tensor.shape })),
      constants: Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`at${i}`, { dtype: "int64", shape: [], data: [i] } as const]),
      ),
      outputs: members.map(({ name }) => ({ name, dtype: "float32" })),
      nodes: [
        ...lists.map((own, k) => ({
          op: "SequenceConstruct",
          inputs: own.map((_, i) => `list${k}.${i}`),
          outputs: [`list${k}`],
        })),
        {
          op,
          domain: microsoft,
          inputs: [...scalars.map((_, i) => `s${i}`), ...lists.map((_, k) => `list${k}`)],
          outputs: [...(results.flag ? ["flag"] : []), ...sequences],
          attributes,
        },
        ...members.map(({ name, i }) => ({
          op: "SequenceAt",
          inputs: [name.replace(/\.\d+$/, ""), `at${i}`],
          outputs: [name],
        })),
      ],
    },
  };
}

const tensorsOf = (low: number, high: number) => [f([2, 3], low, high), f([3], low, high)];
const adam = (title: string, attributes: Readonly<Record<string, number>>, step: number) =>
  withSequences(
    "AdamWOptimizer",
    title,
    {
      scalars: [values([1], 0.01), i64([1], step)],
      lists: [tensorsOf(-1, 1), tensorsOf(-0.1, 0.1), tensorsOf(-0.1, 0.1), tensorsOf(0, 0.01)],
      attributes,
    },
    { flag: true, lists: 3 },
  );

export const optimizers: readonly OperatorCase[] = [
  own("InPlaceAccumulatorV2", [f([2, 3]), f([2, 3]), bool([1], 0)], { title: "adds", outputs: ["bool", "float32"] }),
  own("InPlaceAccumulatorV2", [f([2, 3]), f([2, 3]), bool([1], 1)], { title: "starts", outputs: ["bool", "float32"] }),
  own("InPlaceAccumulator", [f([2, 3]), f([2, 3])]),
  withSequences(
    "InplaceClipGradNorm",
    "clips",
    { scalars: [], lists: [tensorsOf(-1, 1)], attributes: { max_norm: 0.5 } },
    { flag: false, lists: 1 },
  ),
  withSequences(
    "InplaceClipGradNorm",
    "leaves small gradients",
    { scalars: [], lists: [tensorsOf(-0.01, 0.01)], attributes: { max_norm: 0.5 } },
    { flag: false, lists: 1 },
  ),
  adam("mode 0", { adam_mode: 0, weight_decay: 0.1, epsilon: 1e-8 }, 3),
  adam("mode 1", { adam_mode: 1, weight_decay: 0.1, epsilon: 1e-6, correct_bias: 1 }, 3),
  adam("mode 1 without correction", { adam_mode: 1, weight_decay: 0, epsilon: 1e-6, correct_bias: 0 }, 1),
  withSequences(
    "SGDOptimizerV2",
    "two tensors",
    { scalars: [values([1], 0.1)], lists: [tensorsOf(-1, 1), tensorsOf(-1, 1)], attributes: {} },
    { flag: true, lists: 1 },
  ),
  own("ReduceAllL2", [f([2, 3]), f([4])]),
];
