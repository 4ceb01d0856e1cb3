/** How a model's frozen matrices are stored and multiplied. Norms, biases, adapters and all that is trained stay float32. */

import type { WeightStorage } from "../tensor/storage.ts";

export interface Precision {
  /** Storage of the linear layers' weights. */
  readonly weights: WeightStorage;
  /** Storage of the embedding, and of a head of its own. */
  readonly embedding: WeightStorage;
  /** Type of the products with these weights; sums of the residual, norms, softmax and loss are float32. */
  readonly compute: "float32" | "float16";
}

export const plain: Precision = { weights: "float32", embedding: "float32", compute: "float32" };

/** The same products with weights in float32, as training them needs. */
export const trainedPrecision = ({ compute }: Precision): Precision => ({ ...plain, compute });
