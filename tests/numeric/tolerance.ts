/** Tolerances of the numeric tests, relative, each with its reason. */

/** Rules against central differences: the step of 1e-5 leaves about 1e-9; constants of the graph are float32, 6e-8. */
export const gradientTolerance = 1e-6;
