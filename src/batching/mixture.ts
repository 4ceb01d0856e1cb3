/** The arithmetic of λ: draws from each source, scaled loss weights, and the resulting shares. */

import type { TokenizedExample } from "./batch.ts";

/**
 * The meaning of λ: "sampling" draws from source k in proportion to λ_k; "weight" takes every row once per epoch and
 * multiplies its loss weights by λ_k.
 */
export const mixtureModes = ["sampling", "weight"] as const;

export type MixtureMode = (typeof mixtureModes)[number];

/** After this many passes repeated data improves a model clearly less than new data (Muennighoff et al., 2023). */
const manyPasses = 4;

/** Quotas this close to a whole number count as whole: the difference is rounding of floating-point numbers. */
const rounding = 1e-6;

/** Loss weights and their sums are float32: beyond these bounds a loss becomes infinite or is divided by 0. */
const leastFactor = 1e-9;
const mostFactor = 1e9;

/** Throws a RangeError with the source's number unless every λ is a finite number above 0. */
export function requireLambdas(lambdas: readonly number[]): void {
  lambdas.forEach((lambda, k) => {
    if (Number.isFinite(lambda) && lambda > 0) return;
    throw new RangeError(
      `The weight λ of source ${k + 1} is ${lambda}, but must be a number above 0: raise it, or remove the source.`,
    );
  });
}

/**
 * Draws from each source in one epoch of "sampling", as real numbers: the sum of `counts` (rows of each source) is divided in
 * proportion to λ. Sources without rows get no draws.
 */
export function epochQuotas(counts: readonly number[], lambdas: readonly number[]): number[] {
  requireLambdas(lambdas);
  // If the sum would be infinite, λ is divided by its maximum first.
  const unit = Number.isFinite(sum(counts) * sum(lambdas)) ? 1 : Math.max(...lambdas);
  const effective = counts.map((count, k) => (count > 0 ? (lambdas[k] ?? 0) / unit : 0));
  const all = sum(counts);
  const whole = sum(effective);
  return effective.map((lambda) => (whole > 0 ? (all * lambda) / whole : 0));
}

/**
 * Whole draws from each source in epoch `epoch` (from 0), after `before` draws in the epochs before it. Each quota is rounded
 * up or down; the sources furthest below their exact total are rounded up (largest remainders). So each source is within one
 * draw of its quota in an epoch, and within two in a whole run, however small its λ is.
 */
export function epochDraws(quotas: readonly number[], before: readonly number[], epoch: number): number[] {
  const draws = quotas.map((quota) => Math.floor(quota + rounding));
  const owed = quotas
    .map((quota, k) => ({ k, owed: (epoch + 1) * quota - (before[k] ?? 0) - (draws[k] ?? 0) }))
    .filter(({ k }) => (quotas[k] ?? 0) - (draws[k] ?? 0) > rounding)
    .sort((a, b) => b.owed - a.owed || a.k - b.k);
  const rest = Math.round(sum(quotas)) - sum(draws);
  for (const { k } of owed.slice(0, rest)) draws[k] = (draws[k] ?? 0) + 1;
  return draws;
}

/**
 * λ as a loss weight: multiplies every w of source k by λ_k. Use it for training examples only, so that validation losses of
 * different mixtures stay comparable. Throws a RangeError unless every λ is a finite number above 0.
 */
export function scaleWeights(examples: readonly TokenizedExample[], lambdas: readonly number[]): TokenizedExample[] {
  requireLambdas(lambdas);
  return examples.map((example) => {
    const { source } = example.origin;
    const lambda = lambdas[source];
    if (lambda === undefined) throw new RangeError(`Source ${source + 1} has no weight λ.`);
    if (!(lambda >= leastFactor && lambda <= mostFactor))
      throw new RangeError(
        `The weight λ of source ${source + 1} is ${lambda}, but must be from ${leastFactor} to ${mostFactor}, because it multiplies loss weights.`,
      );
    return lambda === 1 ? example : { ...example, weights: example.weights.map((weight) => weight * lambda) };
  });
}

/** The effect of a mixture on one source. */
export interface SourceMixture {
  /** Passes over its rows in one epoch. */
  readonly passes: number;
  /** Its share, 0 to 1, of the supervised tokens of an epoch; in "weight" mode of their Σ w, because λ changes that. */
  readonly share: number;
}

/**
 * The effect of a mixture on each source, averaged over epochs; a single epoch is within one draw of it. `counts` are the
 * rows of each source, `supervised` the supervised tokens of one pass over it (or its Σ w, where loss weights differ).
 * Throws a RangeError unless every λ is a finite number above 0.
 */
export function mixtureReport({
  counts,
  supervised,
  lambdas,
  mode,
}: {
  readonly counts: readonly number[];
  readonly supervised: readonly number[];
  readonly lambdas: readonly number[];
  readonly mode: MixtureMode;
}): SourceMixture[] {
  const quotas = mode === "sampling" ? epochQuotas(counts, lambdas) : counts;
  requireLambdas(lambdas);
  const passes = counts.map((count, k) => (count > 0 ? (quotas[k] ?? 0) / count : 0));
  const parts = passes.map((pass, k) => pass * (supervised[k] ?? 0) * (mode === "weight" ? (lambdas[k] ?? 0) : 1));
  const all = sum(parts);
  return passes.map((pass, k) => ({ passes: pass, share: all > 0 ? (parts[k] ?? 0) / all : 0 }));
}

/** A warning when a run of `epochs` epochs makes more than four passes over a source's rows, else null. */
export function repeatWarning(name: string, passes: number, epochs: number): string | null {
  const times = passes * epochs;
  if (times <= manyPasses + rounding) return null;
  return (
    `The run makes ${Number(times.toFixed(1))} passes over ${name}. After about ${manyPasses} passes repeated rows teach less ` +
    "and less, and the model memorises them: lower the source's weight, train for fewer epochs, or add rows."
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
