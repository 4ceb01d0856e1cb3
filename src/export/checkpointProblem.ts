/** Checks whether training can resume from a foreign checkpoint: its state and its tensors, against the record. */

import * as v from "valibot";
import { firstMoment, type ParameterSpec, referenceScores, secondMoment } from "../artifacts/contract.ts";
import { needsReference } from "../batching/preference.ts";
import { isTarget } from "../nn/scope.ts";
import { whole } from "../run/fields.ts";
import { curvesProblem, mostSteps, seenBounds } from "../run/foreign.ts";
import { readAs } from "../run/problem.ts";
import type { RunRecord } from "../run/record.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { describeType, type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { readState } from "../training/state.ts";

/** The parameters that a run trains. */
export type Wanted = readonly Pick<ParameterSpec, "name" | "shape">[];
type Tensors = readonly Pick<CheckpointView["tensors"][number], "name" | "dtype" | "shape">[];

const Word = whole(0, 2 ** 32 - 1);
const Random = v.tuple([Word, Word, Word, Word]);
const Count = whole(0, Number.MAX_SAFE_INTEGER);
const State: v.GenericSchema<unknown, unknown> = v.object({
  step: whole(0, mostSteps),
  updates: whole(0, mostSteps),
  sampler: v.object({
    epoch: whole(0, mostSteps),
    cursor: Count,
    random: Random,
    passes: v.array(v.object({ pass: whole(0, mostSteps), position: Count, random: Random })),
    drawn: Count,
    stages: Count,
  }),
  ...seenBounds,
});

/** The problem of the state of a checkpoint of `step`, as the end of a sentence; null without one. */
export function stateProblem(stored: unknown, step: number, record: RunRecord): string | null {
  const read = readStateOf(stored);
  if ("problem" in read) return read.problem;
  const { state, curves } = read;
  const problem = readAs(State, state).problem;
  if (problem) return problem;
  if (curves === null) return "metrics is missing";
  if (state.step === 0 && !record.origin) return "step is 0, but a run has no checkpoint before its first step";
  if (state.step !== step) return `step is ${state.step}, but the checkpoint is of step ${step}`;
  if (state.updates > step) return `updates is ${state.updates}, more than its ${step} steps`;
  if (state.best && state.best.step > step) return `best.step is ${state.best.step}, after step ${step}`;
  const late = state.moments.find((seen) => seen.step > step);
  if (late) return `moments has a step ${late.step}, after step ${step}`;
  return samplerProblem(state.sampler, step, record) ?? curvesProblem(curves, step);
}

function readStateOf(stored: unknown) {
  try {
    return readState(stored, null);
  } catch (error) {
    const message = error instanceof Error ? error.message : "it cannot be read.";
    return { problem: message.replace(/^.* cannot be read: |\. Resume from another checkpoint\.$/g, "") };
  }
}

type SamplerState = ReturnType<typeof readState>["state"]["sampler"];

function samplerProblem(
  { stages, drawn, cursor, passes }: SamplerState,
  step: number,
  record: RunRecord,
): string | null {
  const { recipe } = record;
  if (stages !== recipe.stages.length) return `sampler.stages is ${stages}, but the recipe has ${recipe.stages.length}`;
  if (drawn !== step) return `sampler.drawn is ${drawn}, but ${step} steps are done`;
  const begins = record.stages.map((_, i) => record.stages.slice(0, i).reduce((sum, { steps }) => sum + steps, 0));
  const current = begins.findLastIndex((begin) => begin <= drawn);
  const examples = record.stages[current]?.examples ?? 0;
  const batches = Math.ceil(examples / recipe.batchSize);
  if (cursor > batches) return `sampler.cursor is ${cursor}, but an epoch has at most ${batches} micro-batches`;
  if (recipe.stages[current]?.mixture !== "sampling") return null;
  const sources = record.sources.length;
  if (passes.length !== sources) return `sampler.passes has ${passes.length} sources, but the run has ${sources}`;
  const far = passes.findIndex(({ position }) => position > examples);
  return far < 0
    ? null
    : `sampler.passes.${far}.position is ${passes[far]?.position}, but the stage has ${examples} examples`;
}

