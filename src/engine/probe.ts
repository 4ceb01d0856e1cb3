/** How long a run takes, measured by trying: one step of its own artifacts on its most common batch, and what stands between steps. */

import { compileGeneration } from "../artifacts/compile.ts";
import { parametersOf } from "../artifacts/method.ts";
import { artifactsOfRun } from "../artifacts/ofRun.ts";
import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../batching/batch.ts";
import { bucketFor } from "../batching/buckets.ts";
import { answer } from "../generation/answer.ts";
import { createGenerator, type Generate } from "../generation/generate.ts";
import type { Prompt } from "../generation/prompt.ts";
import { greedySampling } from "../generation/sampling.ts";
import type { Budget } from "../protocol/engine.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { Runtime } from "../runtime/types.ts";
import { evaluationBatches } from "../training/batchSource.ts";
import { nextTask } from "../training/control.ts";
import { meanLoss } from "../training/evaluate.ts";
import { disposeAll, type ParameterTensors } from "../training/parameters.ts";
import type { TrainingProgram } from "../training/program.ts";
import { prepareStep, takeStep } from "../training/step.ts";
import { createWholeGraph } from "../training/wholeGraph.ts";
import { timesOf } from "./budget.ts";
import type { LoadedModel } from "./library.ts";
import type { Plan } from "./prepare.ts";
import { sampleTokens } from "./train.ts";
import type { Weights } from "./weights.ts";

