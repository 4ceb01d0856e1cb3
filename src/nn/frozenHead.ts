/** The loss of a frozen language-model head that is stored in 16 bits or less, in chunks of the vocabulary. */

import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import type { HeadLoss, HeadOptions } from "./crossEntropy.ts";
import { softCap, softCapGradient } from "./softCap.ts";
import { chunksOf, lookup, type Weight } from "./weight.ts";

/** The largest number of weights that are widened at once: 32 MiB of float32. */
const weightsPerChunk = 2 ** 23;

/**
 * As `linearCrossEntropy` (crossEntropy.ts), for a head [V, D] without a gradient. A chunk of rows is widened to float32 alone
 * and its logits live alone, so neither the head nor all logits ever exist in float32. Each chunk leaves log Σ exp of its
 * logits; their log Σ exp is that of the vocabulary (the online softmax of Milakov and Gimelshein 2018, arXiv:1805.02867).
 * The backward pass computes the logits again.
 */
export function frozenHeadLoss(
  b: GraphBuilder,
  hidden: Value,
  head: Weight,
  targets: Value,
  lossWeights: Value,
  { cap, logitsLimit }: Required<HeadOptions>,
): HeadLoss {
  const [positions] = hidden.shape as [number, number];
  const [vocabulary, width] = head.shape;
  const limit = Math.max(1, Math.floor(Math.min(logitsLimit / positions, weightsPerChunk / width)));
  const chunks = chunksOf(vocabulary, limit);
  const column = (value: Value) => b.reshape(value, [positions, 1]);

  /** A chunk's rows and logits. Indices of two types keep ONNX Runtime from merging the passes. */
  const logitsOf = ([from, to]: readonly [number, number], pass: "int32" | "int64") => {
    const rows = lookup(b, head, b.range(from, to, pass)); // (n, D)
    return { rows, logits: softCap(b, b.gemm(hidden, rows, { transB: true }), cap) }; // (N, n)
  };
  /** The targets counted from a chunk's first row, in its range, and whether they were in it: (N, 1). */
  const targetsIn = ([from, to]: readonly [number, number]) => {
    const own = b.sub(column(targets), b.scalar(from, "int32"));
    const near = b.max(b.min(own, b.scalar(to - from - 1, "int32")), b.scalar(0, "int32"));
    return { near, hit: b.equal(own, near) };
  };

  const outputs = b.composite("frozen_head_loss", [hidden], () => {
    const parts = chunks.map((chunk) => {
      const { logits } = logitsOf(chunk, "int32");
      const { near, hit } = targetsIn(chunk);
      return { logSum: logSumExp(b, logits), target: b.where(hit, b.gatherElements(logits, near, 1), b.scalar(0)) };
    });
    const joined = (name: "logSum" | "target") =>
      b.concat(
        parts.map((part) => part[name]),
        1,
      );
    const logSum = logSumExp(b, joined("logSum"));
    const perToken = b.sub(logSum, b.reduceSum(joined("target"), [1]));
    const sum = b.reduceSum(b.mul(perToken, column(lossWeights)), [0]);
    /** (softmax − one-hot)·W, summed over the chunks. */
    const direction = () => {
      let total: Value | undefined;
      for (const chunk of chunks) {
        const { rows, logits } = logitsOf(chunk, "int64");
        const { near, hit } = targetsIn(chunk);
        const oneHot = b.where(hit, b.scalar(-1), b.scalar(0));
        const delta = b.scatterElementsAdd(b.exp(b.sub(logits, logSum)), near, oneHot, 1);
        total = b.gemm(softCapGradient(b, delta, logits, cap), rows, total && { c: total });
      }
      return total as Value;
    };
    return {
      outputs: [b.reshape(sum, [1]), b.reshape(perToken, [positions])],
      rule: ([g, perTokenGradient]) => {
        if (!g || perTokenGradient) throw new GraphError("the loss per token has no gradient, only the sum has one");
        return [() => b.mul(b.mul(direction(), column(lossWeights)), g)];
      },
    };
  });
  const [sum, perToken] = outputs as [Value, Value];
  return { sum, perToken };
}

/** log Σ exp z over axis 1 = max z − log max softmax(z); the largest probability is at least 1/n, so it never underflows. */
const logSumExp = (b: GraphBuilder, z: Value): Value =>
  b.sub(b.reduceMax(z, [1]), b.log(b.reduceMax(b.softmax(z), [1])));
