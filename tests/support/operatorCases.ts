/** One case or more for every foreign operator that is lowered; onnxruntime-web 1.19.2 computed the golden outputs. */

import type { FileDType } from "./onnxFile.ts";
import { bool, f, fixed, i64, list, type OperatorCase, one, own, scalar, values } from "./operatorCase.ts";
import { optimizers } from "./optimizerCases.ts";

const grid = () => f([3, 4]);
const positive = () => f([3, 4], 0.2, 3);

const elementwise: readonly OperatorCase[] = [
  one("Add", [f([2, 1, 3]), f([4, 1])], { title: "broadcast both ways" }),
  one("Add", [i64([3], 1, -2, 3), i64([1], 5)], { title: "integers", outputs: ["int64"] }),
  one("Sub", [f([]), grid()]),
  one("Mul", [grid(), f([4])]),
  one("Div", [grid(), f([3, 1], 0.5, 2)]),
  one("Div", [i64([4], 7, -7, 9, -9), i64([4], 2, 2, -4, -4)], { title: "integers", outputs: ["int64"] }),
  one("Pow", [positive(), f([4], -2, 2)]),
  ...[0.5, 1, 2, 3, -1, 1.7].map((exponent) =>
    one("Pow", [positive(), fixed(values([], exponent))], { title: `to the power ${exponent}` }),
  ),
  one("Mod", [i64([4], 7, -7, 7, -7), i64([4], 3, 3, -3, -3)], { outputs: ["int64"] }),
  one("Mod", [f([6], -5, 5), f([6], 1, 2)], { title: "fmod", attributes: { fmod: 1 } }),
  one("Sum", [grid(), f([4]), f([3, 1])]),
  one("Min", [grid(), f([4])]),
  one("Max", [grid(), f([4]), f([3, 1])]),
  one("Mean", [grid(), f([4]), f([3, 1])]),
  one("Neg", [grid()]),
  one("Neg", [i64([3], 1, 0, -4)], { title: "integers", outputs: ["int64"] }),
  one("Abs", [grid()]),
  one("Floor", [f([8], -3, 3)]),
  one("Ceil", [f([8], -3, 3)]),
  one("Round", [values([10], -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, 2.51, -0.7, 3)]),
  one("Sign", [values([5], -2, -0.5, 0, 0.5, 7)]),
  one("Exp", [f([8], -3, 3)]),
  one("Log", [positive()]),
  one("Sqrt", [positive()]),
  one("Reciprocal", [positive()]),
  one("Erf", [f([12], -3, 3)]),
  one("Sin", [f([8], -3, 3)]),
  one("Cos", [f([8], -3, 3)]),
  one("Clip", [f([8], -3, 3), fixed(values([], -1)), fixed(values([], 2))]),
  one("Clip", [f([8], -3, 3)], { title: "of version 6", opset: 6, attributes: { min: -0.5, max: 0.5 } }),
  one("Equal", [i64([4], 1, 2, 3, 2), i64([1], 2)], { outputs: ["bool"] }),
  one("Less", [grid(), f([4])], { outputs: ["bool"] }),
  one("Greater", [grid(), f([4])], { outputs: ["bool"] }),
  one("LessOrEqual", [i64([4], 1, 2, 3, 2), i64([1], 2)], { outputs: ["bool"] }),
  one("GreaterOrEqual", [grid(), f([4])], { outputs: ["bool"] }),
  one("Not", [bool([4], 1, 0, 0, 1)], { outputs: ["bool"] }),
  ...["And", "Or", "Xor"].map((op) => one(op, [bool([4], 1, 0, 0, 1), bool([4], 1, 1, 0, 0)], { outputs: ["bool"] })),
  one("IsNaN", [grid()], { outputs: ["bool"] }),
  one("Where", [bool([3, 1], 1, 0, 1), grid(), f([4])]),
  one("Cast", [f([8], -3, 3)], { title: "to int64", attributes: { to: 7 }, outputs: ["int64"] }),
  one("Cast", [bool([3], 1, 0, 1)], { title: "from bool", attributes: { to: 1 } }),
  one("Cast", [i64([3], 2, 0, -1)], { title: "to bool", attributes: { to: 9 }, outputs: ["bool"] }),
  one("Dropout", [grid(), fixed(values([], 0.3)), fixed(bool([], 0))], {
    title: "switched off",
    outputs: ["float32", "bool"],
  }),
  own("DropoutGrad", [f([4]), bool([4], 1, 0, 1, 0), fixed(values([], 0.2)), fixed(bool([], 1))]),
  own("DivGrad", [f([3, 4]), f([4]), f([3, 1], 0.5, 2)], { title: "broadcast", outputs: ["float32", "float32"] }),
  own("Scale", [grid(), values([], 3)], { title: "up" }),
  own("Scale", [grid(), scalar(4)], { title: "down", attributes: { scale_down: 1 } }),
  own("ZeroGradient", [grid(), f([3, 4])]),
];

