/** The language-model head and its loss: one composite with its own gradient rule, computed in chunks of positions. */

import { adding } from "../autodiff/rules.ts";
import type { GraphBuilder } from "../onnx/builder.ts";
import { GraphError, type Value } from "../onnx/graph.ts";
import { frozenHeadLoss } from "./frozenHead.ts";
import { softCap, softCapGradient } from "./softCap.ts";
import type { Weight } from "./weight.ts";

/** The largest number of logits in a chunk: 16 MiB of float32. */
const logitsPerChunk = 2 ** 22;

export interface HeadLoss {
  /** float32 [1]: Σ w·CE. */
  readonly sum: Value;
  /** float32 [N]: CE of each position, without its weight. */
  readonly perToken: Value;
}

export interface HeadOptions {
  /** Soft cap of the logits; null, the default, is none. */
  readonly cap?: number | null;
  /** Most logits in a chunk. */
  readonly logitsLimit?: number;
  /** Whether the sum's gradient may follow, true by default: a frozen head computes it beside the loss. */
  readonly differentiable?: boolean;
}

/**
 * Σ w·CE of logits hidden·weightᵀ against targets, hidden (N, D), weight (V, D), targets int32 [N], lossWeights [N]. A head in
 * 16 bits or less is frozen; see `frozenHeadLoss`.
 *
 * The loss gradient by the logits is w·(softmax − one-hot), times a scalar from above. So each chunk computes its gradients
 * of hidden and weight alone, and the runtime can free its logits before the next chunk. This follows Liger Kernel's fused
 * linear cross-entropy (Hsu et al. 2024, arXiv:2410.10989). The loss weights scale rows of width D, never the logits.
 */
export function linearCrossEntropy(
  b: GraphBuilder,
  hidden: Value,
  head: Weight,
  targets: Value,
  lossWeights: Value,
  { cap = null, logitsLimit = logitsPerChunk, differentiable = true }: HeadOptions = {},
): HeadLoss {
  if (head.storage !== "float32")
    return frozenHeadLoss(b, hidden, head, targets, lossWeights, { cap, logitsLimit, differentiable });
  const weight = head.data;
  const [positions] = hidden.shape as [number, number];
  const chunk = Math.min(positions, Math.max(1, Math.floor(logitsLimit / (weight.shape[0] as number))));
  const outputs = b.composite("linear_cross_entropy", [hidden, weight], () => {
    const parts = Array.from({ length: Math.ceil(positions / chunk) }, (_, part) => {
      const from = part * chunk;
      const range = { from, count: Math.min(chunk, positions - from) };
      return chunkLoss(b, hidden, weight, targets, lossWeights, range, cap);
    });
    const joined = (name: "weighted" | "perToken") =>
      b.concat(
        parts.map((part) => part[name]),
        0,
      );
    const outputs = [b.reshape(b.reduceSum(joined("weighted"), [0]), [1]), b.reshape(joined("perToken"), [positions])];
    return {
      outputs,
      rule: ([g, perTokenGradient]) => {
        if (!g || perTokenGradient) throw new GraphError("the loss per token has no gradient, only the sum has one");
        return [
          () =>
            b.mul(
              b.concat(
                parts.map((part) => part.hiddenGradient()),
                0,
              ),
              g,
            ),
          adding((before) => parts.reduce((sum, part) => part.weightGradient(g, sum), before) as Value),
        ];
      },
    };
  });
  const [sum, perToken] = outputs as [Value, Value];
  return { sum, perToken };
}

/** CE and w·CE, each (n, 1), and gradients of `count` positions from `from` on. */
function chunkLoss(
  b: GraphBuilder,
  hidden: Value,
  weight: Value,
  targets: Value,
  lossWeights: Value,
  { from, count }: { readonly from: number; readonly count: number },
  cap: number | null,
) {
  const part = (value: Value) => b.slice(value, from, from + count);
  const h = part(hidden); // (n, D)
  const w = b.reshape(part(lossWeights), [count, 1]);
  const target = b.reshape(part(targets), [count, 1]);

  const logits = softCap(b, b.gemm(h, weight, { transB: true }), cap); // (n, V)
  const probabilities = b.softmax(logits);
  // log Σ exp z = max z − log max p; max p ≥ 1/V, so the logarithm never underflows.
  const logSum = b.sub(b.reduceMax(logits, [1]), b.log(b.reduceMax(probabilities, [1])));
  const perToken = b.sub(logSum, b.gatherElements(logits, target, 1));
  const weighted = b.mul(perToken, w);

  const minusOne = b.constant("float32", [count, 1], new Float32Array(count).fill(-1));
  // softmax − one-hot, (n, V).
  const delta = () => softCapGradient(b, b.scatterElementsAdd(probabilities, target, minusOne, 1), logits, cap);
  return {
    perToken,
    weighted,
    hiddenGradient: () => b.mul(b.gemm(delta(), weight), w),
    weightGradient: (g: Value, sum: Value | undefined) =>
      b.gemm(delta(), b.mul(b.mul(h, w), g), { transA: true, ...(sum && { c: sum }) }),
  };
}