/**
 * The problem of the tensors of a checkpoint of `step`, as the end of a sentence; null without one. They must be the parameters
 * that the recipe trains, each with AdamW's two moments, which a run of another tool does not have, and the reference
 * log-probabilities of the stages of preferences that have begun. `wanted` is null where the base model is not loaded.
 */
export function tensorsProblem(all: Tensors, step: number, record: RunRecord, wanted: Wanted | null): string | null {
  const { own: references, problem } = referencesOf(all, step, record);
  if (problem) return problem;
  const tensors = all.filter(({ name }) => !references.has(name));
  const shapes = new Map<string, Shape>();
  for (const { name, dtype, shape } of all) {
    if (dtype !== "float32") return `${cut(name)} is ${cut(describeType(dtype, shape))}, but training stores float32`;
    if (!references.has(name)) shapes.set(name, shape);
  }
  const optimizerMoments = new Set<string>();
  const isTrainedHere = record.origin === undefined;
  const parameters = tensors.filter(
    ({ name }) => !isTrainedHere || shapes.has(firstMoment(name)) || shapes.has(secondMoment(name)),
  );
  for (const { name, shape } of isTrainedHere ? parameters : []) {
    for (const key of [firstMoment(name), secondMoment(name)]) {
      const found = shapes.get(key);
      if (!found) return `${cut(key)} is missing`;
      if (!sameShape(found, shape)) return `${cut(key)} has another shape than ${cut(name)}`;
      optimizerMoments.add(key);
    }
  }
  const trained = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const alone = tensors.find(({ name }) => !trained.has(name) && !optimizerMoments.has(name));
  if (alone) return `${cut(alone.name)} has no moments`;
  const numbers = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (numbers !== record.trainable) return `it trains ${numbers} numbers, but trainable is ${record.trainable}`;
  return (wanted && modelProblem(trained, wanted)) ?? adapterProblem(trained, record);
}

/** The names of a checkpoint's reference log-probabilities, and what is wrong with them. */
function referencesOf(tensors: Tensors, step: number, { recipe, stages }: RunRecord) {
  const own = new Set<string>();
  let begin = 0;
  for (const [index, { preference, objective }] of recipe.stages.entries()) {
    if (objective === "preference" && preference !== null && needsReference(preference.loss)) {
      const name = referenceScores(index);
      const found = tensors.find((tensor) => tensor.name === name);
      if (found && found.shape.length !== 1)
        return { own, problem: `${name} has the shape [${found.shape}], not a list` };
      if (!found && step > begin) return { own, problem: `${name} is missing, after the first step of its stage` };
      if (found && step < begin) return { own, problem: `${name} is there, before its stage` };
      own.add(name);
    }
    begin += stages[index]?.steps ?? 0;
  }
  return { own, problem: null };
}

type Trained = ReadonlyMap<string, Shape>;

function adapterProblem(trained: Trained, { recipe: { method, lora } }: RunRecord): string | null {
  const { rank, targets } = lora;
  for (const [name, shape] of trained) {
    const [, path, side] = /^(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if ((method === "lora") !== (path !== undefined)) {
      return `${cut(name)} is not what the recipe's method "${method}" trains`;
    }
    if (path === undefined) continue;
    if (!isTarget(path, targets)) return `${cut(name)} is none of recipe.lora.targets`;
    if (shape.length !== 2 || shape[side === "A" ? 0 : 1] !== rank) return `${cut(name)} is not of rank ${rank}`;
  }
  return null;
}

function modelProblem(trained: Trained, wanted: Wanted): string | null {
  for (const { name, shape } of wanted) {
    const found = trained.get(name);
    if (!found) return `${cut(name)} is missing`;
    if (sameShape(found, shape)) continue;
    return `${cut(name)} has the shape ${cut(`[${found}]`)}, but the model has ${cut(`[${shape}]`)}`;
  }
  const known = new Set(wanted.map(({ name }) => name));
  const other = [...trained.keys()].find((name) => !known.has(name));
  return other === undefined ? null : `${cut(other)} is no parameter that the run trains`;
}
