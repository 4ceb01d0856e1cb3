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
 * logits and its softmax times its rows, which are joined as in online softmax (Milakov and Gimelshein 2018,
 * arXiv:1805.02867) and flash attention (Dao et al. 2022, arXiv:2205.14135). So loss and gradient take one pass.
 */
export function frozenHeadLoss(
  b: GraphBuilder,
  hidden: Value,
  head: Weight,
  targets: Value,
  lossWeights: Value,
  { cap, logitsLimit, differentiable }: Required<HeadOptions>,
): HeadLoss {
  const [positions] = hidden.shape as [number, number];
  const [vocabulary, width] = head.shape;
  const widened = Math.min(widenedLimit, Math.max(weightsPerChunk, (vocabulary * width) / mostChunks));
  const limit = Math.max(1, Math.floor(Math.min(logitsLimit / positions, widened / width)));
  const column = (value: Value) => b.reshape(value, [positions, 1]);

  const outputs = b.composite("frozen_head_loss", [hidden], () => {
    const { logSum, target, mean } = chunksOf(vocabulary, limit)
      .map((chunk) => chunkOf(b, hidden, head, column(targets), chunk, cap, differentiable))
      .reduce((before, chunk) => joined(b, before, chunk));
    const perToken = b.sub(logSum, target);
    const sum = b.reduceSum(b.mul(perToken, column(lossWeights)), [0]);
    return {
      outputs: [b.reshape(sum, [1]), b.reshape(perToken, [positions])],
      rule: ([g, perTokenGradient]) => {
        if (!g || perTokenGradient) throw new GraphError("the loss per token has no gradient, only the sum has one");
        if (!mean) throw new GraphError("the head's loss was built without a gradient");
        // (softmax − one-hot)·W: (N, D).
        const direction = () => b.sub(mean, softCapGradient(b, lookup(b, head, targets), target, cap));
        return [() => b.mul(b.mul(direction(), column(lossWeights)), g)];
      },
    };
  });
  const [sum, perToken] = outputs as [Value, Value];
  return { sum, perToken };
}

/** What a chunk of the vocabulary leaves, or several joined ones. */
interface ChunkSums {
  /** log Σ exp of the logits: (N, 1). */
  readonly logSum: Value;
  /** The target's logit, or 0 where the target is elsewhere: (N, 1). */
  readonly target: Value;
  /** The rows' mean by the softmax within the chunk, each times its soft cap's derivative: (N, D). */
  readonly mean: Value | null;
}

/** The sums of rows [from, to). They leave in one tensor, so that the runtime frees the logits before the next chunk. */
function chunkOf(
  b: GraphBuilder,
  hidden: Value,
  head: Weight,
  targets: Value,
  [from, to]: readonly [number, number],
  cap: number | null,
  differentiable: boolean,
): ChunkSums {
  const width = head.shape[1];
  const rows = lookup(b, head, b.range(from, to, "int32")); // (n, D)
  const logits = softCap(b, b.gemm(hidden, rows, { transB: true }), cap); // (N, n)
  const probabilities = b.softmax(logits);
  // max z − log max p: the largest probability is at least 1/n, so the logarithm never underflows.
  const logSum = b.sub(b.reduceMax(logits, [1]), b.log(b.reduceMax(probabilities, [1])));
  const own = b.sub(targets, b.scalar(from, "int32"));
  const near = b.max(b.min(own, b.scalar(to - from - 1, "int32")), b.scalar(0, "int32"));
  const target = b.where(b.equal(own, near), b.gatherElements(logits, near, 1), b.scalar(0));
  const mean = differentiable ? [b.gemm(softCapGradient(b, probabilities, logits, cap), rows)] : [];
  const all = b.concat([logSum, target, ...mean], 1);
  const part = (start: number, end: number) => b.slice(all, start, end, 1);
  return { logSum: part(0, 1), target: part(1, 2), mean: differentiable ? part(2, 2 + width) : null };
}

/** The sums of two parts of the vocabulary as those of both. */
function joined(b: GraphBuilder, one: ChunkSums, other: ChunkSums): ChunkSums {
  const both = b.concat([one.logSum, other.logSum], 1); // (N, 2)
  const shares = b.softmax(both);
  const times = (mean: Value, at: number) => b.mul(mean, b.slice(shares, at, at + 1, 1));
  return {
    logSum: b.sub(b.reduceMax(both, [1]), b.log(b.reduceMax(shares, [1]))),
    target: b.add(one.target, other.target),
    mean: one.mean && other.mean && b.add(times(one.mean, 0), times(other.mean, 1)),
  };
}