const activations: readonly OperatorCase[] = [
  one("Relu", [grid()]),
  one("LeakyRelu", [grid()], { attributes: { alpha: 0.2 } }),
  one("Elu", [grid()], { attributes: { alpha: 0.7 } }),
  one("Softplus", [f([8], -3, 3)]),
  one("Sigmoid", [f([8], -4, 4)]),
  one("Tanh", [f([8], -3, 3)]),
  own("Gelu", [f([8], -3, 3)]),
  own("BiasGelu", [f([3, 4], -3, 3), f([4])]),
  own("FastGelu", [f([3, 4], -3, 3), f([4])]),
  own("FastGelu", [f([3, 4], -3, 3)], { title: "without bias" }),
  own("QuickGelu", [f([8], -3, 3)], { attributes: { alpha: 1.3 } }),
  one("Softmax", [f([2, 3, 4])]),
  one("Softmax", [f([2, 3, 4])], { title: "over axis 1", attributes: { axis: 1 } }),
  one("Softmax", [f([2, 3, 4])], { title: "of version 11", opset: 11, attributes: { axis: 1 } }),
  one("LogSoftmax", [f([2, 3, 4])]),
  one("LogSoftmax", [f([2, 3, 4])], { title: "of version 11", opset: 11, attributes: { axis: 1 } }),
  ...["ReluGrad", "SigmoidGrad", "TanhGrad"].map((op) => own(op, [grid(), f([3, 4], 0.1, 0.9)])),
  own("LeakyReluGrad", [grid(), grid()], { attributes: { alpha: 0.2 } }),
  own("GeluGrad", [grid(), f([3, 4], -3, 3)]),
  own("FastGeluGrad", [grid(), f([3, 4], -3, 3)]),
  own("QuickGeluGrad", [grid(), f([3, 4], -3, 3)]),
  own("BiasGeluGrad_dX", [grid(), f([3, 4], -3, 3), f([4])]),
  own("BiasFastGeluGrad_dX", [grid(), f([3, 4], -3, 3), f([4])]),
  own("SoftmaxGrad", [f([2, 3, 4]), f([2, 3, 4], 0, 0.3)], { attributes: { axis: 1 } }),
  own("SoftmaxGrad_13", [f([2, 3, 4]), f([2, 3, 4], 0, 0.3)], { title: "over axis 1", attributes: { axis: 1 } }),
  own("LogSoftmaxGrad", [f([2, 3, 4]), f([2, 3, 4], -3, 0)], { attributes: { axis: 1 } }),
  own("LogSoftmaxGrad_13", [f([2, 3, 4]), f([2, 3, 4], -3, 0)], { attributes: { axis: -1 } }),
];

const products: readonly OperatorCase[] = [
  one("MatMul", [f([2, 3, 4]), f([4, 2])], { title: "batched" }),
  one("MatMul", [f([4]), f([4, 2])], { title: "a vector on the left" }),
  one("MatMul", [f([2, 3, 4]), f([4])], { title: "a vector on the right" }),
  own("FusedMatMul", [f([2, 4, 3]), f([2, 5, 4])], {
    title: "transposed",
    attributes: { transA: 1, transB: 1, alpha: 0.3 },
  }),
  own("FusedMatMul", [f([3, 2, 4]), f([2, 4, 5])], { title: "the batch of A inside", attributes: { transBatchA: 1 } }),
  own("FusedMatMul", [f([2, 3, 4]), f([5, 2, 4])], {
    title: "the batch of B inside, transposed",
    attributes: { transBatchB: 1, transB: 1 },
  }),
  one("Gemm", [f([4, 3]), f([2, 4]), f([2])], { attributes: { transA: 1, transB: 1, alpha: 0.7, beta: 1.3 } }),
  one("Gemm", [f([3, 4]), f([4, 2])], { title: "without C" }),
];

