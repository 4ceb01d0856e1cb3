/** Plans a run from recipe, model and prepared rows: examples, buckets, stages and steps. The same inputs give the same plan. */

import { linearsOf, type Method, unknownTarget } from "../artifacts/method.ts";
import { type BatchShape, supervisedIn, type TokenizedExample } from "../batching/batch.ts";
import { chooseBuckets, choosePackedBuckets } from "../batching/buckets.ts";
import { scaleWeights } from "../batching/mixture.ts";
import { createSampler, type Sampler, type SamplerOptions, type SamplerState } from "../batching/sampler.ts";
import { type Order, type OrderState, orderOf, type StagePlan } from "../batching/stages.ts";
import type { PreparedData, TokenTable } from "../protocol/datasets.ts";
import { assertReady } from "../quality/preflight.ts";
import type { RowProblem } from "../records/example.ts";
import { type HeldOutSet, validationOf } from "../run/heldOut.ts";
import type { Sample } from "../run/metrics.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { RunStage } from "../run/record.ts";
import { lambdasOf, learns, type Objective, type Stage, takes } from "../run/stage.ts";
import { plannedSteps } from "../training/schedule.ts";
import { type GeneralText, generalTextOf, splitRows } from "./generalText.ts";
import type { LoadedModel } from "./library.ts";

export interface Plan {
  readonly method: Method;
  /** Stage after stage; the weights of each example are scaled by λ of its stage. */
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  /** The validation examples by set; no set is empty. */
  readonly heldOut: readonly (HeldOutSet & { readonly examples: readonly TokenizedExample[] })[];
  readonly buckets: readonly BatchShape[];
  /** Shapes of the validation batches, which are never packed. */
  readonly validationBuckets: readonly BatchShape[];
  /** Held-out text that no stage trains on. */
  readonly general: GeneralText;
  /** In the order of the recipe. */
  readonly stages: readonly RunStage[];
  readonly totalSteps: number;
  /** Held-out questions with the answers of their rows. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Rows that the run leaves out, with the reason. */
  readonly dropped: readonly RowProblem[];
  readonly sourceNames: readonly string[];
  /** Draws batches in seeded order, from the start or from a state. */
  order(state?: OrderState): Order;
}

/** Examples in the order of their sources and rows, not of the stages. */
export const inFileOrder = (examples: readonly TokenizedExample[]) =>
  examples.toSorted((a, b) => a.origin.source - b.origin.source || a.origin.row - b.origin.row);

export function methodOf(recipe: Pick<Recipe, "method" | "lora">): Method {
  return recipe.method === "full" ? { kind: "full" } : { kind: "lora", ...recipe.lora };
}

/** Shapes of a plan's training batches and of its validation batches; without validation the latter are empty. */
export const shapesOf = ({
  buckets,
  validation,
  validationBuckets,
  general,
}: Pick<Plan, "buckets" | "validation" | "validationBuckets" | "general">) => ({
  shapes: buckets,
  heldOut: [...(validation.length > 0 ? validationBuckets : []), ...general.buckets],
});

/** Throws when the model does not have the recipe's length or its adapter's layers. Needs no rows. */
export function checkRecipe({ definition }: Pick<LoadedModel, "definition">, recipe: Recipe): void {
  const { maxLength } = recipe;
  if (maxLength > definition.contextLength) {
    throw new Error(
      `The length limit is ${maxLength} tokens, but the model's context holds ${definition.contextLength}: lower the limit.`,
    );
  }
  const unknown = recipe.method === "lora" ? unknownTarget(definition, recipe.lora.targets) : undefined;
  if (unknown === undefined) return;
  const names = linearsOf(definition).map(({ name }) => name);
  throw new Error(
    `The recipe puts an adapter on "${unknown}", but this model's linear layers are ${names.join(", ")}: choose from these.`,
  );
}

/**
 * Splits off validation, chooses buckets and counts steps. Throws when a hard check of the rows failed, or when a stage of
 * the recipe has no rows.
 */
