/** One run from its record to its end: puts the loop's parts together, and keeps record and checkpoints in step with it. */

import { compileEvaluation, compileGeneration, compileTraining } from "../artifacts/compile.ts";
import { parametersOf } from "../artifacts/method.ts";
import { compileOptimizer } from "../artifacts/optimizer.ts";
import { answer } from "../generation/answer.ts";
import { createGenerator } from "../generation/generate.ts";
import { greedySampling } from "../generation/sampling.ts";
import type { Runtime } from "../runtime/types.ts";
import { CheckpointDamagedError, StorageError } from "../storage/errors.ts";
import type { Recipe, RunRecord } from "../storage/run.ts";
import type { Storage } from "../storage/storage.ts";
import { createBatchSource, evaluationBatches } from "../training/batchSource.ts";
import { type Control, nextTask } from "../training/control.ts";
import { createEvaluator } from "../training/evaluate.ts";
import { trainingLoop } from "../training/loop.ts";
import { disposeAll, type ParameterTensors } from "../training/parameters.ts";
import { learningRateAt } from "../training/schedule.ts";
import { initialState, type LoopState, readState } from "../training/state.ts";
import { createStepper, type Stepper } from "../training/step.ts";
import { createJournal } from "./journal.ts";
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
  const { runtime, storage, weights, model, plan, emit } = parts;
  const { recipe, id: runId } = first;
  const { method } = plan;
  const journal = createJournal(first, emit);
  if (plan.dropped.length > 0) emit({ type: "dropped", runId, problems: plan.dropped });

  let own: ParameterTensors = new Map();
  let stepper: Stepper | null = null;
  try {
    const trainable = await weights.trainable(model, method, seeds(recipe).adapter);
    const parameters = trainable.all;
    own = trainable.own;
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
      if (restored.reason) journal.write({ reason: restored.reason });
    }
    const batches = createBatchSource(plan.training, plan.buckets, plan.sampler(state?.sampler));
    state ??= initialState(batches.state());
    journal.begin(state);

    const held = evaluationBatches(plan.validation, plan.validationBuckets);
    const evaluator = createEvaluator({
      runtime,
      parameters,
      artifact: (shape) => compileEvaluation(model.config, method, shape),
    });
    const { totalSteps } = first;
    const outcome = await trainingLoop(
      {
        recipe,
        totalSteps,
        learningRate: (step) => learningRateAt(recipe, step, totalSteps),
        stepper,
        batches,
        evaluate: held.length > 0 ? (interrupted) => evaluator.loss(held, interrupted) : null,
        questions: plan.questions,
        answer: sampler(parts, parameters, recipe),
        saveCheckpoint: async ({ state: at, tensors }) => {
          await storage.checkpoints.save({ record: journal.at(at), state: at, tensors });
        },
        emit: journal.hear,
        control: parts.control,
        clock: () => performance.now(),
        nextTask,
      },
      state,
    );
    journal.end(outcome.state, outcome.status, outcome.reason);
  } catch (error) {
    journal.fail(error, await lossOf(runtime));
  } finally {
    stepper?.dispose();
    disposeAll(own);
    await runtime.releaseSessions((key) => /^(training|optimizer|eval)/.test(key)).catch(() => undefined);
  }
  try {
    await storage.runs.put(journal.record());
  } catch (error) {
    // A disk without room for the record has the last checkpoint's; the page gets the one of now, and the reason.
    if (!(error instanceof StorageError)) throw error;
    journal.write({ reason: error.message });
  }
  emit({ type: "run", record: journal.record() });
  return journal.record();
}

/** Answers a sample question greedily with the weights as they are; null when the run was interrupted meanwhile. */
function sampler(
  { runtime, model, plan, control }: TrainParts,
  parameters: ParameterTensors,
  { seed, systemPrompt }: Recipe,
): (prompt: string) => Promise<string | null> {
  const generate = createGenerator({
    runtime,
    parameters,
    artifact: (shape) => compileGeneration(model.config, plan.method, shape),
    contextLength: model.config.max_position_embeddings,
  });
  const answerer = { generate, tokenizer: model.tokenizer, template: plan.template, systemPrompt };
  const options = { maxTokens: sampleTokens, sampling: greedySampling, seed, signal: control.signal };
  return async (prompt) => {
    const { text, finish } = await answer(answerer, [{ role: "user", content: prompt }], options);
    return finish === "cancelled" ? null : text;
  };
}

/** Why the device was lost, null where it was not. */
const lossOf = (runtime: Runtime) => Promise.race([runtime.lost, nextTask().then(() => null)]);
