/** Other tabs of this browser as a topic: live curves of their run, and changes of the run list. */

import type { RunEvent } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import type { RunsActions } from "./runs.ts";

export interface OthersActions {
  /** An event of another tab's engine. */
  hear(event: RunEvent): void;
  /** While another tab trains, this tab starts no run. */
  train(training: boolean): void;
}

export function othersActions(context: Context, runs: RunsActions, loadData: () => Promise<void>): OthersActions {
  const { store, series } = context;
  return {
    hear(event) {
      switch (event.type) {
        case "run":
          if (event.record.status === "running") return runs.update(event.record);
          // Only the stored curves are complete: this tab may have opened during the run.
          runs.ended(event.record);
          void runs.load();
          return;
        case "step":
          return series.addStep(event.runId, event.metrics, event.memory);
        case "evaluation":
          return series.addEvaluation(event.runId, event.metrics);
        case "runsChanged":
          // An imported run has its own rows.
          void Promise.all([runs.load(), loadData()]);
          return;
        case "watch":
        case "checkpoint":
          return;
      }
    },
    train(elsewhere) {
      if (store.getState().training.elsewhere !== elsewhere) patch(context, "training", { elsewhere });
    },
  };
}
