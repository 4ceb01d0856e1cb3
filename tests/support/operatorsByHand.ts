/** Cases of operators that onnxruntime-web 1.19.2 does not run, with outputs computed here in float64. */

import { bool, f, fixed, i64, list, microsoft, type OperatorCase, one, values } from "./operatorCase.ts";

export interface CaseByHand extends OperatorCase {
  readonly expected: Readonly<Record<string, readonly number[]>>;
}

type Inputs = readonly (readonly number[])[];

function byHand(own: OperatorCase, expected: (...inputs: Inputs) => readonly (readonly number[])[]): CaseByHand {
  const { inputs } = own.model.nodes[0] as (typeof own.model.nodes)[number];
  const tensors = { ...own.model.constants, ...own.feeds };
  const results = expected(...inputs.map((name) => tensors[name]?.data ?? []));
  return { ...own, expected: Object.fromEntries(results.map((data, i) => [`y${i}`, data])) };
}

const aten = (operator: string) => ({ domain: "org.pytorch.aten", attributes: { operator } });
const number = (value: number) => fixed(i64([], value));

/** Rows of `dy` added at `places` of `rows` rows. */
function scattered(rows: number, places: readonly number[], dy: readonly number[]): number[] {
  const width = dy.length / places.length;
  const sum = new Array<number>(rows * width).fill(0);
  dy.forEach((value, i) => {
    const at = (places[Math.floor(i / width)] as number) * width + (i % width);
    sum[at] = (sum[at] as number) + value;
  });
  return sum;
}

export const operatorsByHand: readonly CaseByHand[] = [
  byHand(
    one("Where", [bool([4], 1, 0, 1, 0), bool([4], 1, 1, 0, 0), bool([1], 1)], {
      title: "of bools",
      outputs: ["bool"],
    }),
    () => [[1, 1, 0, 1]],
  ),
  byHand(one("SinGrad", [f([8]), f([8], -3, 3)]), (dy = [], x = []) => [
    dy.map((value, i) => value * Math.cos(x[i] as number)),
  ]),
  byHand(
    one(
      "NegativeLogLikelihoodLossInternal",
      [values([3, 2], -1, -2, -3, -0.5, -0.25, -4), i64([3], 1, -100, 0), null, number(-100)],
      { domain: microsoft, attributes: { reduction: "mean" } },
    ),
    () => [[(2 + 0.25) / 2]],
  ),
  byHand(
    one("PassThrough", [f([3, 4]), f([2])], { domain: microsoft, outputs: ["float32", "float32"] }),
    (x = [], y = []) => [x, y],
  ),
  byHand(one("View", [f([3, 4]), list(2, 6)], { domain: microsoft }), (x = []) => [x]),
  byHand(
    one("GatherNDGrad", [list(2, 3, 4), i64([2, 1], 2, 0), f([2, 4])], {
      domain: microsoft,
      attributes: { batch_dims: 1 },
    }),
    (_shape, _indices, dy = []) => [scattered(6, [2, 3], dy)],
  ),
  byHand(
    one("GatherNDGrad", [list(3, 4), i64([3, 2], 2, 1, 0, 3, 2, 1), f([3])], {
      title: "a repeated place",
      domain: microsoft,
    }),
    (_shape, _indices, dy = []) => [scattered(12, [9, 3, 9], dy)],
  ),
  byHand(one("RMSNormalization", [f([2, 4]), f([4])], { opset: 23 }), (x = [], scale = []) => {
    const root = (row: number) =>
      Math.sqrt(x.slice(4 * row, 4 * row + 4).reduce((sum, value) => sum + value * value, 0) / 4 + 1e-5);
    return [x.map((value, i) => (value / root(Math.floor(i / 4))) * (scale[i % 4] as number))];
  }),
  byHand(
    one("ATen", [f([4, 2]), i64([3], 3, 0, 3), number(0), fixed(bool([], 0)), fixed(bool([], 0))], {
      title: "embedding",
      ...aten("embedding"),
    }),
    (weight = []) => [[3, 0, 3].flatMap((row) => weight.slice(2 * row, 2 * row + 2))],
  ),
  byHand(
    one("ATen", [f([3, 2]), i64([3], 3, 1, 3), number(4), number(1), fixed(bool([], 0))], {
      title: "embedding's gradient, without the padding row",
      ...aten("embedding_dense_backward"),
    }),
    (dy = []) => [scattered(4, [3, 1, 3], dy).map((value, i) => (Math.floor(i / 2) === 1 ? 0 : value))],
  ),
];
