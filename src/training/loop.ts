/** The training loop: evaluate, save, leave, step, log; one pass more than steps, so the last weights are evaluated. */

import type { TensorSource } from "../storage/checkpoints.ts";
import { StorageFullError } from "../storage/errors.ts";
import type { EvaluationMetrics, Recipe, Sample, StepMetrics } from "../storage/run.ts";
import type { BatchSource } from "./batchSource.ts";
import type { Control } from "./control.ts";
import { NonFiniteError } from "./nonFinite.ts";
import type { LoopState } from "./state.ts";
import type { Stepper } from "./step.ts";

/** What `saveCheckpoint` is given; the tensors are to be read before it resolves. */
export interface LoopCheckpoint {
  readonly state: LoopState;
  readonly tensors: readonly TensorSource[];
}

export type LoopEvent =
  | { readonly type: "step"; readonly metrics: StepMetrics }
  /** A step whose batches held no supervised token; nothing was learnt. Rows from 1. */
  | { readonly type: "empty"; readonly step: number; readonly rows: readonly number[] }
  | { readonly type: "evaluation"; readonly metrics: EvaluationMetrics }
  | { readonly type: "sample"; readonly sample: Sample }
  | { readonly type: "checkpoint"; readonly step: number };

/** What the loop is made of. */
export interface LoopParts {
  readonly recipe: Pick<Recipe, "evaluateEvery" | "checkpointEvery" | "patience">;
  readonly totalSteps: number;
  /** Learning rate of step 1 … totalSteps. */
  readonly learningRate: (step: number) => number;
  readonly stepper: Stepper;
  readonly batches: BatchSource;
  /** Validation loss of the weights as they are, null when `interrupted` said so; null for a run without validation. */
  readonly evaluate: ((interrupted: () => Promise<boolean>) => Promise<number | null>) | null;
  /** Held-out questions, each answered before the first step and after the last. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Answers with the weights as they are; null when `control.signal` cut it short. */
  readonly answer: (prompt: string) => Promise<string | null>;
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
 * Trains from step `from.step` (a new run, or a checkpoint's state, to which `stepper` and `batches` have been restored)
 * to the last step, to an early stop, or until `control` asks otherwise. A pause is heard between any two micro-batches;
 * an unfinished step is then dropped and taken again on resuming, so that the trajectory is that of a run without the
 * pause. Throws `NonFiniteError`, and whatever its parts throw; the checkpoints made so far stay.
 */
export async function trainingLoop(parts: LoopParts, from: LoopState): Promise<LoopOutcome> {
  const { recipe, totalSteps, stepper, batches, questions, control, emit } = parts;
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
    const evaluated = state.evaluations.at(-1)?.step === state.step;
    if (parts.evaluate !== null && !evaluated && (ended || state.step % recipe.evaluateEvery === 0)) {
      const loss = await parts.evaluate(interrupted);
      if (loss !== null) {
        if (!Number.isFinite(loss)) throw new NonFiniteError("validation loss", loss, state.step, []);
        const metrics = { step: state.step, loss };
        const best = state.best === null || loss < state.best.loss ? metrics : state.best;
        state = { ...state, evaluations: [...state.evaluations, metrics], best };
        emit({ type: "evaluation", metrics });
      }
    }
    const stale = validationsSinceBest(state);
    const stoppedEarly = !ended && recipe.patience !== null && stale >= recipe.patience;

    // Answers of the tuned model.
    if (ended || stoppedEarly) {
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
    const finished = (ended || stoppedEarly) && control.request === null;
    const due = state.step > 0 && (state.step % recipe.checkpointEvery === 0 || state.best?.step === state.step);
    if (state !== saved && (due || finished || control.request === "pause")) {
      try {
        await parts.saveCheckpoint({ state, tensors: stepper.tensors() });
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

    // Leave. What was asked while the last checkpoint was written comes too late to matter.
    if (finished) {
      const reason = stoppedEarly
        ? `Stopped at step ${state.step} of ${totalSteps}: ${stale} validations in a row without a lower loss than ` +
          `${state.best?.loss.toFixed(4)} at step ${state.best?.step}.`
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
    await stepper.prepare(microBatches);
    const startedAt = parts.clock();
    const outcome = await stepper.step(
      { step, updates: state.updates, batches: microBatches, learningRate },
      interrupted,
    );
    const seconds = (parts.clock() - startedAt) / 1000;
    if (outcome.kind === "interrupted") continue;

    // Log.
    state = { ...state, step, sampler: batches.state() };
    if (outcome.kind === "empty") {
      emit({ type: "empty", step, rows: microBatches.flatMap((batch) => batch.sourceRows.map((row) => row + 1)) });
    } else {
      const { loss, gradientNorm, tokens, supervisedTokens } = outcome;
      const metrics = { step, loss, gradientNorm, learningRate, tokens, supervisedTokens, seconds };
      state = { ...state, updates: state.updates + 1, metrics: [...state.metrics, metrics] };
      emit({ type: "step", metrics });
    }
  }
}

/** Validations after the best one, which is how long there has been no improvement. */
function validationsSinceBest({ evaluations, best }: LoopState): number {
  return best === null ? 0 : evaluations.filter((evaluation) => evaluation.step > best.step).length;
}
