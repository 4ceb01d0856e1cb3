/** Relative tolerances of the numeric tests, each with its reason. */

import type { ModelDefinition } from "../../src/models/architecture.ts";

/** Rules against central differences: a step of 1e-5 has an error of about 1e-9, float32 constants of 6e-8. */
export const gradientTolerance = 1e-6;

/**
 * The engine in float32 against golden values in float64. Ten steps of full training at a high rate amplify rounding about a
 * thousandfold; an adapter changes the weights less. Two steps do not amplify it, on any provider.
 */
export const parityTolerance = { wasm: { full: 1e-3, lora: 1e-4 }, webgpu: { full: 1e-4, lora: 1e-4 } } as const;
/** Number of steps to which the WebGPU tolerance applies. */
export const webgpuParitySteps = 2;

/** Unit roundoffs. */
const roundoff = { float32: 2 ** -24, float16: 2 ** -11 } as const;

/** Roundings exceed the bound below with a probability of 2·exp(−λ²/2) = 7e-4. */
const lambda = 4;

/**
 * Relative tolerance of a model's loss and gradients, as a distance of vectors. A gradient passes P products of at most K
 * terms, forward and backward: P·K roundings of at most u each, which add like a random walk to at most λ·u·√(P·K) (Higham
 * and Mary 2019, doi 10.1137/18M1226312). P is four products a layer (two of the attention, two of the MLP) and the head, twice.
 */
export function walkTolerance(compute: keyof typeof roundoff, model: ModelDefinition): number {
  const products = 2 * (4 * model.layers.length + 1);
  return lambda * roundoff[compute] * Math.sqrt(products * Math.max(model.hiddenSize, model.intermediateSize));
}

/** ‖actual − expected‖ / ‖expected‖. */
export function distance(actual: readonly number[], expected: readonly number[]): number {
  if (expected.length === 0 || actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return Math.hypot(...actual.map((value, i) => value - (expected[i] as number))) / Math.hypot(...expected);
}
