/** One run from its record to its end: puts the loop's parts together, and keeps record and checkpoints in step with it. */

import { compileEvaluation, compileGeneration, compileTraining } from "../artifacts/compile.ts";
import { parametersOf } from "../artifacts/method.ts";
import { compileOptimizer } from "../artifacts/optimizer.ts";
import { answer } from "../generation/answer.ts";
import { createGenerator } from "../generation/generate.ts";
import type { Runtime } from "../runtime/types.ts";
import { CheckpointDamagedError } from "../storage/errors.ts";
import type { EvaluationMetrics, RunRecord, StepMetrics } from "../storage/run.ts";
import type { Storage } from "../storage/storage.ts";
import { createBatchSource, evaluationBatches } from "../training/batchSource.ts";
import { type Control, nextTask } from "../training/control.ts";
import { createEvaluator } from "../training/evaluate.ts";
import { trainingLoop } from "../training/loop.ts";
import { disposeAll } from "../training/parameters.ts";
import { learningRateAt } from "../training/schedule.ts";
import { initialState, type LoopState, readState } from "../training/state.ts";
import { createStepper, type Stepper } from "../training/step.ts";
import type { LoadedModel } from "./library.ts";
import { type Plan, seeds } from "./prepare.ts";
import type { EngineEvent } from "./protocol.ts";
import type { Weights } from "./weights.ts";

/** Tokens of an answer to a sample question. */
const sampleTokens = 64;

export interface TrainParts {
  readonly runtime: Runtime;
  readonly storage: Storage;
  readonly weights: Weights;
  readonly model: LoadedModel;
  readonly plan: Plan;
  readonly control: Control;
  readonly emit: (event: EngineEvent) => void;
}

/** The record at a point of the loop. */
function recordAt(record: RunRecord, state: LoopState): RunRecord {
  return {
    ...record,
    updatedAt: new Date().toISOString(),
    step: state.step,
    seconds: state.metrics.reduce((sum, { seconds }) => sum + seconds, 0),
    metrics: state.metrics,
    evaluations: state.evaluations,
    best: state.best,
    samples: state.samples,
  };
}

/** Goes back to the newest whole checkpoint; a damaged one is told, and the one before it taken. */
async function restore(
  storage: Storage,
  stepper: Stepper,
  runId: string,
): Promise<{ state: LoopState; reason: string | null }> {
  const load = (which: number | "latest") =>
    stepper.restore(async (tensor) => (await storage.checkpoints.load(runId, which, tensor)).state);
  try {
    return { state: readState(await load("latest")), reason: null };
  } catch (error) {
    if (!(error instanceof CheckpointDamagedError)) throw error;
    const [older] = error.goodSteps;
    if (older === undefined) throw error;
    return { state: readState(await load(older)), reason: error.message };
  }
}

/**
 * Trains until the run finishes, pauses, is cancelled or fails, from its newest checkpoint where `resumed`, and gives the
 * record as it was saved. What goes wrong while training ends in the record; the checkpoints made so far stay.
 */
