/** The stages of a run: their data, length and learning rate. */

import type { MixtureMode } from "../batching/mixture.ts";
import { type PreferenceLoss, type PreferenceSettings, usualPreference } from "../batching/preference.ts";
import type { TrainableKind } from "../records/example.ts";
import { usualRate } from "./preferenceFields.ts";
import type { Recipe } from "./recipe.ts";

/**
 * The examples of a stage: plain text, all of it supervised (continued pre-training), chats, supervised by the mask
 * (supervised fine-tuning), both mixed, each supervised in its own way, or preferred and rejected answers.
 */
export const objectives = ["mixed", "text", "chat", "preference"] as const;

export type Objective = (typeof objectives)[number];

/** Whether a stage with this objective trains on examples of this kind. */
export const learns = (objective: Objective, kind: TrainableKind) =>
  objective === kind || (objective === "mixed" && kind !== "preference");

/** One source of a stage. */
export interface StageSource {
  /** Index among the run's sources, from 0. */
  readonly source: number;
  /** λ in the mixture, > 0. */
  readonly lambda: number;
}

export const schedules = ["cosine", "linear", "constant"] as const;

/** One stage of training; the optimizer state and the rate schedule start anew in each. */
export interface Stage {
  readonly objective: Objective;
  /** Applies with the objective "preference"; null otherwise, and in older recipes. */
  readonly preference: PreferenceSettings | null;
  /** null: every source of the run with λ = 1. */
  readonly sources: readonly StageSource[] | null;
  readonly mixture: MixtureMode;
  /** Peak learning rate. */
  readonly learningRate: number;
  /** Number of passes over the stage's rows; may be fractional. */
  readonly epochs: number;
  /** Number of optimizer steps; a value other than null overrides `epochs`. */
  readonly steps: number | null;
  readonly schedule: (typeof schedules)[number];
  /** Share of the stage's steps over which the rate rises from 0, in [0, 1). */
  readonly warmupRatio: number;
  /** Share of the stage's loss weight that is general text, in [0, 1). Stages of preferences have none. */
  readonly replay: number;
}

type Staged = Pick<Recipe, "stages">;

/** The last stage, whose fields the form shows. Throws when there is no stage. */
export function lastStage({ stages }: Staged): Stage {
  const last = stages.at(-1);
  if (!last) throw new Error("The recipe has no stage: a run needs at least one.");
  return last;
}

/** The stage of plain text before the last stage; null without one. */
export function textStage({ stages }: Staged): Stage | null {
  return stages.slice(0, -1).find(({ objective }) => objective === "text") ?? null;
}

export function inEveryStage<T extends Staged>(recipe: T, change: Partial<Stage>): T {
  return { ...recipe, stages: recipe.stages.map((stage) => ({ ...stage, ...change })) };
}

export function inLastStage<T extends Staged>(recipe: T, change: Partial<Stage>): T {
  return { ...recipe, stages: [...recipe.stages.slice(0, -1), { ...lastStage(recipe), ...change }] };
}

/** Changes the stage at an index, which need not exist. */
export function inStage<T extends Staged>(recipe: T, index: number, change: Partial<Stage>): T {
  return { ...recipe, stages: recipe.stages.map((stage, i) => (i === index ? { ...stage, ...change } : stage)) };
}

/** The stage with another objective, and with the usual rate and preferences of that objective. */
export function withObjective(stage: Stage, objective: Objective): Stage {
  const from = stage.preference?.loss ?? null;
  const preference = objective === "preference" ? (stage.preference ?? usualPreference.dpo) : null;
  return {
    ...stage,
    objective,
    preference,
    learningRate: usualRate(stage.learningRate, from, preference?.loss ?? null),
  };
}

/** The stage with another preference loss, and with the usual rate and settings of that loss. */
export function withLoss(stage: Stage, loss: PreferenceLoss): Stage {
  return {
    ...stage,
    preference: usualPreference[loss],
    learningRate: usualRate(stage.learningRate, stage.preference?.loss ?? null, loss),
  };
}

/**
 * The recipe with these objectives, a stage for each. New stages have the settings of the last one; a new stage of text before
 * others makes one pass.
 */
export function withObjectives<T extends Staged>(recipe: T, objectives: readonly Objective[]): T {
  const same = objectives.length === recipe.stages.length;
  const stages = objectives.map((objective, index) => {
    const stage = withObjective(recipe.stages[index] ?? lastStage(recipe), objective);
    const isNew = !same && objective === "text" && index < objectives.length - 1;
    return isNew ? { ...stage, epochs: 1, steps: null } : stage;
  });
  return { ...recipe, stages };
}

/** Continues pre-training on the text in a first stage, one pass at the chats' rate, and trains on the chats in a second. */
export function textFirst<T extends Staged>(recipe: T): T {
  const last = lastStage(recipe);
  return {
    ...recipe,
    stages: [
      { ...last, objective: "text", epochs: 1, steps: null },
      { ...last, objective: "chat" },
    ],
  };
}

/** Gives every stage all sources but `general` ones, with these λ in order. */
export function withLambdas<T extends Staged>(
  recipe: T,
  lambdas: readonly number[],
  general: readonly number[] = [],
): T {
  const sources = lambdas.map((lambda, source) => ({ source, lambda }));
  return inEveryStage(recipe, { sources: sources.filter(({ source }) => !general.includes(source)) });
}

/** Gives each stage its sources: `lambdas[stage][source]`, 0 where a stage does not use the source. */
export function withStageLambdas<T extends Staged>(recipe: T, lambdas: readonly (readonly number[])[]): T {
  const sourcesOf = (index: number): StageSource[] =>
    (lambdas[index] ?? []).flatMap((lambda, source) => (lambda > 0 ? [{ source, lambda }] : []));
  return { ...recipe, stages: recipe.stages.map((stage, index) => ({ ...stage, sources: sourcesOf(index) })) };
}

/** Whether a stage uses the run's source `index`. */
export const takes = ({ sources }: Pick<Stage, "sources">, index: number) =>
  sources === null || sources.some(({ source }) => source === index);

/**
 * λ of each of the run's `count` sources in a stage; 1 for sources that the stage does not use. Throws a RangeError with the
 * source's number when the stage uses a source that the run does not have.
 */
export function lambdasOf({ sources }: Pick<Stage, "sources">, count: number): number[] {
  const outside = sources?.find(({ source }) => source >= count);
  if (outside) {
    throw new RangeError(`A stage uses source ${outside.source + 1}, but the run has ${count}: choose its data again.`);
  }
  return Array.from({ length: count }, (_, index) => sources?.find(({ source }) => source === index)?.lambda ?? 1);
}
