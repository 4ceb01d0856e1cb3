/** Tolerances of the numeric tests, relative, each with its reason. */

/** Rules against central differences: the step of 1e-5 leaves about 1e-9; constants of the graph are float32, 6e-8. */
export const gradientTolerance = 1e-6;

/**
 * The engine in float32 against golden values in float64. Ten steps of full training at a high rate amplify rounding
 * about a thousandfold; an adapter moves the weights less. Two steps amplify nothing yet, on any provider.
 */
export const parityTolerance = { wasm: { full: 1e-3, lora: 1e-4 }, webgpu: { full: 1e-4, lora: 1e-4 } } as const;
/** Steps that the WebGPU tolerance is about. */
export const webgpuParitySteps = 2;