export async function train(first: RunRecord, resumed: boolean, parts: TrainParts): Promise<RunRecord> {
  const { runtime, storage, weights, model, plan, control, emit } = parts;
  const { recipe, id: runId } = first;
  const { method } = plan;
  let record = first;
  const publish = (next: RunRecord) => {
    record = next;
    emit({ type: "run", record });
  };

  /** What has been seen since the record was last written, for a run that fails. */
  const reached: { metrics: StepMetrics[]; evaluations: EvaluationMetrics[] } = { metrics: [], evaluations: [] };
  if (plan.dropped.length > 0) emit({ type: "dropped", runId, problems: plan.dropped });
  const { all: parameters, own } = await weights.trainable(model, method, seeds(recipe).adapter);
  let stepper: Stepper | null = null;
  try {
    stepper = createStepper({
      runtime,
      parameters,
      specs: parametersOf(model.config, method),
      artifacts: {
        training: (shape) => compileTraining(model.config, method, shape),
        optimizer: compileOptimizer(model.config, method, recipe),
      },
      recipe,
    });
    let state: LoopState | null = null;
    if (resumed && (await storage.checkpoints.steps(runId)).length > 0) {
      const restored = await restore(storage, stepper, runId);
      state = restored.state;
      if (restored.reason) publish({ ...record, reason: restored.reason });
    }
    const batches = createBatchSource(plan.training, plan.buckets, plan.sampler(state?.sampler));
    state ??= initialState(batches.state());
    publish(recordAt(record, state));
    reached.metrics.push(...state.metrics);
    reached.evaluations.push(...state.evaluations);

    const held = evaluationBatches(plan.validation, plan.buckets);
    const evaluator = createEvaluator({
      runtime,
      parameters,
      artifact: (shape) => compileEvaluation(model.config, method, shape),
    });
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(model.config, method, shape),
      contextLength: model.config.max_position_embeddings,
    });
    const answerer = {
      generate,
      tokenizer: model.tokenizer,
      template: plan.template,
      systemPrompt: recipe.systemPrompt,
    };

    const outcome = await trainingLoop(
      {
        recipe,
        totalSteps: record.totalSteps,
        learningRate: (step) => learningRateAt(recipe, step, record.totalSteps),
        stepper,
        batches,
        evaluate: held.length > 0 ? (interrupted) => evaluator.loss(held, interrupted) : null,
        questions: plan.questions,
        answer: async (prompt) => {
          const greedy = { temperature: 0, topK: null, topP: null };
          const options = { maxTokens: sampleTokens, sampling: greedy, seed: recipe.seed, signal: control.signal };
          const { text, finish } = await answer(answerer, [{ role: "user", content: prompt }], options);
          return finish === "cancelled" ? null : text;
        },
        saveCheckpoint: async ({ state: at, tensors }) => {
          const next = recordAt(record, at);
          await storage.checkpoints.save({ record: next, state: at, tensors });
          record = next;
        },
        emit: (event) => {
          switch (event.type) {
            case "step":
              reached.metrics.push(event.metrics);
              emit({ ...event, runId });
              break;
            case "evaluation":
              reached.evaluations.push(event.metrics);
              emit({ ...event, runId });
              break;
            case "checkpoint":
              emit({ type: "checkpoint", runId, step: event.step });
              break;
            case "empty":
              emit({
                type: "dropped",
                runId,
                problems: event.rows.map((row) => ({
                  line: row,
                  message: `Step ${event.step}: no token of this row is supervised.`,
                })),
              });
              break;
            case "sample": {
              const others = record.samples.filter(({ prompt }) => prompt !== event.sample.prompt);
              publish({ ...record, samples: [...others, event.sample] });
            }
          }
        },
        control,
        clock: () => performance.now(),
        nextTask,
      },
      state,
    );
    record = { ...recordAt(record, outcome.state), status: outcome.status, reason: outcome.reason ?? record.reason };
  } catch (error) {
    const step = reached.metrics.at(-1)?.step ?? record.step;
    record = await failed({ ...record, ...reached, step }, error, runtime);
  } finally {
    stepper?.dispose();
    disposeAll(own);
    await runtime.releaseSessions((key) => /^(training|optimizer|eval)/.test(key)).catch(() => undefined);
  }
  record = { ...record, updatedAt: new Date().toISOString() };
  await storage.runs.put(record);
  emit({ type: "run", record });
  return record;
}

/** A lost GPU pauses the run, for it can go on with another device; everything else is a failure with its reason. */
async function failed(record: RunRecord, error: unknown, runtime: Runtime): Promise<RunRecord> {
  const lost = await Promise.race([runtime.lost, nextTask().then(() => null)]);
  const message = error instanceof Error ? error.message : String(error);
  return lost
    ? {
        ...record,
        status: "paused",
        reason: `The GPU was lost (${lost.message}). Resume to go on from the last checkpoint.`,
      }
    : { ...record, status: "failed", reason: message };
}
