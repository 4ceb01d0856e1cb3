/** Rules of shapes that all operators share. */

import type { Shape } from "../tensor/dtype.ts";
import { GraphError } from "./graph.ts";

/** Multidirectional broadcasting as ONNX and NumPy define it. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new GraphError(`shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast: ${x} against ${y}`);
    }
    // A dimension of 0 stays 0.
    return x === 1 ? y : x;
  });
}

/** Counts an axis from the front; a negative `axis` counts from the back. Throws a GraphError outside the rank. */
export function normalizeAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) throw new GraphError(`axis ${axis} is outside rank ${rank}`);
  return normal;
}
