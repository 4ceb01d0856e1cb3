/** Trains one run: assembles the parts of the loop, and saves the record with every checkpoint. */

import { answerBatch } from "../generation/answer.ts";
import type { PreparedQuestion } from "../generation/examine.ts";
import type { Prompt } from "../generation/prompt.ts";
import { greedySampling } from "../generation/sampling.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import { guardRuleOf } from "../run/guard.ts";
import { bestSetOf, patienceSetOf } from "../run/heldOut.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { Runtime } from "../runtime/types.ts";
import type { CurveWriter } from "../storage/curves.ts";
import { CheckpointDamagedError, StorageError } from "../storage/errors.ts";
import { requireTrainingLock, TrainingLockLostError } from "../storage/lock.ts";
import type { Storage } from "../storage/storage.ts";
import { createBatchSource, evaluationBatches } from "../training/batchSource.ts";
import { type Control, nextTask } from "../training/control.ts";
import { type LoopParts, trainingLoop } from "../training/loop.ts";
import { evaluateMeter } from "../training/meter.ts";
import type { ParameterTensors } from "../training/parameters.ts";
import { createPreferences, type Preferences } from "../training/preference.ts";
import type { TrainingProgram } from "../training/program.ts";
import { learningRateOf, slowedBy } from "../training/schedule.ts";
import { initialState, type LoopState, type Patience, readState } from "../training/state.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { LoadedModel } from "./library.ts";
import { memoryOf } from "./memory.ts";
import { withExam } from "./midExam.ts";
import { type Plan, shapesOf } from "./prepare.ts";
import { createProgram } from "./program.ts";
import { answererOf } from "./respondent.ts";
import { createWatch } from "./watch.ts";
import type { Weights } from "./weights.ts";

/** Tokens of an answer to a sample question, or to the watched prompt. */
export const sampleTokens = 64;

export interface TrainParts {
  readonly runtime: Runtime;
  readonly storage: Storage;
  readonly weights: Weights;
  readonly model: LoadedModel;
  readonly plan: Plan;
  /** Prompts of the sample questions and of the watch, by their text. */
  readonly prompts: ReadonlyMap<string, Prompt>;
  /** Of the exam during training; empty without one. */
  readonly questions: readonly PreparedQuestion[];
  readonly control: Control;
  readonly emit: (event: EngineEvent) => void;
  /** Gets the run's journal, through which name and note change during training. */
  readonly follow: (journal: Journal) => void;
}

interface Restored {
  readonly state: LoopState;
  /** Appends after the curves of that state. */
  readonly curves: CurveWriter;
  /** Why it is an older checkpoint than requested; null where it is the requested one. */
  readonly reason: string | null;
}

/** Restores the checkpoint of `step` (null: the newest); if it is damaged, the one before it, with the reason. */
async function restore(
  storage: Storage,
  program: TrainingProgram,
  runId: string,
  step: number | null,
  patience: Patience | null,
): Promise<Restored> {
  const load = async (which: number | "latest") => {
    const { state: saved, place } = await program.restore(async (tensor) => {
      const { state, manifest } = await storage.checkpoints.load(runId, which, tensor);
      return { state, place: manifest.curves };
    });
    const { state, curves: own } = readState(saved, patience);
    const curves = await (own ? storage.curves.writer(runId, null, own) : storage.curves.writer(runId, place));
    return { state, curves };
  };
  try {
    return { ...(await load(step ?? "latest")), reason: null };
  } catch (error) {
    if (!(error instanceof CheckpointDamagedError)) throw error;
    const [older] = error.goodSteps;
    if (older === undefined) throw error;
    return { ...(await load(older)), reason: error.message };
  }
}

/**
 * Trains until the run finishes, pauses, is cancelled or fails, and returns its saved record. `resumed` starts from the
 * newest checkpoint, or from the record's `resumeFrom`. An error becomes the record's reason; the checkpoints stay.
 */
