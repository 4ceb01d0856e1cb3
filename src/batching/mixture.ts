/** The arithmetic of λ: how often each source is drawn from, how its weights are scaled, and what comes of it. */

import type { TokenizedExample } from "./batch.ts";

/**
 * How λ is meant (DOMAIN.md, Mixture): "sampling" draws from source k with probability ∝ λ_k; "weight" gives every row once
 * per epoch and scales its loss weights by λ_k.
 */
export const mixtureModes = ["sampling", "weight"] as const;

export type MixtureMode = (typeof mixtureModes)[number];

/** Passes over a source beyond which repeated data teaches clearly less than new data (Muennighoff et al., 2023). */
const manyPasses = 4;

/** Quotas this near to a whole number are that number: they are quotients of floating-point numbers. */
const rounding = 1e-6;

/** Loss weights are float32, and so are their sums: beyond these a loss is infinite, or divided by 0. */
const leastFactor = 1e-9;
const mostFactor = 1e9;

/** Throws, naming the source by its number, unless every λ is a finite number above 0. */
export function requireLambdas(lambdas: readonly number[]): void {
  lambdas.forEach((lambda, k) => {
    if (Number.isFinite(lambda) && lambda > 0) return;
    throw new RangeError(
      `The weight λ of source ${k + 1} is ${lambda}, and must be a number above 0: raise it, or remove the source.`,
    );
  });
}

/**
 * Draws from each source in one epoch of "sampling", as real numbers: all `counts` (rows of each source) added up, shared
 * out ∝ λ. A source without rows is not drawn from; the others take its share.
 */
export function epochQuotas(counts: readonly number[], lambdas: readonly number[]): number[] {
  requireLambdas(lambdas);
  // Of λ whose sum would be infinite, shares of the greatest are taken.
  const unit = Number.isFinite(sum(counts) * sum(lambdas)) ? 1 : Math.max(...lambdas);
  const effective = counts.map((count, k) => (count > 0 ? (lambdas[k] ?? 0) / unit : 0));
  const all = sum(counts);
  const whole = sum(effective);
  return effective.map((lambda) => (whole > 0 ? (all * lambda) / whole : 0));
}

/**
 * Whole draws of epoch `epoch` (from 0) in which `before` draws had been made so far. Each is its quota rounded down or up
 * (largest remainders), and what rounding owes a source is remembered over epochs: the sources that are owed most are
 * rounded up. So an epoch is exact to within one draw, and a whole run to within two, however small a λ is.
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
 * λ read as loss weight: every w of source k times λ_k, as DOMAIN.md has it. For training examples only, so that validation
 * losses of different mixtures can be compared. Throws for a λ that is not a finite number above 0.
 */
export function scaleWeights(examples: readonly TokenizedExample[], lambdas: readonly number[]): TokenizedExample[] {
  requireLambdas(lambdas);
  return examples.map((example) => {
    const { source } = example.origin;
    const lambda = lambdas[source];
    if (lambda === undefined) throw new RangeError(`Source ${source + 1} has no weight λ.`);
    if (!(lambda >= leastFactor && lambda <= mostFactor))
      throw new RangeError(
        `The weight λ of source ${source + 1} is ${lambda}, and a loss weight may be ${leastFactor} to ${mostFactor} times another.`,
      );
    return lambda === 1 ? example : { ...example, weights: example.weights.map((weight) => weight * lambda) };
  });
}

/** What a mixture makes of one source. */
export interface SourceMixture {
  /** Passes over its rows in one epoch. */
  readonly passes: number;
  /** Its share, 0 to 1, of the supervised tokens of an epoch; in "weight" mode of their Σ w, which is what λ changes. */
  readonly share: number;
}

/**
 * What one epoch gives of each source, averaged over epochs: a single one is within one draw of it. `counts` are the rows of
 * each source, `supervised` the supervised tokens of one pass over it (or its Σ w, where rows weigh differently).
 * Throws for a λ that is not a finite number above 0.
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

/** A sentence where a run of `epochs` epochs goes over a source's rows more than four times, else null. */
export function repeatWarning(name: string, passes: number, epochs: number): string | null {
  const times = passes * epochs;
  if (times <= manyPasses + rounding) return null;
  return (
    `The run goes over ${name} ${Number(times.toFixed(1))} times. After about ${manyPasses} passes repeated rows teach less ` +
    "and less and are learnt by heart: lower its weight, train for fewer epochs, or add rows."
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
