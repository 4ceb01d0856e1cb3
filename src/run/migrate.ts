/**
 * Migrates records of version 1 to the current schema. Version 1 had "together" or "text-first" instead of a list of stages,
 * one length, rate and schedule for all stages, λ in the sources, and losses by kind instead of by held-out set. Values of
 * another form pass unchanged, and the schema then reports them.
 */

import { validationOf } from "./heldOut.ts";

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A run record in the current schema. */
export function migrateRecord(value: unknown): unknown {
  if (!isObject(value) || !isObject(value.recipe) || Array.isArray(value.recipe.stages)) return value;
  return {
    ...value,
    recipe: migrateRecipe(value.recipe, Array.isArray(value.sources) ? value.sources : []),
    stages: migrateRunStages(value),
  };
}

function migrateRecipe(recipe: Json, runSources: readonly unknown[]): Json {
  const {
    stages = "together",
    textEpochs = 1,
    textLearningRate = null,
    mixture,
    learningRate,
    epochs,
    steps,
    schedule,
    warmupRatio,
    ...rest
  } = recipe;
  const sources = runSources.map((source, index) => ({
    source: index,
    lambda: isObject(source) ? source.lambda : undefined,
  }));
  const last = { objective: "mixed", sources, mixture, learningRate, epochs, steps, schedule, warmupRatio };
  const text = {
    ...last,
    objective: "text",
    learningRate: textLearningRate ?? learningRate,
    epochs: textEpochs,
    steps: null,
  };
  return {
    // The first runs had no watch.
    watchEvery: null,
    ...rest,
    stages: stages === "text-first" ? [text, { ...last, objective: "chat" }] : stages === "together" ? [last] : stages,
  };
}

/** The stages of a record; version 1 stored none for a run in one stage. */
function migrateRunStages({ stages = [], totalSteps, examples }: Json): unknown {
  if (!Array.isArray(stages)) return stages;
  if (stages.length === 0) {
    const training = isObject(examples) ? examples.training : undefined;
    return [{ objective: "mixed", steps: totalSteps, examples: training, supervisedTokens: null }];
  }
  return stages.map((stage: unknown) => {
    if (!isObject(stage)) return stage;
    const { kind, ...rest } = stage;
    return { ...rest, objective: kind };
  });
}

/** An evaluation in the current schema. */
export function migrateEvaluation(value: unknown): unknown {
  if (!isObject(value) || "sets" in value) return value;
  const { byKind, ...rest } = value;
  if (!isObject(byKind)) return { ...rest, sets: { [validationOf("mixed").name]: value.loss } };
  const named = (["text", "chat"] as const).filter((kind) => byKind[kind] !== undefined);
  return { ...rest, sets: Object.fromEntries(named.map((kind) => [validationOf(kind).name, byKind[kind]])) };
}

/** A checkpoint's state in the current schema; with one stage, version 1 did not store `drawn`, which equals `step`. */
export function migrateState(value: unknown): unknown {
  if (!isObject(value) || !isObject(value.sampler) || value.sampler.stages !== undefined) return value;
  const { drawn } = value.sampler;
  return {
    ...value,
    sampler: { ...value.sampler, ...(drawn === undefined ? { drawn: value.step, stages: 1 } : { stages: 2 }) },
  };
}
