/** The start weights of a pretraining, and a correction of the embeddings before they are saved. */

import { parametersOf } from "../../src/artifacts/method.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom, type Random } from "../../src/tensor/random.ts";

/** Standard deviation of the start weights, `initializer_range` in Hugging Face's configs. */
const deviation = 0.02;

/**
 * Start weights, drawn from one seed in the order of the parameters: normal numbers; norms are 1. Layers that write to the
 * residual stream are scaled by 1/√(2·layers), because it is the sum of 2·layers of them (Radford et al. 2019).
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
 * Gives the rows `reserved` of the embeddings (V, D) new values, in place: random directions with the mean norm of the rows
 * `seen` in training. A tied head pushes the rows of tokens that never occur in one direction, so they become nearly equal. An
 * adapter that does not train embeddings could then not distinguish `<|user|>` from `<|end|>`.
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
