/** The record of a run while it trains: follows the loop's events, and tells the page what changed. */

import { describeOrigin } from "../batching/batch.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import { laterThan } from "../run/clock.ts";
import { extended, type RunProgress } from "../run/curves.ts";
import type { RunRecord } from "../run/record.ts";
import type { DeviceLost } from "../runtime/types.ts";
import type { CurveWriter } from "../storage/curves.ts";
import { TrainingLockLostError } from "../storage/lock.ts";
import { cut } from "../tensor/quote.ts";
import type { LoopEvent, LoopOutcome } from "../training/loop.ts";
import { NonFiniteError } from "../training/nonFinite.ts";
import type { LoopState } from "../training/state.ts";

export interface Journal {
  /** The record as it stands. */
  record(): RunRecord;
  /** The record as it is at a state of the loop, for the checkpoint of that state. */
  at(state: LoopState): RunRecord;
  /** Changes the record and tells the page. */
  write(change: Partial<RunRecord>): void;
  /** The loop starts from here; `curves` get its points. */
  begin(state: LoopState, curves: CurveWriter): void;
  hear(event: LoopEvent): void;
  end(state: LoopState, status: LoopOutcome["status"], reason: string | null): void;
  /** The run was stopped before its loop began: it stays where it was. */
  stop(status: "paused" | "cancelled"): void;
  /**
   * A lost GPU or lock pauses the run, for it can go on later; everything else is a failure with its reason. After
   * numbers that are not finite the record says from which of its `checkpoints` (their steps, newest first) it goes on, and
   * that it does so slower.
   */
  fail(error: unknown, lost: DeviceLost | null, checkpoints: readonly number[]): void;
}

/** What the rate is multiplied by where a run goes on after its numbers left the finite range. */
const slower = 0.1;

const pointsOf = ({ steps, evaluations }: RunProgress) => (steps?.points ?? 0) + (evaluations?.points ?? 0);

/** `memory` gives the bytes of device tensors alive. */
export function createJournal(first: RunRecord, emit: (event: EngineEvent) => void, memory: () => number): Journal {
  const runId = first.id;
  let record = first;
  let curves: CurveWriter | null = null;
  /** What a run that fails has seen; a run that ends has it in its state. */
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
      // Whatever it went on from, from here on this one is the newest and good.
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
          // Told apart: the rest of the record is too much for every look.
          return watch ? emit({ type: "watch", runId, watch }) : undefined;
        }
        case "checkpoint":
          return emit({ type: "checkpoint", runId, step: event.step });
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
      // After a full disk the run stands at its last checkpoint, and so do its curves.
      if (pointsOf(state.progress) < pointsOf(progress)) curves?.dropUnwritten();
      change({ ...facts(state), status, reason: reason ?? record.reason });
    },

    stop: (status) => change({ status }),

    fail(error, lost, [newest, before]) {
      const step = progress.steps?.last.step ?? record.step;
      const message = error instanceof Error ? error.message : String(error);
      const facts = { progress, step, seconds };
      const goesOn = (from: number) =>
        `Resume goes on from ${from > 0 ? `the checkpoint of step ${from}` : "the beginning"}`;
      if (lost) {
        const why = lost.message === "" ? "" : ` (${cut(lost.message.replace(/\.$/, ""))})`;
        return change({ ...facts, status: "paused", reason: `The GPU was lost${why}. ${goesOn(newest ?? 0)}.` });
      }
      if (error instanceof TrainingLockLostError) {
        return change({ ...facts, status: "paused", reason: `${message} ${goesOn(newest ?? 0)}.` });
      }
      // The same steps again would come to the same; a model that is broken from the start stays so.
      if (!(error instanceof NonFiniteError) || error.step === 0) {
        return change({ ...facts, status: "failed", reason: message });
      }
      // What showed in the first step after a checkpoint is in its weights, and no rate changes that.
      const spoilt = newest !== undefined && error.step === newest + 1 && error.quantity !== "validation loss";
      const resumeFrom = (spoilt ? before : newest) ?? 0;
      change({
        ...facts,
        status: "failed",
        reason: `${message} ${goesOn(resumeFrom)} with a tenth of the learning rate.`,
        resumeFrom,
        slowdowns: [...record.slowdowns, { fromStep: resumeFrom, factor: slower }],
      });
    },
  };
}