export function planRun({ table, report, sourceNames }: PreparedData, recipe: Recipe): Omit<Plan, "questions"> {
  assertReady(report);
  const all = examplesOf(table, sourceNames);
  const seeds = seedsOf(recipe);
  const split = splitRows(table, recipe);
  const isOf = (stage: Stage) => (index: number) =>
    learns(stage.objective, table.kinds[index] === 0 ? "text" : "chat") && takes(stage, table.sources[index] ?? -1);
  const pick = (indices: readonly number[], wanted: (index: number) => boolean) =>
    indices.filter(wanted).map((index) => all[index] as TokenizedExample);
  const stages = recipe.stages.map((stage, index) => {
    const rows = pick(split.training, isOf(stage));
    requireExamples(stage.objective, rows.length, split.training.length);
    const lambdas = lambdasOf(stage, sourceNames.length);
    const examples = stage.mixture === "weight" ? scaleWeights(rows, lambdas) : rows;
    const heldOut = pick(split.validation, isOf(stage));
    const seed = seeds.stages[index] ?? recipe.seed;
    return { stage, examples, heldOut, ...planStage(examples, heldOut, { stage, lambdas, recipe, seed }) };
  });
  const before = (index: number) => stages.slice(0, index).reduce((sum, { examples }) => sum + examples.length, 0);
  const inOrder = stages.map(({ steps, sampler }, index): StagePlan => ({ steps, first: before(index), sampler }));
  return {
    method: methodOf(recipe),
    training: stages.flatMap(({ examples }) => examples),
    validation: pick(split.validation, (index) => recipe.stages.some((stage) => isOf(stage)(index))),
    heldOut: stages.flatMap(({ stage, heldOut }) =>
      heldOut.length > 0 ? [{ ...validationOf(stage.objective), examples: heldOut }] : [],
    ),
    buckets: mergeBuckets(stages.map(({ buckets }) => buckets)),
    validationBuckets: mergeBuckets(stages.map(({ validationBuckets }) => validationBuckets)),
    general: generalTextOf(all, recipe, sourceNames, split.validation.length),
    stages: stages.map(({ stage: { objective }, steps, examples }) => ({
      objective,
      steps,
      examples: examples.length,
      supervisedTokens: supervisedTokensOf(examples),
    })),
    totalSteps: stages.reduce((sum, { steps }) => sum + steps, 0),
    dropped: report.leftOut,
    sourceNames,
    order: (state) => orderOf(inOrder, state),
  };
}

interface StageParts {
  readonly stage: Stage;
  /** Of each source of the run. */
  readonly lambdas: readonly number[];
  readonly recipe: Recipe;
  readonly seed: number;
}

/** The batch shapes of one stage's training and validation examples, its seeded sampler and its steps. */
function planStage(
  training: readonly TokenizedExample[],
  validation: readonly TokenizedExample[],
  { stage, lambdas, recipe, seed }: StageParts,
) {
  const { batchSize, accumulation } = recipe;
  const repeats = stage.mixture === "sampling" && lambdas.length > 1;
  // Without packing, validation shares the shapes of training.
  const unpacked = chooseBuckets(recipe.packing ? validation : [...training, ...validation], batchSize, { repeats });
  const options: SamplerOptions = {
    lengths: training.map(({ ids }) => ids.length),
    sources: training.map(({ origin }) => origin.source),
    mixture: { mode: stage.mixture, lambdas },
    packing: recipe.packing ? recipe.maxLength : null,
    buckets: unpacked,
    batchSize,
    accumulation,
    seed,
  };
  const sampler = (state?: SamplerState) => createSampler(options, state);
  const steps = plannedSteps(stage, sampler().stepsPerEpoch);
  const buckets = recipe.packing
    ? choosePackedBuckets(training, epochOf(sampler()), { batchSize, length: recipe.maxLength })
    : unpacked;
  return { buckets, validationBuckets: unpacked, steps, sampler };
}

/** Throws when a stage has no examples. */
function requireExamples(objective: Objective, count: number, all: number): void {
  if (count > 0 || objective === "mixed") return;
  const [missing, there] = objective === "text" ? ["plain text", "chats"] : ["chats", "plain text"];
  throw new Error(
    `The recipe trains plain text first and chats after it, but all ${all} training examples are ${there}: choose a source ` +
      `of ${missing} as well, or train everything together.`,
  );
}

/** Buckets of all stages as one list without duplicates, from the smallest to the largest. */
function mergeBuckets(lists: readonly (readonly BatchShape[])[]): BatchShape[] {
  const sorted = lists.flat().sort((a, b) => a.length - b.length || a.supervised - b.supervised);
  return sorted.filter(
    ({ length, supervised }, i) => sorted[i - 1]?.length !== length || sorted[i - 1]?.supervised !== supervised,
  );
}

function supervisedTokensOf(examples: readonly TokenizedExample[]): number {
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