const norms: readonly OperatorCase[] = [
  one("LayerNormalization", [f([2, 3, 4]), f([4]), f([4])], { title: "with statistics", outputs: three() }),
  one("LayerNormalization", [f([2, 3, 4]), f([3, 4]), f([3, 4])], { title: "two axes", attributes: { axis: 1 } }),
  one("LayerNormalization", [f([2, 3, 4]), f([4]), f([4])]),
  one("SimplifiedLayerNormalization", [f([2, 3, 4]), f([4])], { outputs: ["float32", "float32"] }),
  own("LayerNormalizationGrad", [f([2, 3, 4]), f([2, 3, 4]), f([4]), f([2, 3, 1]), f([2, 3, 1], 0.5, 2)], {
    attributes: { axis: -1 },
    outputs: three(),
  }),
  own("SimplifiedLayerNormalizationGrad", [f([2, 3, 4]), f([2, 3, 4]), f([4]), f([2, 3, 1], 0.5, 2)], {
    attributes: { axis: -1 },
    outputs: ["float32", "float32"],
  }),
  own(
    "InvertibleLayerNormalizationGrad",
    [f([2, 3, 4]), f([2, 3, 4]), f([4], 0.5, 1.5), f([4]), f([2, 3, 1], 0.5, 2)],
    { attributes: { axis: -1 }, outputs: three() },
  ),
];

function three(): readonly FileDType[] {
  return ["float32", "float32", "float32"];
}

const labels = () => i64([4], 2, 0, -100, 1);
const ignoring = { ignore_index: -100 };
const lossOutputs = ["float32", "float32"] as const;
const reductionsOfLoss = ["mean", "sum", "none"] as const;
const losses: readonly OperatorCase[] = [
  ...reductionsOfLoss.flatMap((reduction) => {
    const attributes = { reduction, ...ignoring };
    const title = `${reduction}, weights`;
    return [
      one("SoftmaxCrossEntropyLoss", [f([4, 3]), labels(), f([3], 0.2, 2)], {
        title,
        attributes,
        outputs: lossOutputs,
      }),
      own("SoftmaxCrossEntropyLossInternal", [f([4, 3]), labels(), f([3], 0.2, 2), fixed(i64([], -100))], {
        title,
        attributes: { reduction },
        outputs: lossOutputs,
      }),
      own(
        "SoftmaxCrossEntropyLossGrad",
        [reduction === "none" ? f([4]) : f([]), f([4, 3], -3, 0), labels(), f([3], 0.2, 2)],
        { title, attributes },
      ),
      own(
        "SoftmaxCrossEntropyLossInternalGrad",
        [reduction === "none" ? f([4]) : f([]), f([4, 3], -3, 0), labels(), f([3], 0.2, 2), fixed(i64([], -100))],
        { title, attributes: { reduction } },
      ),
    ];
  }),
  one("SoftmaxCrossEntropyLoss", [f([2, 3, 2]), i64([2, 2], 2, 0, 1, 1)], { title: "[N, C, d]", outputs: lossOutputs }),
  one("SoftmaxCrossEntropyLoss", [f([3, 4], 20, 40), i64([3], 2, 0, 1)], { title: "large scores" }),
  one("NegativeLogLikelihoodLoss", [f([4, 3], -3, 0), labels(), f([3], 0.2, 2)], { attributes: ignoring }),
];

const cube = () => f([2, 3, 4]);
const reductions: readonly OperatorCase[] = [
  one("ReduceSum", [cube(), list(0, -1)], { attributes: { keepdims: 0 } }),
  one("ReduceSum", [cube()], { title: "everything, of version 11", opset: 11, attributes: { keepdims: 0 } }),
  one("ReduceSum", [cube(), list()], { title: "no axes", attributes: { noop_with_empty_axes: 1 } }),
  own("ReduceSumTraining", [cube(), list(0, -1)], { attributes: { keepdims: 1 } }),
  ...["ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp"].map((op) =>
    one(op, [cube()], { attributes: { axes: [1], keepdims: 0 } }),
  ),
  one("ReduceLogSum", [f([2, 3, 4], 0.2, 2)], { attributes: { axes: [1, 2] } }),
  one("ReduceProd", [fixed(cube())], { attributes: { axes: [1] } }),
  one("ArgMax", [cube()], { attributes: { axis: 1, keepdims: 0 }, outputs: ["int64"] }),
  one("ArgMax", [values([2, 3], 1, 3, 3, 2, 2, 1)], {
    title: "the last of equals",
    attributes: { axis: 1, select_last_index: 1 },
    outputs: ["int64"],
  }),
  one("ArgMin", [values([2, 3], 1, 3, 1, 2, 2, 1)], { attributes: { axis: 1 }, outputs: ["int64"] }),
  one("CumSum", [cube(), scalar(1)]),
  one("CumSum", [cube(), scalar(-1)], {
    title: "backwards, without its own",
    attributes: { exclusive: 1, reverse: 1 },
  }),
];

