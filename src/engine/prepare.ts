/** From a recipe, a model and prepared rows to everything that a run trains on; the same inputs give the same plan. */

import type { Method } from "../artifacts/method.ts";
import { type BatchShape, supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets, choosePackedBuckets } from "../batching/buckets.ts";
import { scaleWeights } from "../batching/mixture.ts";
import { createSampler, type Sampler, type SamplerOptions, type SamplerState } from "../batching/sampler.ts";
import { splitValidation } from "../batching/split.ts";
import { type Order, type OrderState, orderOf, type StagePlan } from "../batching/stages.ts";
import type { DataSpec, PreparedData, TokenTable } from "../protocol/datasets.ts";
import { assertReady } from "../quality/preflight.ts";
import type { LearntKind, RowProblem } from "../records/example.ts";
import type { Sample } from "../run/metrics.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunStage } from "../run/record.ts";
import type { SourceChoice } from "../run/source.ts";
import { createTemplate } from "../templates/choose.ts";
import type { Template } from "../templates/template.ts";
import { plannedSteps } from "../training/schedule.ts";
import type { LoadedModel } from "./library.ts";

export interface Plan {
  readonly method: Method;
  readonly template: Template;
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  /** The same by kind, where the run has stages; else in one set. */
  readonly heldOut: readonly { readonly kind: LearntKind | null; readonly examples: readonly TokenizedExample[] }[];
  readonly buckets: readonly BatchShape[];
  /** Those of validation, whose rows are never packed. */
  readonly validationBuckets: readonly BatchShape[];
  /** In their order; empty where everything is learnt in one. */
  readonly stages: readonly RunStage[];
  readonly totalSteps: number;
  /** Held-out questions with the answers that the rows give. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Rows left out, with the reason. */
  readonly dropped: readonly RowProblem[];
  readonly sourceNames: readonly string[];
  /** Batches in seeded order, from the start or from a state. */
  order(state?: OrderState): Order;
}

/** The seeds of a run's parts, apart from each other. */
export const seeds = ({ seed }: Recipe) => ({ split: seed, order: seed + 1, adapter: seed + 2, text: seed + 3 });

export function methodOf(recipe: Pick<Recipe, "method" | "lora">): Method {
  return recipe.method === "full" ? { kind: "full" } : { kind: "lora", ...recipe.lora };
}

/** Shapes of a plan's batches, and of those that it is evaluated on; none where nothing is held out. */
export const shapesOf = ({
  buckets,
  validation,
  validationBuckets,
}: Pick<Plan, "buckets" | "validation" | "validationBuckets">) => ({
  shapes: buckets,
  heldOut: validation.length > 0 ? validationBuckets : [],
});

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

/**
 * Splits, chooses buckets and counts steps. Throws when a hard check of the rows failed, or when they cannot fill the stages
 * that the recipe asks for.
 */
export function planRun(
  model: LoadedModel,
  { table, report, sourceNames }: PreparedData,
  sources: readonly SourceChoice[],
  recipe: Recipe,
): Omit<Plan, "questions"> {
  assertReady(report);
  const lambdas = sources.map(({ lambda }) => lambda);
  const all = examplesOf(table, sourceNames);
  const split = splitValidation(table, recipe.validationShare, seeds(recipe).split);
  const pick = (indices: readonly number[]) => indices.map((index) => all[index] as TokenizedExample);
  const validation = pick(split.validation);
  const training = recipe.mixture === "weight" ? scaleWeights(pick(split.training), lambdas) : pick(split.training);
  const common = {
    method: methodOf(recipe),
    template: createTemplate(recipe.template, { tokenizer: model.tokenizer, chatTemplate: model.files.chatTemplate }),
    training,
    validation,
    dropped: report.leftOut,
    sourceNames,
  };
  const { order, text } = seeds(recipe);
  if (recipe.stages === "together") {
    const { sampler, stepsPerEpoch, ...shapes } = planStage(training, validation, lambdas, recipe, order);
    return {
      ...common,
      ...shapes,
      heldOut: [{ kind: null, examples: validation }],
      stages: [],
      totalSteps: plannedSteps(recipe, stepsPerEpoch),
      order: sampler,
    };
  }

  const of = (kind: LearntKind, indices: readonly number[]) =>
    [...indices.keys()].filter((place) => table.kinds[indices[place] ?? 0] === (kind === "text" ? 0 : 1));
  const stages = (["text", "chat"] as const).map((kind) => {
    const places = of(kind, split.training);
    requireExamples(kind, places.length, split.training.length);
    const examples = places.map((place) => training[place] as TokenizedExample);
    const held = of(kind, split.validation).map((place) => validation[place] as TokenizedExample);
    const planned = planStage(examples, held, lambdas, recipe, kind === "text" ? text : order);
    const passes = kind === "text" ? { epochs: recipe.textEpochs, steps: null } : recipe;
    const steps = plannedSteps(passes, planned.stepsPerEpoch);
    return { ...planned, kind, places, held, steps, examples: examples.length, supervisedTokens: learntIn(examples) };
  });
  const inOrder = stages.map(({ steps, places, sampler }): StagePlan => ({ steps, examples: places, sampler }));
  return {
    ...common,
    heldOut: stages.flatMap(({ kind, held }) => (held.length > 0 ? [{ kind, examples: held }] : [])),
    buckets: mergeBuckets(stages.map(({ buckets }) => buckets)),
    validationBuckets: mergeBuckets(stages.map(({ validationBuckets }) => validationBuckets)),
    stages: stages.map(({ kind, steps, examples, supervisedTokens }) => ({ kind, steps, examples, supervisedTokens })),
    totalSteps: stages.reduce((sum, { steps }) => sum + steps, 0),
    order: (state) => orderOf(inOrder, state),
  };
}

