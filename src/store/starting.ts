/** The weights that the next run starts from, as a topic: the base model's, or another run's. */

import { hasWeights } from "../run/origin.ts";
import type { RunRecord } from "../run/record.ts";
import { type Context, patch } from "./context.ts";
import type { HoneState } from "./state.ts";

export interface StartingActions {
  /** Null is the base model. */
  choose(runId: string | null): void;
  /** Starts from a run's newest checkpoint, and selects its base model. */
  from(run: RunRecord): void;
}

/** Runs of the selected model that have weights: the possible starts, newest first. */
export const possibleStarts = (runs: readonly RunRecord[], modelHash: string | null): readonly RunRecord[] =>
  runs.filter((run) => run.model.hash === modelHash && hasWeights(run));

/** The run that the next one starts from; null is the base model. */
export const startRunOf = ({ runs, starting, model }: Pick<HoneState, "runs" | "starting" | "model">) =>
  possibleStarts(runs.list, model.selected).find(({ id }) => id === starting.runId) ?? null;

export function startingActions(context: Context, selectModel: (hash: string) => void): StartingActions {
  return {
    choose: (runId) => patch(context, "starting", { runId }),
    from(run) {
      selectModel(run.model.hash);
      patch(context, "starting", { runId: run.id });
    },
  };
}
