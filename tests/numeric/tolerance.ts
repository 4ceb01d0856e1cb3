/** Relative tolerances of the numeric tests, each with its reason. */

/** Rules against central differences: a step of 1e-5 has an error of about 1e-9, float32 constants of 6e-8. */
export const gradientTolerance = 1e-6;

/**
 * The engine in float32 against golden values in float64. Ten steps of full training at a high rate amplify rounding about a
 * thousandfold; an adapter changes the weights less. Two steps do not amplify it, on any provider.
 */
export const parityTolerance = { wasm: { full: 1e-3, lora: 1e-4 }, webgpu: { full: 1e-4, lora: 1e-4 } } as const;
/** Number of steps to which the WebGPU tolerance applies. */
export const webgpuParitySteps = 2;
