/** The training loop: evaluate, save, leave, step, log; one pass more than steps, so the last weights are evaluated. */

import type { RowOrigin } from "../batching/batch.ts";
import type { HeldOutSet } from "../run/heldOut.ts";
import type { EvaluationMetrics, Moment, Sample, StepMetrics } from "../run/metrics.ts";
import type { Recipe } from "../run/recipe.ts";
import { StorageFullError } from "../storage/errors.ts";
import type { TensorSource } from "../storage/writeCheckpoint.ts";
import type { BatchSource } from "./batchSource.ts";
import type { Control } from "./control.ts";
import { NonFiniteError } from "./nonFinite.ts";
import type { TrainingProgram } from "./program.ts";
import { type LoopState, type Patience, withEvaluation, withMoment, withStep } from "./state.ts";
import { prepareStep, takeStep } from "./step.ts";

/** What `saveCheckpoint` is given; the tensors are to be read before it resolves. */
export interface LoopCheckpoint {
  readonly state: LoopState;
  readonly tensors: readonly TensorSource[];
}

export type LoopEvent =
  | { readonly type: "step"; readonly metrics: StepMetrics }
  /** A step whose batches held no supervised token; nothing was learnt. */
  | { readonly type: "empty"; readonly step: number; readonly origins: readonly RowOrigin[] }
  | { readonly type: "evaluation"; readonly metrics: EvaluationMetrics }
  | { readonly type: "sample"; readonly sample: Sample }
  /** A look was taken; all that are kept. */
  | { readonly type: "moments"; readonly moments: readonly Moment[] }
  | { readonly type: "checkpoint"; readonly step: number };

/** A look at the model while it trains. */
export interface LoopWatch {
  /** Optimizer steps between two looks. */
  readonly every: number;
  /** With the weights as they are; null when `control.signal` cut it short. */
  readonly look: () => Promise<Omit<Moment, "step"> | null>;
}

/** What the loop is made of. */
export interface LoopParts {
  readonly recipe: Pick<Recipe, "evaluateEvery" | "checkpointEvery">;
  readonly totalSteps: number;
  /** Learning rate of step 1 … totalSteps. */
  readonly learningRate: (step: number) => number;
  readonly program: TrainingProgram;
  readonly batches: BatchSource;
  /** Validation loss of the weights as they are, null when `interrupted` said so; null for a run without validation. */
  readonly evaluate: ((interrupted: () => Promise<boolean>) => Promise<Omit<EvaluationMetrics, "step"> | null>) | null;
  /** null: never before its last step. */
  readonly patience: Patience | null;
  /** The set whose lowest loss makes a checkpoint the best; null is everything held out. */
  readonly bestSet: HeldOutSet | null;
  /**
   * Steps with which a stage ends and another follows. The weights are evaluated and saved there whatever else is due, and
   * the optimizer begins afresh: the moments of the stage before are of other gradients.
   */
  readonly borders: readonly number[];
  /** Held-out questions, each answered before the first step and after the last. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Answers with the weights as they are; null when `control.signal` cut it short. */
  readonly answer: (prompt: string) => Promise<string | null>;
  /** What is looked at every so many steps, at the first and at the last; null for nothing. */
  readonly watch: LoopWatch | null;
  /** Resolves when the checkpoint is whole on disk. A `StorageFullError` pauses the run. */
  readonly saveCheckpoint: (checkpoint: LoopCheckpoint) => Promise<void>;
  readonly emit: (event: LoopEvent) => void;
  readonly control: Control;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Lets other tasks of this thread run, so that "stop" is heard. */
  readonly nextTask: () => Promise<void>;
}

export interface LoopOutcome {
  readonly status: "finished" | "paused" | "cancelled";
  /** Why it ended before its last step, in one sentence; null when it came to its end or a person stopped it. */
  readonly reason: string | null;
  /** Where it stands; after a full disk, where its last whole checkpoint stands. */
  readonly state: LoopState;
}

/**
 * Trains from step `from.step` (a new run, or a checkpoint's state, to which `program` and `batches` have been restored)
 * to the last step, to an early stop, or until `control` asks otherwise. A pause is heard between any two micro-batches;
 * an unfinished step is then dropped and taken again on resuming, so that the trajectory is that of a run without the
 * pause. Throws `NonFiniteError`, and whatever its parts throw; the checkpoints made so far stay.
 */
