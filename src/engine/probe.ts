/** Measures how long a run takes: a step of its artifacts on its most common batch, a validation batch and an answer. */

import { compileGeneration } from "../artifacts/generation.ts";
import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor } from "../batching/buckets.ts";
import { answer } from "../generation/answer.ts";
import { createGenerator, type Generate } from "../generation/generate.ts";
import type { Prompt } from "../generation/prompt.ts";
import { greedySampling } from "../generation/sampling.ts";
import type { Budget } from "../protocol/engine.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { Runtime } from "../runtime/types.ts";
import { evaluationBatches, rowsOfUnits } from "../training/batchSource.ts";
import { nextTask } from "../training/control.ts";
import { meanLoss } from "../training/evaluate.ts";
import type { ParameterTensors } from "../training/parameters.ts";
import type { TrainingProgram } from "../training/program.ts";
import { prepareStep, takeStep } from "../training/step.ts";
import { timesOf } from "./budget.ts";
import type { LoadedModel } from "./library.ts";
import type { Plan } from "./prepare.ts";
import { createProgram } from "./program.ts";
import { sampleTokens } from "./train.ts";
import type { Weights } from "./weights.ts";

export interface ProbeParts {
  readonly runtime: Runtime;
  readonly weights: Weights;
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly recipe: Recipe;
  /** The prompt that the run answers between steps; null without one. */
  readonly question: Prompt | null;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Steps of the plan from which the most common batch shape is taken. */
const stepsSampled = 2000;
/** Tokens of an answer that are timed. */
const tokensTimed = 8;
/** After a first step of more than these milliseconds, the second step has one micro-batch, not two. */
const slow = 10_000;
const stages = 4;

/**
 * Trains weights of its own at a learning rate of 0, and frees them at the end. Releases all sessions but those that the run
 * reuses and those of generation. Throws the signal's reason.
 */
export async function probe(parts: ProbeParts): Promise<NonNullable<Budget["time"]>> {
  const { weights, model, plan, recipe, signal } = parts;
  const { method } = plan;
  const used = new Set<string>();
  const runtime: Pick<Runtime, "tensor" | "session" | "prepare" | "report"> = {
    report: parts.runtime.report,
    tensor: (...tensor) => parts.runtime.tensor(...tensor),
    session: (artifact) => {
      used.add(artifact.key);
      return parts.runtime.session(artifact);
    },
    prepare: (artifact) => {
      used.add(artifact.key);
      return parts.runtime.prepare(artifact);
    },
  };
  const interrupted = async () => {
    await nextTask();
    return signal.aborted;
  };
  let done = 0;
  const next = async () => {
    parts.onProgress(done++, stages);
    await nextTask();
    signal.throwIfAborted();
  };

  await next();
  const { all, release } = await weights.trainable(
    model,
    method,
    { seed: seedsOf(recipe).adapter, start: null },
    signal,
  );
  let started: TrainingProgram | null = null;
  try {
    const program = createProgram({
      runtime,
      provider: runtime.report.provider,
      parameters: all,
      model: model.definition,
      method,
      recipe,
    });
    started = program;
    const { batch, padded } = usualBatch(plan, recipe);
    const step = await timeStep({ ...parts, program, batch, interrupted });
    await next();
    const heldOut = evaluationBatches(plan.validation, plan.validationBuckets);
    const tried = heldOut[Math.floor(heldOut.length / 2)];
    const evaluation = tried ? await timed(() => meanLoss(program, [tried], interrupted), signal) : 0;
    await next();
    const answering = parts.question === null ? 0 : await timeAnswer(parts, runtime, all, parts.question);
    parts.onProgress(stages, stages);

    // The time of a batch is taken as proportional to its positions.
    const scoring = await scoringTime(plan, program, batch, signal);
    const secondsPerStep =
      (step.microBatch + scoring) * (padded / positions(batch.shape)) * recipe.accumulation + step.update;
    const { validations, snapshots } = timesOf(recipe, plan.totalSteps);
    const general = plan.general.sets.flatMap(({ examples }) => evaluationBatches(examples, plan.general.buckets));
    const heldOutPositions = [...heldOut, ...general].reduce((sum, { shape }) => sum + positions(shape), 0);
    const validation = tried ? evaluation * (heldOutPositions / positions(tried.shape)) : 0;
    const answers = 2 * plan.questions.length;
    const total =
      plan.totalSteps * secondsPerStep +
      (heldOut.length > 0 ? validations : 0) * validation +
      answers * answering +
      snapshots * (answering + evaluation);
    return { secondsPerStep, total };
  } finally {
    started?.dispose();
    release();
    // Sessions of earlier probes with other settings only take memory.
    await parts.runtime
      .releaseSessions(({ kind, key }) => kind !== "generation" && !used.has(key))
      .catch(() => undefined);
  }
}

const positions = ({ rows, length }: BatchShape) => rows * length;

/** A batch of the most common shape in the first steps, and the mean number of positions of their batches. */
function usualBatch({ units, buckets, order, totalSteps }: Plan, { accumulation }: Recipe) {
  const draws = order();
  const seen = new Map<BatchShape, { count: number; readonly rows: readonly (readonly TokenizedExample[])[] }>();
  let padded = 0;
  const steps = Math.min(totalSteps, stepsSampled);
  for (let step = 0; step < steps; step++) {
    for (const groups of draws.next()) {
      const rows = rowsOfUnits(units, groups);
      const shape = bucketFor(buckets, rows);
      const known = seen.get(shape) ?? { count: 0, rows };
      seen.set(shape, { ...known, count: known.count + 1 });
      padded += positions(shape);
    }
  }
  const [usual] = [...seen].sort(([, a], [, b]) => b.count - a.count);
  if (!usual) throw new Error("There is no batch to try: choose data with at least one usable row.");
  // The last step of an epoch may have fewer micro-batches, so the mean is over steps.
  return { batch: packBatch(usual[1].rows, usual[0]), padded: padded / (steps * accumulation) };
}

/** Seconds in which a micro-batch of preferences gets its log-probabilities, times the share of such steps. */
async function scoringTime(
  { stages, totalSteps }: Plan,
  program: TrainingProgram,
  batch: Batch,
  signal: AbortSignal,
): Promise<number> {
  const steps = stages.reduce((sum, { objective, steps: own }) => sum + (objective === "preference" ? own : 0), 0);
  return steps === 0 ? 0 : ((await timed(() => program.tokenLosses(batch), signal)) * steps) / totalSteps;
}

interface StepParts extends Pick<ProbeParts, "recipe" | "signal"> {
  readonly program: TrainingProgram;
  readonly batch: Batch;
  readonly interrupted: () => Promise<boolean>;
}

/** Seconds of a micro-batch, and of the update after the micro-batches. */
async function timeStep({ program, recipe, batch, signal, interrupted }: StepParts) {
  await prepareStep(program, [batch]);
  const take = async (batches: readonly Batch[]) => {
    // `takeStep` polls for an interruption before each micro-batch.
    const begun: number[] = [];
    const outcome = await takeStep(program, { step: 1, updates: 0, batches, learningRate: 0 }, async () => {
      const stop = await interrupted();
      begun.push(performance.now());
      return stop;
    });
    if (outcome.kind === "interrupted") signal.throwIfAborted();
    return { begun, ended: performance.now() };
  };
  const first = await take([batch]);
  // Two micro-batches separate the update's time from theirs; with one, the update counts as part of it.
  const alone = recipe.accumulation === 1 || first.ended - (first.begun[0] ?? 0) > slow;
  const { begun, ended } = await take(alone ? [batch] : [batch, batch]);
  const [one = 0, two = ended] = begun;
  return { microBatch: (two - one) / 1000, update: Math.max(0, ended - two - (alone ? 0 : two - one)) / 1000 };
}

/** Seconds of the second of two calls, because the first one builds sessions. */
async function timed(call: () => Promise<unknown>, signal: AbortSignal): Promise<number> {
  await call();
  signal.throwIfAborted();
  const started = performance.now();
  await call();
  signal.throwIfAborted();
  return (performance.now() - started) / 1000;
}

/** Seconds of an answer of the greatest length, by the median time of its first tokens; of a short answer, its own time. */
async function timeAnswer(
  { model, plan, recipe, signal }: ProbeParts,
  runtime: Pick<Runtime, "tensor" | "session" | "report">,
  parameters: ParameterTensors,
  question: Prompt,
): Promise<number> {
  const { definition, vocabulary, opened } = model;
  const enough = new AbortController();
  const marks: number[] = [];
  const generate = createGenerator({
    runtime,
    parameters,
    artifact: (shape) => compileGeneration(definition, plan.method, shape),
    contextLength: definition.contextLength,
  });
  const timedGenerate: Generate = (request) =>
    generate({
      ...request,
      onToken: (id) => {
        request.onToken?.(id);
        marks.push(performance.now());
        if (marks.length > tokensTimed) enough.abort();
      },
    });
  const parts = { generate: timedGenerate, vocabulary, stopIds: opened.stopIds };
  const started = performance.now();
  const options = { maxTokens: sampleTokens, sampling: greedySampling, seed: recipe.seed };
  await answer(parts, question, {
    ...options,
    signal: AbortSignal.any([signal, enough.signal]),
  });
  signal.throwIfAborted();
  // The time of the second token includes the building of a session.
  const paces = marks.slice(2).map((mark, i) => mark - (marks[i + 1] ?? mark));
  const [middle] = paces.sort((a, b) => a - b).slice(Math.floor(paces.length / 2));
  return (middle === undefined ? performance.now() - started : middle * sampleTokens) / 1000;
}
