/** Rows of the gradcheck for weights in 16, 8 and 4 bits: products, lookups, and the loss of a frozen head. */

import { linearCrossEntropy } from "../../src/nn/crossEntropy.ts";
import type { Precision } from "../../src/nn/precision.ts";
import { Scope } from "../../src/nn/scope.ts";
import { lookup, product, type Weight } from "../../src/nn/weight.ts";
import type { GraphBuilder } from "../../src/onnx/builder.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { encode, partsOf, weightStorages } from "../../src/tensor/storage.ts";
import type { GradcheckRow } from "./gradcheck.ts";

/** Numbers of a parameter's parts as the device has them; float16 as values. */
export function partsOfWeight(precision: Precision, name: string, rows: number, columns: number, seed = 5) {
  const random = createRandom(seed);
  const storage = precision.weights;
  // Multiples of 1/64 below 8 are float16 values, so float16 stores them exactly.
  const values = Float32Array.from({ length: rows * columns }, () => Math.round(random.normal() * 32) / 64);
  const data = storage === "float16" ? [values] : encode(storage, values, columns);
  return Object.fromEntries(
    partsOf(storage, [rows, columns]).map(({ suffix }, i) => [name + suffix, Array.from(data[i] ?? [])]),
  );
}

const precisions = weightStorages.flatMap((weights) =>
  (["float32", "float16"] as const).map((compute): Precision => ({ weights, embedding: weights, compute })),
);
const label = ({ weights, compute }: Precision) => `${weights}, compute ${compute}`;
const weightOf = (b: GraphBuilder, precision: Precision, rows: number, columns: number): Weight =>
  Scope.root(b, null, precision).in("w").table([rows, columns]);

const head = (precision: Precision, cap: number | null, logitsLimit: number): GradcheckRow => ({
  ops: [],
  name: `head's loss, ${label(precision)}${cap === null ? "" : ", soft cap"}, at most ${logitsLimit} logits`,
  perturbed: 12,
  given: {
    ...(precision.weights === "float32" ? {} : partsOfWeight(precision, "w.weight", 7, 64)),
    targets: [2, 0, 6, 3],
    weights: [1, 0.5, 0, 2],
  },
  build: (b) =>
    linearCrossEntropy(
      b,
      b.input("hidden", "float32", [4, 64]),
      weightOf(b, precision, 7, 64),
      b.input("targets", "int32", [4]),
      b.input("weights", "float32", [4]),
      { cap, logitsLimit },
    ).sum,
});

export const weightRows: readonly GradcheckRow[] = precisions.flatMap((precision): GradcheckRow[] => {
  const isTrained = precision.weights === "float32";
  const given = isTrained ? {} : partsOfWeight(precision, "w.weight", 5, 64);
  return [
    {
      ops: [],
      name: `product with bias, used twice, ${label(precision)}`,
      perturbed: 12,
      given,
      build: (b) => {
        const [x, weight] = [b.input("x", "float32", [3, 64]), weightOf(b, precision, 5, 64)];
        return b.mul(product(b, x, weight, b.input("c", "float32", [5])), product(b, x, weight));
      },
    },
    {
      ops: [],
      name: `a looked-up factor, ${label(precision)}`,
      perturbed: 12,
      given,
      build: (b) => {
        const ids = b.constant("int32", [3], Int32Array.of(4, 0, 4));
        return b.mul(b.input("x", "float32", [3, 64]), lookup(b, weightOf(b, precision, 5, 64), ids));
      },
    },
    head(precision, null, 2 ** 22),
    ...(precision.compute === "float32" ? [head(precision, 0.8, 12), head(precision, null, 1)] : []),
  ];
});
