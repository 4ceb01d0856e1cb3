/** The arithmetic of merging: adds a low-rank adapter to its weight. */

import type { Adapter } from "../nn/scope.ts";

/**
 * W + (α/r)·B·A, for W [out, in], A [r, in] and B [out, r], row-major (Hu et al. 2021, arXiv:2106.09685). Summed in
 * float64 and rounded once, to float32; W itself does not change. Throws RangeError when the sizes do not match.
 */
export function mergeAdapter(
  weight: Float32Array,
  down: Float32Array,
  up: Float32Array,
  { rank, alpha }: Pick<Adapter, "rank" | "alpha">,
): Float32Array<ArrayBuffer> {
  const width = down.length / rank;
  const out = up.length / rank;
  if (!Number.isInteger(width) || !Number.isInteger(out) || weight.length !== out * width) {
    throw new RangeError(
      `A weight of ${weight.length} numbers does not fit an adapter of rank ${rank} with ${down.length} and ${up.length}.`,
    );
  }
  const scale = alpha / rank;
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(width);
  for (let o = 0; o < out; o++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = up[o * rank + k] as number;
      if (factor === 0) continue;
      const from = k * width;
      for (let i = 0; i < width; i++) row[i] = (row[i] as number) + factor * (down[from + i] as number);
    }
    const from = o * width;
    for (let i = 0; i < width; i++) merged[from + i] = (weight[from + i] as number) + scale * (row[i] as number);
  }
  return merged;
}
