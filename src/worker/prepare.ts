/** From a recipe, a model and prepared rows to everything that a run trains on; the same inputs give the same plan. */

import type { Method } from "../artifacts/method.ts";
import type { BatchShape, TokenizedExample } from "../data/batch.ts";
import { chooseBuckets, choosePackedBuckets } from "../data/buckets.ts";
import type { RowProblem } from "../data/example.ts";
import { scaleWeights } from "../data/mixture.ts";
import { assertReady } from "../data/quality/preflight.ts";
import { createSampler, type Sampler, type SamplerState } from "../data/sampler.ts";
import type { SourceChoice } from "../data/settings.ts";
import { splitValidation } from "../data/split.ts";
import { createTemplate } from "../data/templates/choose.ts";
import type { Template } from "../data/templates/template.ts";
import type { Recipe, Sample } from "../storage/run.ts";
import { plannedSteps } from "../training/schedule.ts";
import type { DataSpec, PreparedData, TokenTable } from "./dataProtocol.ts";
import type { LoadedModel } from "./library.ts";

export interface Plan {
  readonly method: Method;
  readonly template: Template;
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  readonly buckets: readonly BatchShape[];
  /** Those of validation, whose rows are never packed. */
  readonly validationBuckets: readonly BatchShape[];
  readonly totalSteps: number;
  /** Held-out questions with the answers that the rows give. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Rows left out, with the reason. */
  readonly dropped: readonly RowProblem[];
  readonly sourceNames: readonly string[];
  /** Batches in seeded order, from the start or from a state. */
  sampler(state?: SamplerState): ReturnType<typeof createSampler>;
}

/** The seeds of a run's parts, apart from each other. */
export const seeds = ({ seed }: Recipe) => ({ split: seed, order: seed + 1, adapter: seed + 2 });

export function methodOf(recipe: Recipe): Method {
  return recipe.method === "full" ? { kind: "full" } : { kind: "lora", ...recipe.lora };
}

/** What the data worker is asked for. */
export function specOf(modelHash: string, sources: readonly SourceChoice[], recipe: Recipe): DataSpec {
  const { template, systemPrompt, mask, maxLength, truncation, mixture, validationShare } = recipe;
  return {
    modelHash,
    sources: sources.map(({ hash, mapping, lambda, excluded }) => ({ hash, mapping, lambda, excluded })),
    settings: { template, systemPrompt, mask, maxLength, truncation },
    mixture,
    validationShare,
    seed: seeds(recipe).split,
  };
}

/** Throws when the recipe asks for more than the model's context. Before the rows are gone through. */
export function checkLength({ config }: LoadedModel, { maxLength }: Recipe): void {
  if (maxLength > config.max_position_embeddings) {
    throw new Error(
      `The length limit is ${maxLength} tokens, but the model's context holds ${config.max_position_embeddings}: lower the limit.`,
    );
  }
}

/** Splits, chooses buckets and counts steps. Throws when a hard check of the rows failed. */
export function planRun(
  model: LoadedModel,
  { table, report, sourceNames }: PreparedData,
  sources: readonly SourceChoice[],
  recipe: Recipe,
): Omit<Plan, "questions"> {
  assertReady(report);
  const lambdas = sources.map(({ lambda }) => lambda);
  const all = examplesOf(table);
  const split = splitValidation(table, recipe.validationShare, seeds(recipe).split);
  const pick = (indices: readonly number[]) => indices.map((index) => all[index] as TokenizedExample);
  const validation = pick(split.validation);
  const training = recipe.mixture === "weight" ? scaleWeights(pick(split.training), lambdas) : pick(split.training);
  const { batchSize, accumulation } = recipe;
  const repeats = recipe.mixture === "sampling" && sources.length > 1;
  // Without packing, validation shares the shapes of training.
  const unpacked = chooseBuckets(recipe.packing ? validation : [...training, ...validation], batchSize, { repeats });
  const options = {
    lengths: training.map(({ ids }) => ids.length),
    sources: training.map(({ source }) => source),
    mixture: { mode: recipe.mixture, lambdas },
    packing: recipe.packing ? recipe.maxLength : null,
    buckets: unpacked,
    batchSize,
    accumulation,
    seed: seeds(recipe).order,
  };
  const sampler = (state?: SamplerState) => createSampler(options, state);
  const { stepsPerEpoch } = sampler();
  const buckets = recipe.packing
    ? choosePackedBuckets(training, epochOf(sampler()), { batchSize, length: recipe.maxLength })
    : unpacked;
  return {
    method: methodOf(recipe),
    template: createTemplate(recipe.template, { tokenizer: model.tokenizer, chatTemplate: model.files.chatTemplate }),
    training,
    validation,
    buckets,
    validationBuckets: unpacked,
    totalSteps: plannedSteps(recipe, stepsPerEpoch),
    dropped: report.leftOut,
    sourceNames,
    sampler,
  };
}

/** The rows of a sampler's first epoch. */
function epochOf(sampler: Sampler): readonly (readonly number[])[] {
  return Array.from({ length: sampler.stepsPerEpoch }, () => sampler.next().flat()).flat();
}

/** Views of the table's examples. */
function examplesOf({ ids, weights, offsets, sources, rows }: TokenTable) {
  return Array.from(rows, (row, i): TokenizedExample => {
    const start = offsets[i] ?? 0;
    const end = offsets[i + 1] ?? start;
    return { source: sources[i] ?? 0, row, ids: ids.subarray(start, end), weights: weights.subarray(start, end) };
  });
}
