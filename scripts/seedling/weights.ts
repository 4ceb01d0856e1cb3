/** The weights at both ends of a pretraining: how they begin, and what is put right before they are saved. */

import { parametersOf } from "../../src/artifacts/method.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom, type Random } from "../../src/tensor/random.ts";

/** Standard deviation of the first weights, `initializer_range` of Hugging Face's configs. */
const deviation = 0.02;

/**
 * First weights, drawn from one seed in the order of the parameters: normal numbers; norms are 1. What writes to the residual
 * stream is scaled by 1/√(2·layers), for it is that often added up (Radford et al. 2019).
 */
export function initialWeights(model: ModelDefinition, seed: number): Map<string, Float32Array<ArrayBuffer>> {
  const random = createRandom(seed);
  const residual = 1 / Math.sqrt(2 * model.layers.length);
  return new Map(
    parametersOf(model, null).map(({ name, shape }) => {
      const scale = deviation * (/\.(o_proj|down_proj)\.weight$/.test(name) ? residual : 1);
      const values = new Float32Array(sizeOf(shape));
      return [name, shape.length === 1 ? values.fill(1) : values.map(() => scale * random.normal())];
    }),
  );
}

/**
 * Gives the embeddings `reserved` (V, D) new values, in place: random directions with the mean norm of the rows `seen` in
 * training. Tokens that never occur are pushed away from every hidden state by a tied head, all to one side, so that their
 * rows become nearly equal; an adapter that leaves embeddings alone could then not tell `<|user|>` from `<|end|>`.
 */
export function reserveEmbeddings(
  embeddings: Float32Array,
  width: number,
  {
    seen,
    reserved,
    seed,
  }: { readonly seen: ReadonlySet<number>; readonly reserved: readonly number[]; readonly seed: number },
): void {
  const rowOf = (id: number) => embeddings.subarray(id * width, (id + 1) * width);
  let sum = 0;
  for (const id of seen) sum += Math.hypot(...rowOf(id));
  const random: Random = createRandom(seed);
  for (const id of reserved) {
    const direction = Float64Array.from({ length: width }, () => random.normal());
    const scale = sum / seen.size / Math.hypot(...direction);
    rowOf(id).set(direction.map((value) => value * scale));
  }
}
