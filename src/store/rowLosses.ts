/** The losses of a run's training rows as a topic: what is stored, a measurement that can be stopped and continued, and the rows' texts. */

import { choiceOf } from "../run/source.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { type RowLossFacts, toFailure } from "./state.ts";

export interface RowLossActions {
  /** Shows what is stored for a checkpoint of a run; null is the newest. */
  show(runId: string, checkpoint: number | null): Promise<void>;
  /** Measures what is missing. */
  measure(runId: string, checkpoint: number | null): Promise<void>;
  /** Stops the measurement; what is measured stays. */
  stop(): void;
}

export function rowLossActions(context: Context, model: Pick<ModelActions, "ensureOpen">): RowLossActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  /** Numbers the requests, so that a late answer to an earlier one is dropped. */
  let requests = 0;
  const facts = () => store.getState().rowLosses;
  const change = (edit: Partial<RowLossFacts>) => patch(context, "rowLosses", edit);
  const runOf = (runId: string) => store.getState().runs.list.find(({ id }) => id === runId);

  /** The rows' texts; empty for a source whose rows are gone. */
  const loadTexts = async (runId: string, request: number) => {
    const texts: (readonly string[])[] = [];
    for (const source of runOf(runId)?.sources ?? []) {
      texts.push(await client.data.rowTexts(choiceOf(source)).catch(() => []));
    }
    if (request === requests) change({ texts });
  };

  return {
    async show(runId, checkpoint) {
      if (facts().measuring) return;
      const request = ++requests;
      const of = { runId, checkpoint };
      const same = facts().of?.runId === runId && facts().of?.checkpoint === checkpoint;
      if (!same) change({ of, losses: null, texts: [], failure: null });
      try {
        const losses = await client.engine.rowLosses(runId, checkpoint);
        if (request !== requests) return;
        change({ losses });
        if (losses) await loadTexts(runId, request);
      } catch (thrown) {
        if (request === requests) change({ failure: toFailure(thrown) });
      }
    },
    async measure(runId, checkpoint) {
      if (facts().measuring) return;
      const request = ++requests;
      controller = new AbortController();
      change({ of: { runId, checkpoint }, measuring: true, failure: null });
      try {
        const run = runOf(runId);
        if (run) await model.ensureOpen(run.model.hash);
        await client.engine.measureRowLosses(runId, checkpoint, controller.signal);
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (failure.name !== "AbortError") change({ failure });
      } finally {
        controller = null;
        change({ measuring: false });
        patch(context, "progress", { engine: null });
      }
      try {
        change({ losses: await client.engine.rowLosses(runId, checkpoint) });
        await loadTexts(runId, request);
      } catch (thrown) {
        change({ failure: toFailure(thrown) });
      }
    },
    stop: () => controller?.abort(),
  };
}
