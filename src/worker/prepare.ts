/** From a recipe, a model and a dataset to everything that a run trains on; the same inputs give the same plan. */

import type { Method } from "../artifacts/method.ts";
import type { BatchShape, TokenizedExample } from "../data/batch.ts";
import { chooseBuckets, createSampler, type SamplerState, splitValidation } from "../data/batches.ts";
import type { Example, RowProblem } from "../data/example.ts";
import { createTemplate, type Template } from "../data/template.ts";
import { preflight, tokenizeExamples } from "../data/tokenize.ts";
import type { Recipe, Sample } from "../storage/run.ts";
import { plannedSteps } from "../training/schedule.ts";
import type { LoadedDataset, LoadedModel } from "./library.ts";

export interface Plan {
  readonly method: Method;
  readonly template: Template;
  readonly training: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  readonly buckets: readonly BatchShape[];
  readonly totalSteps: number;
  /** Held-out questions with the answers that the file gives. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Rows left out, with the reason. */
  readonly dropped: readonly RowProblem[];
  /** Batches in seeded order, from the start or from a state. */
  sampler(state?: SamplerState): ReturnType<typeof createSampler>;
}

/** The seeds of a run's parts, apart from each other. */
export const seeds = ({ seed }: Recipe) => ({ split: seed, order: seed + 1, adapter: seed + 2 });

export function methodOf(recipe: Recipe): Method {
  return recipe.method === "full" ? { kind: "full" } : { kind: "lora", ...recipe.lora };
}

/**
 * Tokenises, splits, chooses buckets and counts steps. Throws when nothing can be learnt from the rows: an answer that
 * does not end in a supervised stop token, a BOS too many or too few, no row at all.
 */
export function planRun(model: LoadedModel, dataset: LoadedDataset, recipe: Recipe): Plan {
  const { tokenizer, config } = model;
  if (recipe.maxLength > config.max_position_embeddings) {
    throw new Error(
      `The length limit is ${recipe.maxLength} tokens, but the model's context holds ${config.max_position_embeddings}: lower the limit.`,
    );
  }
  const template = createTemplate(recipe.template, tokenizer);
  const options = { maxLength: recipe.maxLength, system: recipe.systemPrompt };
  const { examples, problems } = tokenizeExamples(dataset.examples, tokenizer, template, options);
  preflight(examples, tokenizer, template);
  const split = splitValidation(examples.length, recipe.validationShare, seeds(recipe).split);
  const pick = (indices: readonly number[]) => indices.map((index) => examples[index] as TokenizedExample);
  const training = pick(split.training);
  const validation = pick(split.validation);
  const buckets = chooseBuckets(examples, recipe.batchSize);
  const sampler = (state?: SamplerState) =>
    createSampler(
      {
        lengths: training.map(({ ids }) => ids.length),
        buckets,
        batchSize: recipe.batchSize,
        accumulation: recipe.accumulation,
        seed: seeds(recipe).order,
      },
      state,
    );
  return {
    method: methodOf(recipe),
    template,
    training,
    validation,
    buckets,
    totalSteps: plannedSteps(recipe, sampler().stepsPerEpoch),
    questions: questionsOf(dataset.examples, validation.length > 0 ? validation : training, recipe.samplePrompts),
    dropped: problems,
    sampler,
  };
}

/** First questions with their answers, each question once. */
function questionsOf(
  examples: readonly Example[],
  from: readonly TokenizedExample[],
  count: number,
): Plan["questions"] {
  const byRow = new Map(examples.map((example) => [example.row, example]));
  const questions = new Map<string, Plan["questions"][number]>();
  for (const { row } of from) {
    const [question, reply] = (byRow.get(row)?.messages ?? []).filter((message) => message.role !== "system");
    if (question?.role !== "user" || reply?.role !== "assistant" || questions.has(question.content)) continue;
    questions.set(question.content, { prompt: question.content, reference: reply.content });
  }
  return [...questions.values()].slice(0, count);
}