const shaping: readonly OperatorCase[] = [
  one("Identity", [grid()]),
  one("Reshape", [cube(), list(0, -1)]),
  one("Flatten", [cube()], { attributes: { axis: 2 } }),
  one("Squeeze", [f([1, 3, 1]), list(-1)]),
  one("Squeeze", [f([1, 3, 1])], { title: "every axis" }),
  one("Unsqueeze", [grid(), list(0, -1)]),
  one("Transpose", [cube()], { attributes: { perm: [1, 2, 0] } }),
  one("Transpose", [cube()], { title: "reversed" }),
  one("Expand", [f([3, 1]), list(2, 1, 4)]),
  one("ConstantOfShape", [list(2, 3)], { attributes: { value: { dtype: "float32", shape: [1], data: [1.5] } } }),
  one("Tile", [f([2, 3]), list(2, 1)]),
  one("Concat", [f([2, 1]), f([2, 3]), f([2, 2])], { attributes: { axis: 1 } }),
  one("Concat", [bool([2], 1, 0), bool([1], 1)], { title: "bools", attributes: { axis: 0 }, outputs: ["bool"] }),
  own("ConcatTraining", [f([2, 1]), f([2, 3])], { attributes: { axis: 1 }, outputs: ["float32", "int64"] }),
  one("Split", [f([2, 7]), list(3, 2, 2)], { attributes: { axis: 1 }, outputs: three() }),
  one("Split", [f([2, 6])], { title: "equal pieces", attributes: { axis: 1 }, outputs: three() }),
  own("SplitTraining", [f([2, 5]), list(3, 2)], { attributes: { axis: 1 }, outputs: ["float32", "float32"] }),
  one("Slice", [f([4, 5]), list(1, -1), list(3, -6), list(0, 1), list(1, -2)]),
  one("Slice", [f([4, 5])], { title: "of version 9", opset: 9, attributes: { starts: [1], ends: [9], axes: [1] } }),
  own("SliceGrad", [f([2, 2]), list(4, 5), list(1, 0), list(3, 4), list(0, 1), list(1, 2)]),
  one("Pad", [f([2, 3]), list(1, 0, 0, 2), fixed(values([], 0.5))]),
  one("Trilu", [f([3, 4]), scalar(1)]),
  one("Trilu", [f([3, 4])], { title: "lower", attributes: { upper: 0 } }),
  one("Shape", [cube()], { outputs: ["int64"] }),
  one("Size", [cube()], { outputs: ["int64"] }),
  one("Constant", [], { attributes: { value: { dtype: "float32", shape: [2], data: [1, 2] } } }),
  one("Range", [scalar(2), scalar(9), scalar(3)], { outputs: ["int64"] }),
  one("NonZero", [fixed(values([2, 2], 1, 0, 3, 4))], { outputs: ["int64"] }),
  own("BroadcastGradientArgs", [list(4, 1, 3), list(2, 1)], { outputs: ["int64", "int64"] }),
];

const indexing: readonly OperatorCase[] = [
  one("Gather", [f([4, 3]), i64([2, 2], 1, 3, 0, 1)], { title: "rows" }),
  one("Gather", [f([4, 3]), i64([2], -1, 0)], { title: "columns from the end", attributes: { axis: 1 } }),
  own("GatherGrad", [list(2, 4, 3), i64([2, 2], 1, 3, 1, 1), f([2, 2, 2, 3])], { attributes: { axis: 1 } }),
  one("GatherElements", [f([3, 4]), i64([3, 2], 1, 3, 0, -1, 2, 2)], { attributes: { axis: 1 } }),
  own("GatherElementsGrad", [f([3, 2]), list(3, 4), i64([3, 2], 1, 1, 0, 3, 2, 2)], { attributes: { axis: 1 } }),
  one("GatherND", [f([2, 3, 4]), i64([2, 2], 1, 2, 0, 1)]),
  one("GatherND", [f([2, 3, 4]), i64([2, 1], 2, 0)], { title: "by batch", attributes: { batch_dims: 1 } }),
  one("ScatterND", [f([4, 2]), i64([2, 1], 3, 0), f([2, 2])]),
  one("ScatterND", [f([4, 2]), i64([3, 1], 3, 0, 3), f([3, 2])], { title: "added", attributes: { reduction: "add" } }),
  one("ScatterElements", [f([3, 4]), i64([3, 1], 2, 0, 3), f([3, 1])], { attributes: { axis: 1 } }),
  one("OneHot", [i64([3], 1, 0, -1), scalar(4), fixed(values([2], 0.1, 0.9))], { attributes: { axis: -1 } }),
];

export const operatorCases: readonly OperatorCase[] = [
  ...elementwise,
  ...activations,
  ...products,
  ...norms,
  ...losses,
  ...reductions,
  ...shaping,
  ...indexing,
  ...optimizers,
];
