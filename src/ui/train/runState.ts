/** State of a run, seen from this tab. */

import type { RunRecord } from "../../run/record.ts";
import type { TrainingFacts } from "../../store/state.ts";
import type { Tone } from "../shell/Mark.tsx";

export type RunState =
  | "preparing"
  | "training"
  | "pausing"
  | "cancelling"
  | "interrupted"
  | "elsewhere"
  | RunRecord["status"];

/** A record with "running" while no tab trains is of a closed tab. */
export function runState(run: RunRecord, { phase, runId, elsewhere }: TrainingFacts): RunState {
  if (phase !== "idle" && runId === run.id) return phase === "running" ? "training" : phase;
  return run.status === "running" ? (elsewhere ? "elsewhere" : "interrupted") : run.status;
}

export const stateWords: Readonly<Record<RunState, string>> = {
  preparing: "Preparing",
  training: "Training",
  pausing: "Pausing after this step",
  cancelling: "Cancelling after this step",
  interrupted: "Interrupted",
  elsewhere: "Training in another tab",
  running: "Training",
  paused: "Paused",
  finished: "Finished",
  cancelled: "Cancelled",
  failed: "Failed",
};

export const stateTones: Readonly<Record<RunState, Tone>> = {
  preparing: "going",
  training: "going",
  pausing: "going",
  cancelling: "going",
  interrupted: "attention",
  elsewhere: "going",
  running: "going",
  paused: "attention",
  finished: "good",
  cancelled: "calm",
  failed: "bad",
};

/** Whether a run in this state can be resumed. */
export function canResume(state: RunState): boolean {
  return state === "paused" || state === "interrupted" || state === "failed" || state === "cancelled";
}

/** Whether the run trains in this tab. */
export function isGoing(state: RunState): boolean {
  return state === "preparing" || state === "training" || state === "pausing" || state === "cancelling";
}
