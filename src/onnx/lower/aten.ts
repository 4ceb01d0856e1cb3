/** Operators that ONNX Runtime leaves to PyTorch (`org.pytorch.aten.ATen`), as far as they are ordinary ones. */

import { GraphError } from "../graph.ts";
import type { Lowering } from "./call.ts";
import { fromFront, gatherGrad } from "./indexing.ts";

/** dY, indices, V, padding index (its row gets no gradient), and whether to divide by frequency. */
const embeddingGradient: Lowering = (c) => {
  const [dy, indices] = [c.in(0), c.in(1)];
  const rows = c.scalar(2, 0);
  const padding = c.scalar(3, -1);
  if (c.scalar(4, 0) !== 0) throw new GraphError("scale_grad_by_freq is not lowered");
  const width = dy.shape.at(-1);
  if (width === undefined) throw new GraphError("the gradient is a scalar, but rows are needed");
  const sum = gatherGrad(c, [rows, width], indices, dy, 0);
  if (padding < 0) return sum;
  const isPadding = Array.from({ length: rows }, (_, row) => (row === padding ? 1 : 0));
  return c.b.where(c.constant("bool", [rows, 1], isPadding), c.b.scalar(0), sum);
};

const operators: Readonly<Record<string, Lowering>> = {
  /** weight [V, D], indices, padding index, and two flags that only change the gradient. */
  embedding: (c) => {
    const weight = c.in(0);
    return c.b.gather(weight, fromFront(c, c.in(1), weight.shape[0] as number));
  },
  embedding_dense_backward: embeddingGradient,
  /** As embedding_dense_backward, and whether the gradient is sparse. */
  embedding_backward: (c) => {
    if (c.scalar(5, 0) !== 0) throw new GraphError("a sparse gradient is not lowered");
    return embeddingGradient(c);
  },
};

/** The names of PyTorch's operators that are lowered. */
export const atenOperators: readonly string[] = Object.keys(operators);

export const aten = {
  ATen: (c) => {
    const operator = c.text("operator", "");
    const lowering = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
    if (!lowering) throw new GraphError(`PyTorch's operator ${operator} is not lowered`);
    return lowering(c);
  },
} as const satisfies Readonly<Record<string, Lowering>>;