export interface ProbeParts {
  readonly runtime: Runtime;
  readonly weights: Weights;
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly recipe: Recipe;
  /** What is answered between steps; null where nothing is. */
  readonly question: Prompt | null;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Steps of the plan that are looked at for which shapes their batches have. */
const stepsLookedAt = 2000;
/** Tokens of an answer after which its pace is known. */
const tokensTimed = 8;
/** Of a first step that takes longer than these milliseconds, no second micro-batch is tried. */
const slow = 10_000;
const stages = 4;

/**
 * Tries a run. The weights that it trains are its own, at a learning rate of 0, and freed at the end; of the sessions those
 * stay that the run will ask for, and others of training are released. Throws the signal's reason.
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
  const { all, own } = await weights.trainable(model, method, seedsOf(recipe).adapter, signal);
  let started: TrainingProgram | null = null;
  try {
    const program = createWholeGraph({
      runtime,
      parameters: all,
      specs: parametersOf(model.definition, method),
      artifacts: artifactsOfRun(model.definition, method, recipe, runtime.report.provider),
      recipe,
    });
    started = program;
    const { batch, padded } = usualBatch(plan, recipe);
    const step = await timeStep({ ...parts, program, batch, interrupted });
    await next();
    const held = evaluationBatches(plan.validation, plan.validationBuckets);
    const tried = held[Math.floor(held.length / 2)];
    const evaluation = tried ? await timed(() => meanLoss(program, [tried], interrupted), signal) : 0;
    await next();
    const answering = parts.question === null ? 0 : await timeAnswer(parts, runtime, all, parts.question);
    parts.onProgress(stages, stages);

    // Longer batches take longer, about as much as they hold more places.
    const secondsPerStep = step.microBatch * (padded / places(batch.shape)) * recipe.accumulation + step.update;
    const { validations, looks } = timesOf(recipe, plan.totalSteps);
    const heldPlaces = held.reduce((sum, { shape }) => sum + places(shape), 0);
    const validation = tried ? evaluation * (heldPlaces / places(tried.shape)) : 0;
    const answers = 2 * plan.questions.length;
    const total =
      plan.totalSteps * secondsPerStep +
      (held.length > 0 ? validations : 0) * validation +
      answers * answering +
      looks * (answering + evaluation);
    return { secondsPerStep, total };
  } finally {
    started?.dispose();
    disposeAll(own);
    // A run with other settings asks for others; those tried before would only lie about.
    await parts.runtime
      .releaseSessions(({ kind, key }) => kind !== "generation" && !used.has(key))
      .catch(() => undefined);
  }
}

const places = ({ rows, length }: BatchShape) => rows * length;

/** A batch of the shape that the run's first steps have most often, and how many places their batches have on average. */
function usualBatch({ training, buckets, order, totalSteps }: Plan, { accumulation }: Recipe) {
  const draws = order();
  const seen = new Map<BatchShape, { count: number; readonly rows: TokenizedExample[][] }>();
  let padded = 0;
  const steps = Math.min(totalSteps, stepsLookedAt);
  for (let step = 0; step < steps; step++) {
    for (const groups of draws.next()) {
      const rows = groups.map((indices) => indices.map((index) => training[index] as TokenizedExample));
      const shape = bucketFor(buckets, rows);
      const known = seen.get(shape) ?? { count: 0, rows };
      seen.set(shape, { ...known, count: known.count + 1 });
      padded += places(shape);
    }
  }
  const [usual] = [...seen].sort(([, a], [, b]) => b.count - a.count);
  if (!usual) throw new Error("There is no batch to try: choose data with at least one usable row.");
  // The last step of an epoch may be short: the average is over whole steps.
  return { batch: packBatch(usual[1].rows, usual[0]), padded: padded / (steps * accumulation) };
}

interface StepParts extends Pick<ProbeParts, "recipe" | "signal"> {
  readonly program: TrainingProgram;
  readonly batch: Batch;
  readonly interrupted: () => Promise<boolean>;
}

/** Seconds of a micro-batch, and of what a step does once. */
async function timeStep({ program, recipe, batch, signal, interrupted }: StepParts) {
  await prepareStep(program, [batch]);
  const take = async (batches: readonly Batch[]) => {
    // Asked before each micro-batch.
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
  // Two micro-batches tell what the update takes by itself; where a step has but one, it is within that one's time.
  const alone = recipe.accumulation === 1 || first.ended - (first.begun[0] ?? 0) > slow;
  const { begun, ended } = await take(alone ? [batch] : [batch, batch]);
  const [one = 0, two = ended] = begun;
  return { microBatch: (two - one) / 1000, update: Math.max(0, ended - two - (alone ? 0 : two - one)) / 1000 };
}

/** Seconds of the second of two calls: the first one builds what it needs. */
async function timed(call: () => Promise<unknown>, signal: AbortSignal): Promise<number> {
  await call();
  signal.throwIfAborted();
  const started = performance.now();
  await call();
  signal.throwIfAborted();
  return (performance.now() - started) / 1000;
}

/** Seconds of an answer as long as one may be, from the pace of its first tokens; of a shorter one, what it took. */
async function timeAnswer(
  { model, plan, recipe, signal }: ProbeParts,
  runtime: Pick<Runtime, "tensor" | "session">,
  parameters: ParameterTensors,
  question: Prompt,
): Promise<number> {
  const { definition, vocabulary } = model;
  const enough = new AbortController();
  const marks: number[] = [];
  const generate = createGenerator({
    runtime,
    parameters,
    artifact: (shape) => compileGeneration(definition, plan.method, shape),
    contextLength: definition.contextLength,
  });
  const watched: Generate = (request) =>
    generate({
      ...request,
      onToken: (id) => {
        request.onToken?.(id);
        marks.push(performance.now());
        if (marks.length > tokensTimed) enough.abort();
      },
    });
  const parts = { generate: watched, vocabulary };
  const started = performance.now();
  const options = { maxTokens: sampleTokens, sampling: greedySampling, seed: recipe.seed };
  await answer(parts, question, {
    ...options,
    signal: AbortSignal.any([signal, enough.signal]),
  });
  signal.throwIfAborted();
  // Before the second token a session was built.
  const paces = marks.slice(2).map((mark, i) => mark - (marks[i + 1] ?? mark));
  const [middle] = paces.sort((a, b) => a - b).slice(Math.floor(paces.length / 2));
  return (middle === undefined ? performance.now() - started : middle * sampleTokens) / 1000;
}