/** What one stage draws from: shapes for its examples and for those held out of it, and its seeded order. */
function planStage(
  training: readonly TokenizedExample[],
  validation: readonly TokenizedExample[],
  lambdas: readonly number[],
  recipe: Recipe,
  seed: number,
) {
  const { batchSize, accumulation } = recipe;
  const repeats = recipe.mixture === "sampling" && lambdas.length > 1;
  // Without packing, validation shares the shapes of training.
  const unpacked = chooseBuckets(recipe.packing ? validation : [...training, ...validation], batchSize, { repeats });
  const options: SamplerOptions = {
    lengths: training.map(({ ids }) => ids.length),
    sources: training.map(({ origin }) => origin.source),
    mixture: { mode: recipe.mixture, lambdas },
    packing: recipe.packing ? recipe.maxLength : null,
    buckets: unpacked,
    batchSize,
    accumulation,
    seed,
  };
  const sampler = (state?: SamplerState) => createSampler(options, state);
  const { stepsPerEpoch } = sampler();
  const buckets = recipe.packing
    ? choosePackedBuckets(training, epochOf(sampler()), { batchSize, length: recipe.maxLength })
    : unpacked;
  return { buckets, validationBuckets: unpacked, stepsPerEpoch, sampler };
}

/** A run that was asked for in two stages is not quietly made in one. */
function requireExamples(kind: LearntKind, count: number, all: number): void {
  if (count > 0) return;
  const [missing, there] = kind === "text" ? ["plain text", "chats"] : ["chats", "plain text"];
  throw new Error(
    `The recipe asks for plain text first and chats after it, and all ${all} examples to train on are ${there}: choose a ` +
      `source of ${missing} as well, or have everything learnt together.`,
  );
}

/** Buckets of several stages as one list, in which a batch finds the smallest that holds it. */
function mergeBuckets(lists: readonly (readonly BatchShape[])[]): BatchShape[] {
  const sorted = lists.flat().sort((a, b) => a.length - b.length || a.supervised - b.supervised);
  return sorted.filter(
    ({ length, supervised }, i) => sorted[i - 1]?.length !== length || sorted[i - 1]?.supervised !== supervised,
  );
}

function learntIn(examples: readonly TokenizedExample[]): number {
  return examples.reduce((sum, { mask }) => sum + supervisedIn(mask), 0);
}

/** The rows of a sampler's first epoch. */
function epochOf(sampler: Sampler): readonly (readonly number[])[] {
  return Array.from({ length: sampler.stepsPerEpoch }, () => sampler.next().flat()).flat();
}

/** Views of the table's examples. */
function examplesOf(
  { ids, mask, weights, offsets, sources, rows, lines }: TokenTable,
  sourceNames: readonly string[],
): TokenizedExample[] {
  return Array.from(rows, (row, i) => {
    const start = offsets[i] ?? 0;
    const end = offsets[i + 1] ?? start;
    const source = sources[i] ?? 0;
    return {
      origin: { source, name: sourceNames[source] ?? `source ${source + 1}`, row, line: lines[i] ?? row + 1 },
      ids: ids.subarray(start, end),
      mask: mask.subarray(start, end),
      weights: weights.subarray(start, end),
    };
  });
}
