/**
 * Whether a model's head is tied, as transformers 5 decides it: a config that ties is followed unless the files have both
 * tensors with different values.
 */

import { sizeOf } from "../tensor/dtype.ts";
import { bytesPerFloat, decodeFloats } from "./elements.ts";
import type { ModelTensor } from "./expected.ts";

/** Bytes of the head that are compared at a time. */
const windowBytes = 2 ** 22;

/**
 * Whether two tensors of the same shape have the same values; stops at the first window that differs. `windows` bounds how
 * many are read.
 */
export async function sameValues(
  one: ModelTensor,
  other: ModelTensor,
  {
    signal,
    windows = Number.POSITIVE_INFINITY,
  }: { readonly signal?: AbortSignal | undefined; readonly windows?: number },
): Promise<boolean> {
  const size = sizeOf(one.shape);
  const step = windowBytes / Math.max(bytesPerFloat[one.dtype], bytesPerFloat[other.dtype]);
  for (let from = 0, nth = 0; from < size && nth < windows; from += step, nth++) {
    const count = Math.min(step, size - from);
    const read = ({ dtype, start, source }: ModelTensor) => {
      const width = bytesPerFloat[dtype];
      return source.slice(start + from * width, start + (from + count) * width, signal);
    };
    const [a, b] = [await read(one), await read(other)];
    if (one.dtype === other.dtype && sameBytes(a, b)) continue;
    // 0 and −0 are equal, and so are numbers in different types.
    const values = decodeFloats(one.dtype, a, new Float32Array(count));
    const others = decodeFloats(other.dtype, b, new Float32Array(count));
    if (values.some((value, i) => value !== others[i])) return false;
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
