/** The stages of a run: what each learns from, how long, and at which rate. */

import type { MixtureMode } from "../batching/mixture.ts";
import type { LearntKind } from "../records/example.ts";
import type { Recipe } from "./recipe.ts";

/**
 * Which examples a stage learns from, and how: plain text, where every token is supervised (continued pre-training), chats,
 * where the mask decides (supervised fine-tuning), or both mixed, each in its own way (DOMAIN.md, Domain adaptation).
 */
export const objectives = ["mixed", "text", "chat"] as const;

export type Objective = (typeof objectives)[number];

/** Whether a stage with this objective learns from examples of the kind. */
export const learns = (objective: Objective, kind: LearntKind) => objective === "mixed" || objective === kind;

/** One source of a stage. */
export interface StageSource {
  /** Index among the run's sources, from 0. */
  readonly source: number;
  /** λ of the mixture, > 0. */
  readonly lambda: number;
}

export const schedules = ["cosine", "linear", "constant"] as const;

/** The optimizer begins each stage afresh, and the rate rises and falls in each. */
export interface Stage {
  readonly objective: Objective;
  /** null: every source of the run with λ = 1. */
  readonly sources: readonly StageSource[] | null;
  readonly mixture: MixtureMode;
  /** Peak of the rate. */
  readonly learningRate: number;
  /** Passes over the stage's rows; may be fractional. */
  readonly epochs: number;
  /** Optimizer steps; when set it replaces `epochs`. */
  readonly steps: number | null;
  readonly schedule: (typeof schedules)[number];
  /** Share of the stage's steps over which the rate rises from 0, in [0, 1). */
  readonly warmupRatio: number;
}

type Staged = Pick<Recipe, "stages">;

/** The stage that a form's own fields are of. Throws when there is none. */
export function lastStage({ stages }: Staged): Stage {
  const last = stages.at(-1);
  if (!last) throw new Error("The recipe has no stage: a run needs at least one.");
  return last;
}

/** The stage of plain text before the last one; null where there is none. */
export function textStage({ stages }: Staged): Stage | null {
  return stages.slice(0, -1).find(({ objective }) => objective === "text") ?? null;
}

export function inEveryStage<T extends Staged>(recipe: T, change: Partial<Stage>): T {
  return { ...recipe, stages: recipe.stages.map((stage) => ({ ...stage, ...change })) };
}

export function inLastStage<T extends Staged>(recipe: T, change: Partial<Stage>): T {
  return { ...recipe, stages: [...recipe.stages.slice(0, -1), { ...lastStage(recipe), ...change }] };
}

export function inTextStage<T extends Staged>(recipe: T, change: Partial<Stage>): T {
  const text = textStage(recipe);
  return { ...recipe, stages: recipe.stages.map((stage) => (stage === text ? { ...stage, ...change } : stage)) };
}

/** Everything is learnt in one stage. */
export function together<T extends Staged>(recipe: T): T {
  return { ...recipe, stages: [{ ...lastStage(recipe), objective: "mixed" }] };
}

/** A first stage continues pre-training on the text, one pass at the chats' rate; a second one learns from the chats. */
export function textFirst<T extends Staged>(recipe: T): T {
  if (textStage(recipe)) return recipe;
  const last = lastStage(recipe);
  return {
    ...recipe,
    stages: [
      { ...last, objective: "text", epochs: 1, steps: null },
      { ...last, objective: "chat" },
    ],
  };
}

/** Every stage takes all sources, with these λ in their order. */
export function withLambdas<T extends Staged>(recipe: T, lambdas: readonly number[]): T {
  return inEveryStage(recipe, { sources: lambdas.map((lambda, source) => ({ source, lambda })) });
}

/** Whether a stage takes the run's source `index`. */
export const takes = ({ sources }: Pick<Stage, "sources">, index: number) =>
  sources === null || sources.some(({ source }) => source === index);

/**
 * λ of each of the run's `count` sources in a stage; 1 for those that it does not take. Throws, naming the source, where the
 * stage asks for one that the run does not have.
 */
export function lambdasOf({ sources }: Pick<Stage, "sources">, count: number): number[] {
  const outside = sources?.find(({ source }) => source >= count);
  if (outside) {
    throw new RangeError(
      `A stage asks for source ${outside.source + 1}, and the run has ${count}: choose its data again.`,
    );
  }
  return Array.from({ length: count }, (_, index) => sources?.find(({ source }) => source === index)?.lambda ?? 1);
}
