/** The loss of a frozen language-model head that is stored in 16 bits or less, in chunks of the vocabulary. */

import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import type { HeadLoss, HeadOptions } from "./crossEntropy.ts";
import { softCap, softCapGradient } from "./softCap.ts";
import { chunksOf, lookup, type Weight, widenedLimit } from "./weight.ts";

/** Weights that are widened at once: 16 MiB of float32, up to `widenedLimit` where that would make more than 16 chunks. */
const weightsPerChunk = 2 ** 22;
const mostChunks = 16;

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
  const widened = Math.min(widenedLimit, Math.max(weightsPerChunk, (vocabulary * width) / mostChunks));
  const limit = Math.max(1, Math.floor(Math.min(logitsLimit / positions, widened / width)));
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
    // A chunk's two results leave in one tensor: its logits are then free before the next chunk.
    const parts = chunks.map((chunk) => {
      const { logits } = logitsOf(chunk, "int32");
      const { near, hit } = targetsIn(chunk);
      const target = b.where(hit, b.gatherElements(logits, near, 1), b.scalar(0));
      return b.concat([logSumExp(b, logits), target], 1);
    });
    const joined = b.concat(parts, 1); // (N, 2C)
    const columns = (first: number) => {
      const indices = Int32Array.from(chunks, (_, i) => 2 * i + first);
      return b.gather(joined, b.constant("int32", [chunks.length], indices), 1);
    };
    const logSum = logSumExp(b, columns(0));
    const perToken = b.sub(logSum, b.reduceSum(columns(1), [1]));
    const sum = b.reduceSum(b.mul(perToken, column(lossWeights)), [0]);
    /**
     * (softmax − one-hot)·W, summed over the chunks. All products follow all chunks in the file: ONNX Runtime computes the
     * operands of a node from the last to the first, so a chunk's come after the sum of those before it.
     */
    const direction = () => {
      const terms = chunks.map((chunk) => {
        const { rows, logits } = logitsOf(chunk, "int64");
        const { near, hit } = targetsIn(chunk);
        const oneHot = b.where(hit, b.scalar(-1), b.scalar(0));
        const delta = b.scatterElementsAdd(b.exp(b.sub(logits, logSum)), near, oneHot, 1);
        return { rows, delta: softCapGradient(b, delta, logits, cap) };
      });
      return terms.reduce<Value | undefined>(
        (sum, { delta, rows }) => b.gemm(delta, rows, { ...(sum && { c: sum }) }),
        undefined,
      ) as Value;
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
