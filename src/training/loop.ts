/** The training loop: evaluate, save, leave, step, log. It has one more pass than steps, which evaluates the last weights. */

import type { RowOrigin } from "../batching/batch.ts";
import type { BeforeTask } from "../run/beforeTasks.ts";
import { type GuardRule, guardAfter, type Rise } from "../run/guard.ts";
import type { HeldOutSet } from "../run/heldOut.ts";
import type { EvaluationMetrics, Sample, Snapshot, StepMetrics } from "../run/metrics.ts";
import type { Recipe } from "../run/recipe.ts";
import { StorageFullError } from "../storage/errors.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";
import type { BatchSource } from "./batchSource.ts";
import type { Control } from "./control.ts";
import type { PreferenceEvaluation } from "./evaluate.ts";
import { guardReason } from "./guardStop.ts";
import { NonFiniteError } from "./nonFinite.ts";
import type { Preferences } from "./preference.ts";
import type { TrainingProgram } from "./program.ts";
import { type LoopState, type Patience, withEvaluation, withSnapshot, withStep } from "./state.ts";
import { prepareStep, takeStep } from "./step.ts";

/** The argument of `saveCheckpoint`, which must read the tensors before it resolves. */
export interface LoopCheckpoint {
  readonly state: LoopState;
  readonly tensors: readonly TensorSource[];
}

export type LoopEvent =
  | { readonly type: "step"; readonly metrics: StepMetrics }
  /** A step whose batches had no supervised token; the weights did not change. */
  | { readonly type: "empty"; readonly step: number; readonly origins: readonly RowOrigin[] }
  | { readonly type: "evaluation"; readonly metrics: EvaluationMetrics }
  | { readonly type: "sample"; readonly sample: Sample }
  /** A snapshot was added; the list has all remaining ones. */
  | { readonly type: "snapshots"; readonly snapshots: readonly Snapshot[] }
  | { readonly type: "checkpoint"; readonly step: number }
  /** Work before the first step of this call of the loop. */
  | { readonly type: "before"; readonly task: BeforeTask; readonly done: number; readonly total: number };

/** Receives the finished part of a task. */
type OnProgress = (done: number, total: number) => void;

/** Snapshots of a watched prompt and row during training. */
export interface LoopWatch {
  /** Optimizer steps between two snapshots. */
  readonly every: number;
  /** Uses the current weights; null when `answer` gave null, because it was interrupted. */
  readonly capture: (answer: (prompt: string) => Promise<string | null>) => Promise<Omit<Snapshot, "step"> | null>;
}

/** The parts of the loop. */
export interface LoopParts {
  readonly recipe: Pick<Recipe, "evaluateEvery" | "checkpointEvery">;
  readonly totalSteps: number;
  /** Learning rate of step 1 … totalSteps. */
  readonly learningRate: (step: number) => number;
  readonly program: TrainingProgram;
  readonly batches: BatchSource;
  /** Validation loss of the current weights, null when `interrupted` was true; null for a run without validation. */
  readonly evaluate:
    | ((
        interrupted: () => Promise<boolean>,
        onProgress: OnProgress,
        preference: PreferenceEvaluation | null,
        step: number,
      ) => Promise<Omit<EvaluationMetrics, "step"> | null>)
    | null;
  /** The objectives of the stages of preferences; null for a run without them. */
  readonly preferences: Preferences | null;
  /** null: no early stopping. */
  readonly patience: Patience | null;
  /** The set whose lowest loss makes a checkpoint the best; null is everything held out. */
  readonly bestSet: HeldOutSet | null;
  /** The guard against forgetting, with the names of its general texts by set; missing: off. */
  readonly guard?: (GuardRule & { readonly labels: Readonly<Record<string, string>> }) | null;
  /**
   * Last steps of all stages but the last. The loop always evaluates and saves the weights there, and resets the optimizer,
   * because its moments belong to the gradients of the earlier stage.
   */
  readonly boundaries: readonly number[];
  /** Held-out prompts, each answered before the first step and after the last. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /**
   * Answers of the current weights, in the order of the prompts; null for an answer that the signal cut off. `onAnswer` is
   * called when one is complete.
   */
  readonly answers: (
    prompts: readonly string[],
    signal: AbortSignal,
    onAnswer: () => void,
  ) => Promise<readonly (string | null)[]>;
  /** Snapshots at step 0, every `every` steps and at the end; null for none. */
  readonly watch: LoopWatch | null;
  /** Resolves when the checkpoint is whole on disk. A `StorageFullError` pauses the run. */
  readonly saveCheckpoint: (checkpoint: LoopCheckpoint) => Promise<void>;
  readonly emit: (event: LoopEvent) => void;
  readonly control: Control;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Lets other tasks of this thread run, so that requests arrive. */
  readonly nextTask: () => Promise<void>;
}

