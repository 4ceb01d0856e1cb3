/** Opening weights that another tool trained. */

import type { TunedFiles } from "../protocol/engine.ts";
import { exportedFrom } from "../run/origin.ts";
import type { RunRecord } from "../run/record.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { type RunsFacts, toFailure } from "./state.ts";

export interface TunedActions {
  /** Opens another tool's weights on the selected model, and chooses them for comparison. */
  openTuned(files: Omit<TunedFiles, "modelHash">): Promise<void>;
  cancelTuned(): void;
}

interface TunedParts extends Pick<ModelActions, "ensureOpen"> {
  adopt(record: RunRecord): void;
  measure(): Promise<void>;
  refreshStorage(): Promise<void>;
}

export function tunedActions(context: Context, parts: TunedParts): TunedActions {
  const { client, store } = context;
  const { ensureOpen, adopt, measure, refreshStorage } = parts;
  const facts = () => store.getState().runs;
  let opening: AbortController | null = null;

  return {
    async openTuned(files) {
      const modelHash = store.getState().model.selected;
      const set = (tuned: RunsFacts["tuned"]) => patch(context, "runs", { tuned });
      if (facts().tuned.opening) return;
      if (modelHash === null) {
        const message =
          "No base model is chosen: choose the model that was tuned under Model, then open these files again.";
        return set({ opening: false, opened: null, failure: { name: "NoModel", message } });
      }
      opening = new AbortController();
      set({ opening: true, opened: null, failure: null });
      try {
        await ensureOpen(modelHash, opening.signal);
        const { record, added, notes } = await client.engine.openTuned({ ...files, modelHash }, opening.signal);
        const { list } = facts();
        // Where its files name no run, the newest of the same base.
        const beside =
          exportedFrom(record, list) ??
          list.find(({ id, model, step }) => id !== record.id && model.hash === modelHash && step > 0);
        if (added) adopt(record);
        set({ opening: false, opened: { runId: record.id, name: record.name, added, notes }, failure: null });
        patch(context, "compare", {
          runId: record.id,
          other: beside ? { runId: beside.id, checkpoint: null } : null,
        });
        void measure();
        void refreshStorage();
      } catch (thrown) {
        const failure = toFailure(thrown);
        set({ opening: false, opened: null, failure: failure.name === "AbortError" ? null : failure });
      } finally {
        opening = null;
        patch(context, "progress", { engine: null });
      }
    },
    cancelTuned: () => opening?.abort(),
  };
}