export async function trainingLoop(parts: LoopParts, from: LoopState): Promise<LoopOutcome> {
  const { recipe, totalSteps, patience, watch, program, batches, questions, control, emit } = parts;
  let state = from;
  let saved: LoopState | null = from.step > 0 ? from : null;

  const interrupted = async () => {
    await parts.nextTask();
    return control.request !== null;
  };

  for (;;) {
    // Answers of the base model, to be compared with at the end.
    for (const question of state.step === 0 ? questions.slice(state.samples.length) : []) {
      const before = (await interrupted()) ? null : await parts.answer(question.prompt);
      if (before === null) break;
      const sample = { ...question, before, after: null };
      state = { ...state, samples: [...state.samples, sample] };
      emit({ type: "sample", sample });
    }

    // Evaluate.
    const ended = state.step === totalSteps;
    const border = parts.borders.includes(state.step);
    const evaluated = state.progress.evaluations?.last.step === state.step;
    if (parts.evaluate !== null && !evaluated && (ended || border || state.step % recipe.evaluateEvery === 0)) {
      const held = await parts.evaluate(interrupted);
      if (held !== null) {
        if (!Number.isFinite(held.loss)) throw new NonFiniteError("validation loss", held.loss, state.step, []);
        const metrics = { step: state.step, ...held };
        state = withEvaluation(state, metrics, patience, parts.bestSet);
        emit({ type: "evaluation", metrics });
      }
    }
    const { waiting } = state;
    const stopped = patience && !ended && waiting && waiting.validations >= patience.validations ? waiting : null;

    // Look.
    const looked = state.moments.at(-1)?.step === state.step;
    if (watch !== null && !looked && (ended || stopped || state.step % watch.every === 0)) {
      const seen = (await interrupted()) ? null : await watch.look();
      if (seen !== null) {
        const odd = seen.losses.find((loss) => !Number.isFinite(loss));
        if (odd !== undefined) throw new NonFiniteError("loss of the watched row", odd, state.step, []);
        state = { ...state, moments: withMoment(state.moments, { step: state.step, ...seen }) };
        emit({ type: "moments", moments: state.moments });
      }
    }

    // Answers of the tuned model.
    if (ended || stopped) {
      for (const [index, sample] of state.samples.entries()) {
        if (sample.after !== null) continue;
        const after = (await interrupted()) ? null : await parts.answer(sample.prompt);
        if (after === null) break;
        const answered = { ...sample, after };
        state = { ...state, samples: state.samples.with(index, answered) };
        emit({ type: "sample", sample: answered });
      }
    }

    // Save.
    const finished = (ended || stopped !== null) && control.request === null;
    const worthKeeping = border || state.step % recipe.checkpointEvery === 0 || state.best?.step === state.step;
    const due = state.step > 0 && worthKeeping;
    const asked = control.request === "pause" || control.saveAsked;
    if (state !== saved && (due || finished || asked)) {
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

    // Leave. What was asked while the last checkpoint was written comes too late to matter.
    if (finished) {
      const reason = stopped
        ? `Stopped at step ${state.step} of ${totalSteps}: ${stopped.validations} validations in a row without a lower loss than ` +
          `${stopped.loss.toFixed(4)} at step ${stopped.step}.`
        : null;
      return { status: "finished", reason, state };
    }
    if (control.request !== null) {
      return { status: control.request === "pause" ? "paused" : "cancelled", reason: null, state };
    }

    // Step.
    const step = state.step + 1;
    const learningRate = parts.learningRate(step);
    const microBatches = batches.next();
    await prepareStep(program, microBatches);
    // Until the step is taken the state is that of the border, so that a pause here comes back to this place.
    if (border) program.forget();
    const updates = border ? 0 : state.updates;
    const startedAt = parts.clock();
    const outcome = await takeStep(program, { step, updates, batches: microBatches, learningRate }, interrupted);
    const seconds = (parts.clock() - startedAt) / 1000;
    if (outcome.kind === "interrupted") continue;

    // Log.
    state = { ...state, step, updates, sampler: batches.state() };
    if (outcome.kind === "empty") {
      emit({ type: "empty", step, origins: microBatches.flatMap(({ origins }) => origins) });
    } else {
      const { loss, gradientNorm, tokens, supervisedTokens, examples } = outcome;
      const metrics = { step, loss, gradientNorm, learningRate, tokens, supervisedTokens, examples, seconds };
      state = withStep({ ...state, updates: updates + 1 }, metrics);
      emit({ type: "step", metrics });
    }
  }
}
