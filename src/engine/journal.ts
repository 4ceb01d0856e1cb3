/** The record of a run while it trains: follows the loop's events and reports changes to the page. */

import { describeOrigin } from "../batching/batch.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import { beforeTasks } from "../run/beforeTasks.ts";
import { laterThan } from "../run/clock.ts";
import { extended, type RunProgress } from "../run/curves.ts";
import type { RunRecord } from "../run/record.ts";
import type { DeviceLost } from "../runtime/types.ts";
import type { CurveWriter } from "../storage/curves.ts";
import { errorText } from "../storage/errors.ts";
import { TrainingLockLostError } from "../storage/lock.ts";
import { cut } from "../tensor/quote.ts";
import type { LoopEvent, LoopOutcome } from "../training/loop.ts";
import { NonFiniteError } from "../training/nonFinite.ts";
import type { LoopState } from "../training/state.ts";

export interface Journal {
  /** The current record. */
  record(): RunRecord;
  /** The record at a state of the loop, for the checkpoint of that state. */
  at(state: LoopState): RunRecord;
  /** Changes the record and reports it to the page. */
  write(change: Partial<RunRecord>): void;
  /** The loop starts with this state; `curves` gets its points. */
  begin(state: LoopState, curves: CurveWriter): void;
  hear(event: LoopEvent): void;
  end(state: LoopState, status: LoopOutcome["status"], reason: string | null): void;
  /** The run was stopped before its loop began, so its step does not change. */
  stop(status: "paused" | "cancelled"): void;
  /**
   * A lost GPU or lock pauses the run, because it can resume later; any other error is a failure with its reason. After
   * numbers that are not finite, the record names the checkpoint to resume from and a lower learning rate.
   * `checkpoints` are their steps, newest first.
   */
  fail(error: unknown, lost: DeviceLost | null, checkpoints: readonly number[]): void;
}

/** Factor of the learning rate when a run resumes after numbers that are not finite. */
const slower = 0.1;

const pointsOf = ({ steps, evaluations }: RunProgress) => (steps?.points ?? 0) + (evaluations?.points ?? 0);

/** `memory` returns the bytes of live device tensors. */
export function createJournal(first: RunRecord, emit: (event: EngineEvent) => void, memory: () => number): Journal {
  const runId = first.id;
  let record = first;
  let curves: CurveWriter | null = null;
  /** Progress for a run that fails; a run that ends has it in its state. */
  let { progress, seconds } = first;

  const change = (to: Partial<RunRecord>) => {
    record = { ...record, ...to, updatedAt: laterThan(record.updatedAt) };
  };
  const write = (to: Partial<RunRecord>) => {
    change(to);
    emit({ type: "run", record });
  };
  const facts = (state: LoopState): Partial<RunRecord> => ({
    step: state.step,
    seconds: state.seconds,
    progress: state.progress,
    best: state.best,
    samples: state.samples,
    watch: record.watch && { ...record.watch, moments: state.moments },
  });

  return {
    record: () => record,
    at(state) {
      // The checkpoint of this state replaces the one that the run resumed from.
      change({ ...facts(state), resumeFrom: null });
      return record;
    },
    write,
    begin(state, writer) {
      curves = writer;
      ({ progress, seconds } = state);
      write(facts(state));
    },

    hear(event) {
      switch (event.type) {
        case "step":
          curves?.addStep(event.metrics);
          progress = { ...progress, steps: extended(progress.steps, event.metrics) };
          seconds += event.metrics.seconds;
          return emit({ type: "step", runId, metrics: event.metrics, memory: memory() });
        case "evaluation":
          curves?.addEvaluation(event.metrics);
          progress = { ...progress, evaluations: extended(progress.evaluations, event.metrics) };
          return emit({ type: "evaluation", runId, metrics: event.metrics });
        case "snapshots": {
          const watch = record.watch && { ...record.watch, moments: event.snapshots };
          change({ watch });
          // The event has only the watch, because the whole record is too large for every snapshot.
          return watch ? emit({ type: "watch", runId, watch }) : undefined;
        }
        case "checkpoint":
          return emit({ type: "checkpoint", runId, step: event.step });
        case "before":
          return emit({ type: "progress", task: beforeTasks[event.task], done: event.done, total: event.total });
        case "empty": {
          const problems = event.origins.map((origin) => ({
            source: origin.source,
            line: origin.line,
            message: `Step ${event.step}: no token of ${describeOrigin(origin)} is supervised.`,
          }));
          return emit({ type: "dropped", runId, problems });
        }
        case "sample": {
          const others = record.samples.filter(({ prompt }) => prompt !== event.sample.prompt);
          return write({ samples: [...others, event.sample] });
        }
      }
    },

    end(state, status, reason) {
      // After a full disk the run is back at its last checkpoint, so later points of its curves are dropped.
      if (pointsOf(state.progress) < pointsOf(progress)) curves?.dropUnwritten();
      change({ ...facts(state), status, reason: reason ?? record.reason });
    },

    stop: (status) => change({ status }),

    fail(error, lost, [newest, before]) {
      const step = progress.steps?.last.step ?? record.step;
      const message =
        error instanceof DOMException
          ? `The browser ended a call: ${errorText(error)}.`
          : error instanceof Error
            ? error.message
            : String(error);
      const facts = { progress, step, seconds };
      const resumesFrom = (from: number) =>
        `Resume starts from ${from > 0 ? `the checkpoint of step ${from}` : "the beginning"}`;
      if (lost) {
        const why = lost.message === "" ? "" : ` (${cut(lost.message.replace(/\.$/, ""))})`;
        return change({ ...facts, status: "paused", reason: `The GPU was lost${why}. ${resumesFrom(newest ?? 0)}.` });
      }
      if (error instanceof TrainingLockLostError) {
        return change({ ...facts, status: "paused", reason: `${message} ${resumesFrom(newest ?? 0)}.` });
      }
      // The same steps would fail again; numbers that are not finite before any step come from the model.
      if (!(error instanceof NonFiniteError) || error.step === 0) {
        return change({ ...facts, status: "failed", reason: message });
      }
      // A failure in the first step after a checkpoint comes from the checkpoint's weights, which a lower rate cannot
      // repair.
      const badWeights = newest !== undefined && error.step === newest + 1 && error.quantity !== "validation loss";
      const resumeFrom = (badWeights ? before : newest) ?? 0;
      change({
        ...facts,
        status: "failed",
        reason: `${message} ${resumesFrom(resumeFrom)} with a tenth of the learning rate.`,
        resumeFrom,
        slowdowns: [...record.slowdowns, { fromStep: resumeFrom, factor: slower }],
      });
    },
  };
}
