/** Other tabs of this browser as a topic: the run that one of them trains goes by here live, and the list follows theirs. */

import type { RunEvent } from "../protocol/engine.ts";
import { type Context, patch } from "./context.ts";
import type { RunsActions } from "./runs.ts";

export interface OthersActions {
  /** What another tab's engine tells. */
  hear(event: RunEvent): void;
  /** Whether another tab trains: as long as one does, none is started here. */
  train(training: boolean): void;
}

export function othersActions(context: Context, runs: RunsActions, loadData: () => Promise<void>): OthersActions {
  const { store, series } = context;
  return {
    hear(event) {
      switch (event.type) {
        case "run":
          if (event.record.status === "running") return runs.update(event.record);
          // Its curves are whole only in what is kept: this tab may have come in late.
          runs.ended(event.record);
          void runs.load();
          return;
        case "step":
          return series.addStep(event.runId, event.metrics, event.memory);
        case "evaluation":
          return series.addEvaluation(event.runId, event.metrics);
        case "runsChanged":
          // A run that was taken in brings its rows.
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