export interface LoopOutcome {
  readonly status: "finished" | "paused" | "cancelled";
  /** The reason, in one sentence, for an early end; null after the last step or when the user ended it. */
  readonly reason: string | null;
  /** The state at the end; after a full disk, the state of the last complete checkpoint. */
  readonly state: LoopState;
}

const missingReference = (step: number, begin: number) =>
  `The checkpoint of step ${step} has no reference log-probabilities, which are those of step ${begin}: resume from a ` +
  "checkpoint of that step or before it.";

const promptsOf = (samples: readonly Pick<Sample, "prompt">[]) => samples.map(({ prompt }) => prompt);

/**
 * Trains from step `from.step` to the last step, to an early stop, or to a request of `control`. `from` is the state of a new
 * run or of a checkpoint, to which `program` and `batches` have been restored. A pause takes effect between two
 * micro-batches: the unfinished step is dropped and repeated on resume, so the trajectory is that of a run without a pause.
 * `control.skipBefore` leaves out what precedes the first step, and the trajectory is the same: a validation that early
 * stopping or the guard counts is not left out. The guard pauses the run after a checkpoint.
 * Throws `NonFiniteError` and the errors of its parts; earlier checkpoints stay.
 */
export async function trainingLoop(parts: LoopParts, from: LoopState): Promise<LoopOutcome> {
  const { recipe, totalSteps, patience, watch, program, batches, questions, control, emit, guard = null } = parts;
  let state = from;
  let saved: LoopState | null = from.step > 0 ? from : null;

  const interrupted = async () => {
    await parts.nextTask();
    return control.request !== null;
  };
  const before = (task: BeforeTask) => (done: number, total: number) => {
    if (state.step === from.step) emit({ type: "before", task, done, total });
  };
  /** Ends the work between steps; before the first step a skip ends it too. */
  const signal = () => (state.step === 0 ? control.beforeSignal : control.signal);
  const ended = async () => {
    await parts.nextTask();
    return signal().aborted;
  };
  let given = { step: -1, answers: new Map<string, string>() };
  /** The watched prompt is often one of the questions: the same weights answer each prompt once. */
  const answersTo = async (prompts: readonly string[], onAnswer: () => void = () => {}) => {
    if (given.step !== state.step) given = { step: state.step, answers: new Map() };
    const { answers } = given;
    const missing = [...new Set(prompts)].filter((prompt) => !answers.has(prompt));
    if (missing.length > 0 && !(await ended())) {
      const texts = await parts.answers(missing, signal(), onAnswer);
      for (const [i, prompt] of missing.entries()) {
        const text = texts[i] ?? null;
        if (text !== null) answers.set(prompt, text);
      }
    }
    return prompts.map((prompt) => answers.get(prompt) ?? null);
  };
  const skipped = () => state.step === 0 && control.beforeSignal.aborted && control.request === null;

  for (;;) {
    // Answers of the base model.
    const open = state.step === 0 ? questions.slice(state.samples.length) : [];
    if (open.length > 0) {
      let answered = state.samples.length;
      const progress = before("answers");
      progress(answered, questions.length);
      const texts = await answersTo(promptsOf(open), () => progress(++answered, questions.length));
      for (const [i, question] of open.entries()) {
        const text = texts[i] ?? null;
        if (text === null && !skipped()) break;
        const sample = { ...question, before: text, after: null };
        state = { ...state, samples: [...state.samples, sample] };
        emit({ type: "sample", sample });
      }
    }

    // Reference log-probabilities, with the weights of the stage's start.
    const objective = parts.preferences?.at(state.step) ?? null;
    if (objective && !objective.ready()) {
      if (objective.begin !== state.step) throw new Error(missingReference(state.step, objective.begin));
      const task: BeforeTask = "reference";
      await objective.prepare(program, interrupted, (part, total) => emit({ type: "before", task, done: part, total }));
    }

    // Evaluate.
    const done = state.step === totalSteps;
    const boundary = parts.boundaries.includes(state.step);
    const evaluated = state.progress.evaluations?.last.step === state.step;
    let risen: readonly Rise[] = [];
    if (parts.evaluate !== null && !evaluated && (done || boundary || state.step % recipe.evaluateEvery === 0)) {
      const counts = guard !== null || (patience !== null && patience.from <= state.step);
      const hold = counts ? interrupted : ended;
      const preference = objective?.ready() && objective.hasHeldOut ? () => objective.evaluate(program, hold) : null;
      const found = await parts.evaluate(hold, before("validation"), preference, state.step);
      if (found !== null) {
        const odd = [found.loss, ...Object.values(found.sets)].find((loss) => !Number.isFinite(loss));
        if (odd !== undefined) throw new NonFiniteError("validation loss", odd, state.step, []);
        const metrics = { step: state.step, ...found };
        const after = guard && guardAfter(state.guard ?? {}, metrics, guard);
        risen = after?.risen ?? [];
        state = withEvaluation(state, metrics, patience, parts.bestSet, risen.length === 0);
        if (after) state = { ...state, guard: after.guard };
        emit({ type: "evaluation", metrics });
      }
    }
    const { waiting } = state;
    const stopped = patience && !done && waiting && waiting.validations >= patience.validations ? waiting : null;

    // Snapshot.
    const captured = state.moments.at(-1)?.step === state.step;
    if (watch !== null && !captured && (done || stopped || state.step % watch.every === 0)) {
      const progress = before("watch");
      progress(0, 1);
      const seen = (await ended())
        ? null
        : await watch.capture(async (prompt) => (await answersTo([prompt]))[0] ?? null);
      if (seen !== null) {
        progress(1, 1);
        const odd = seen.losses.find((loss) => !Number.isFinite(loss));
        if (odd !== undefined) throw new NonFiniteError("loss of the watched row", odd, state.step, []);
        state = { ...state, moments: withSnapshot(state.moments, { step: state.step, ...seen }) };
        emit({ type: "snapshots", snapshots: state.moments });
      }
    }

    // Answers of the tuned model.
    const unanswered = done || stopped ? state.samples.filter(({ after }) => after === null) : [];
    const texts = await answersTo(promptsOf(unanswered));
    for (const [i, sample] of unanswered.entries()) {
      const after = texts[i] ?? null;
      if (after === null) break;
      const answered = { ...sample, after };
      state = { ...state, samples: state.samples.map((other) => (other === sample ? answered : other)) };
      emit({ type: "sample", sample: answered });
    }

    // Save.
    const finished = (done || stopped !== null) && control.request === null;
    const worthKeeping = boundary || state.step % recipe.checkpointEvery === 0 || state.best?.step === state.step;
    const due = state.step > 0 && worthKeeping;
    const forgets = guardReason(state, risen, guard?.allowedRise ?? 0, guard?.labels ?? {}, done || stopped !== null);
    const requested = control.request === "pause" || control.saveRequested || forgets !== null;
    if (state !== saved && (due || finished || requested)) {
      try {
        await parts.saveCheckpoint({ state, tensors: program.tensors() });
      } catch (error) {
        if (!(error instanceof StorageFullError)) throw error;
        return {
          status: control.request === "cancel" ? "cancelled" : "paused",
          reason: error.message,
          state: saved ?? from,
        };
      }
      saved = state;
      emit({ type: "checkpoint", step: state.step });
    }
    control.saved();

    // Leave. A finished run ignores requests that arrived while its last checkpoint was written.
    if (finished) {
      const reason = stopped
        ? `Stopped at step ${state.step} of ${totalSteps}: ${stopped.validations} validations in a row without a lower loss than ` +
          `${stopped.loss.toFixed(4)} at step ${stopped.step}.`
        : forgets;
      return { status: "finished", reason, state };
    }
    if (control.request === "cancel") return { status: "cancelled", reason: null, state };
    if (control.request === "pause" || forgets !== null) return { status: "paused", reason: forgets, state };

    // Step.
    const step = state.step + 1;
    const learningRate = parts.learningRate(step);
    const microBatches = batches.next();
    await prepareStep(program, microBatches, before("sessions"));
    // Until this step is complete the state stays at the boundary, so a pause resumes here and resets the optimizer again.
    if (boundary) program.forget();
    const updates = boundary ? 0 : state.updates;
    const startedAt = parts.clock();
    const request = { step, updates, batches: microBatches, learningRate };
    const weigh = objective ? objective.weigh.bind(null, program) : undefined;
    const outcome = await takeStep(program, { ...request, weigh }, interrupted);
    const seconds = (parts.clock() - startedAt) / 1000;
    if (outcome.kind === "interrupted") continue;

    // Log.
    state = { ...state, step, updates, sampler: batches.state() };
    if (outcome.kind === "empty") {
      emit({ type: "empty", step, origins: microBatches.flatMap(({ origins }) => origins) });
    } else {
      const { kind: _, ...sums } = outcome;
      const metrics = { step, learningRate, seconds, ...sums };
      state = withStep({ ...state, updates: updates + 1 }, metrics);
      emit({ type: "step", metrics });
    }
  }
}
