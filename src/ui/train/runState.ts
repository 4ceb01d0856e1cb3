/** What a run is doing, in this tab's words. */

import type { RunEntry, TrainingFacts } from "../../store/state.ts";
import type { Tone } from "../shell/Mark.tsx";

export type RunState = "preparing" | "training" | "pausing" | "cancelling" | "interrupted" | RunEntry["status"];

/** A record that says "running" while this tab does not train it was left by a tab that died, or runs in another. */
export function runState(run: RunEntry, { phase, runId }: TrainingFacts): RunState {
  if (phase !== "idle" && runId === run.id) return phase === "running" ? "training" : phase;
  return run.status === "running" ? "interrupted" : run.status;
}

export const stateWords: Readonly<Record<RunState, string>> = {
  preparing: "Preparing",
  training: "Training",
  pausing: "Pausing after this step",
  cancelling: "Stopping after this step",
  interrupted: "Not training here",
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
  running: "going",
  paused: "attention",
  finished: "good",
  cancelled: "calm",
  failed: "bad",
};

/** Whether there is a checkpoint to go on from, and a reason to. */
export function canResume(state: RunState): boolean {
  return state === "paused" || state === "interrupted" || state === "failed" || state === "cancelled";
}
