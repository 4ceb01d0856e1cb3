/** Whether a model's matrices fit float16, counted once and stored with its copy. */

import { countHalf, type HalfCount } from "../hub/half.ts";
import type { OpenModel, ReadAllOptions } from "../hub/model.ts";

/** Sums over the matrices, whose storage may be float16; norms and biases stay float32. */
export function createHalfSum(): {
  readonly add: NonNullable<ReadAllOptions["onPiece"]>;
  readonly sum: () => HalfCount;
} {
  let sum: HalfCount = { over: 0, lost: 0 };
  return {
    add({ dtype, shape }, bytes) {
      if (shape.length < 2) return;
      const { over, lost } = countHalf(dtype, bytes);
      sum = { over: sum.over + over, lost: sum.lost + lost };
    },
    sum: () => sum,
  };
}

/** A sentence for the user where float16 cannot have all weights. */
export const halfNotes = ({ over }: HalfCount): readonly string[] =>
  over === 0
    ? []
    : [
        `${over === 1 ? "One weight is" : `${over.toLocaleString("en")} weights are`} beyond 65,504, the largest number of 16 ` +
          "bits, so the weights stay in 32 bits on the device.",
      ];

/** Reads all matrices. Throws the signal's reason. */
export async function sumHalf(
  opened: Pick<OpenModel, "tensors" | "pieces">,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<HalfCount> {
  const { add, sum } = createHalfSum();
  const matrices = [...opened.tensors].filter(([, { shape }]) => shape.length >= 2);
  const total = matrices.reduce((bytes, [, { start, end }]) => bytes + end - start, 0);
  let done = 0;
  onProgress(done, total);
  for (const [name, entry] of matrices) {
    for await (const { bytes } of opened.pieces(name, { signal })) {
      add(entry, bytes);
      done += bytes.length;
      onProgress(done, total);
    }
  }
  return sum();
}