export async function train(first: RunRecord, resumed: boolean, parts: TrainParts): Promise<RunRecord> {
  const { runtime, storage, weights, model, plan, emit } = parts;
  const { recipe, id: runId } = first;
  const { method } = plan;
  const journal = createJournal(first, emit, () => runtime.memory().bytes);
  parts.follow(journal);
  if (plan.dropped.length > 0) emit({ type: "dropped", runId, problems: plan.dropped });

  runtime.restartPeak();
  let release = () => {};
  let started: TrainingProgram | null = null;
  let curves: CurveWriter | undefined;
  try {
    const trainable = await weights.trainable(
      model,
      method,
      { seed: seedsOf(recipe).adapter, start: first.start ?? null },
      parts.control.signal,
    );
    const parameters = trainable.all;
    release = trainable.release;
    const preferences = preferencesOf(plan);
    const whole = createProgram({
      runtime,
      provider: runtime.report.provider,
      parameters,
      model: model.definition,
      method,
      recipe,
    });
    const program = preferences?.remembering(whole) ?? whole;
    started = program;

    const ends = endsOf(plan, recipe);
    const fromStart = first.resumeFrom === 0 || (await storage.checkpoints.steps(runId)).length === 0;
    const restored =
      resumed && !fromStart ? await restore(storage, program, runId, first.resumeFrom, ends.patience) : null;
    if (restored?.reason) journal.write({ reason: restored.reason });
    const batches = createBatchSource(plan.units, plan.buckets, plan.order(restored?.state.sampler));
    const state = restored?.state ?? initialState(batches.state());
    const writer = restored?.curves ?? (await storage.curves.writer(runId, null));
    curves = writer;
    journal.begin(state, writer);

    const heldOut = plan.heldOut.map(({ examples, ...set }) => ({
      ...set,
      batches: evaluationBatches(examples, plan.validationBuckets),
    }));
    const general = plan.general.sets.map(({ name, examples }) => ({
      name,
      batches: evaluationBatches(examples, plan.general.buckets),
    }));
    const sets = { heldOut, general, bySource: recipe.forgetting !== null };
    const { totalSteps, watch: choice } = first;
    const watched =
      choice && recipe.watchEvery !== null ? createWatch(plan, heldOut, choice, recipe.watchEvery, program) : null;
    const running = watched?.program ?? program;
    const outcome = await trainingLoop(
      {
        recipe,
        totalSteps,
        learningRate: (step) => slowedBy(first.slowdowns, step) * learningRateOf(recipe.stages, plan.stages, step),
        program: running,
        batches,
        evaluate:
          plan.validation.length > 0
            ? withExam(
                (interrupted, onProgress, preference) =>
                  evaluateMeter(running, sets, interrupted, onProgress, preference),
                {
                  ...{ recipe, totalSteps, questions: parts.questions, control: parts.control },
                  answerer: answererOf({ runtime, model, method, parameters }),
                },
              )
            : null,
        preferences,
        ...ends,
        questions: plan.questions,
        answers: sampler(parts, parameters, recipe.seed),
        watch: watched?.watch ?? null,
        saveCheckpoint: async ({ state: at, tensors }) => {
          requireTrainingLock();
          const known = storage.problems.length;
          await storage.checkpoints.save({ record: journal.at(at), state: at, tensors, curves: writer });
          // A storage that was cleared meanwhile is known to this tab alone: the record tells it after a reload too.
          const found = storage.problems[known];
          if (found !== undefined) journal.write({ reason: found });
        },
        emit: journal.hear,
        control: parts.control,
        clock: () => performance.now(),
        nextTask,
      },
      state,
    );
    const peak = runtime.memoryUse()?.peakBytes;
    if (peak !== undefined) journal.write({ memory: { predicted: predictedMemory(parts, recipe), peak } });
    journal.end(outcome.state, outcome.status, outcome.reason);
  } catch (error) {
    const { request, signal } = parts.control;
    if (request !== null && error === signal.reason) journal.stop(request === "pause" ? "paused" : "cancelled");
    else journal.fail(error, await lossOf(runtime), await storage.checkpoints.steps(runId).catch(() => []));
  } finally {
    started?.dispose();
    release();
    await runtime.releaseSessions(({ kind }) => kind !== "generation").catch(() => undefined);
  }
  try {
    requireTrainingLock();
    await storage.runs.put(journal.record(), curves);
  } catch (error) {
    // With a full disk the record of the last checkpoint stays on disk; the page gets this one, with the reason.
    if (!(error instanceof StorageError)) throw error;
    if (!(error instanceof TrainingLockLostError)) journal.write({ reason: error.message });
  }
  emit({ type: "run", record: journal.record() });
  return journal.record();
}

/** Bytes that the run's budget predicts. */
const predictedMemory = ({ runtime, model: { definition }, plan }: TrainParts, recipe: Recipe) =>
  memoryOf({ model: definition, recipe, ...shapesOf(plan), provider: runtime.report.provider }).total;

/** Answers questions greedily with the present weights, in batches. */
function sampler(
  { runtime, model, plan: { method }, prompts }: TrainParts,
  parameters: ParameterTensors,
  seed: number,
): LoopParts["answers"] {
  const parts = answererOf({ runtime, model, method, parameters });
  return async (questions, signal, onAnswer) => {
    const batch = questions.map((question) => {
      const prompt = prompts.get(question);
      if (prompt) return { prompt, maxTokens: sampleTokens, sampling: greedySampling, seed };
      throw new Error(`The run has no prompt for the question ${JSON.stringify(question.slice(0, 60))}.`);
    });
    const answers = await answerBatch(parts, batch, {
      signal,
      onAnswer: (_, { finish }) => {
        if (finish !== "cancelled") onAnswer();
      },
    });
    return answers.map(({ text, finish }) => (finish === "cancelled" ? null : text));
  };
}

/** Why the device was lost; null where it was not. */
const lossOf = (runtime: Runtime) => Promise.race([runtime.lost, nextTask().then(() => null)]);

/** The objectives of the stages of preferences; null without one. */
function preferencesOf({ preferences, stages }: Plan): Preferences | null {
  if (preferences.length === 0) return null;
  const begins = stages.map((_, index) => stages.slice(0, index).reduce((sum, { steps }) => sum + steps, 0));
  return createPreferences(
    preferences.map((stage) => ({ ...stage, begin: begins[stage.stage] ?? 0 })),
    begins,
  );
}

/** Where stages end, which held-out set chooses the best, the guard, and when the run may end early: in the last stage only. */
function endsOf(
  { stages, general }: Plan,
  recipe: Recipe,
): Pick<LoopParts, "boundaries" | "patience" | "bestSet" | "guard"> {
  const boundaries = stages
    .slice(0, -1)
    .map((_, i) => stages.slice(0, i + 1).reduce((sum, { steps }) => sum + steps, 0));
  const { patience: validations } = recipe;
  const from = boundaries.at(-1) ?? 0;
  const rule = guardRuleOf(recipe);
  return {
    boundaries,
    patience: validations === null ? null : { validations, from, set: patienceSetOf(recipe) },
    bestSet: bestSetOf(recipe),
    guard: rule && { ...rule, labels: Object.fromEntries(general.sets.map(({ name, label }) => [name, label])) },
  };
}
