/** The runs as a topic: the list, their curves, and what can be taken out of them. */

import type { RunRecord } from "../storage/run.ts";
import type { Exported, ExportedFile } from "../worker/protocol.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

export interface RunsActions {
  load(): Promise<void>;
  /** Takes in a whole record, curves included. */
  adopt(record: RunRecord): void;
  /** Takes in a record whose curves are told apart. */
  update(record: RunRecord): void;
  remove(runId: string): Promise<void>;
  /** The whole record, as the engine keeps it. Rejects when there is none. */
  record(runId: string): Promise<RunRecord>;
  artifacts(runId: string): Promise<readonly ExportedFile[]>;
  /** The adapter of a LoRA run as one archive. Rejects as the engine does, and when cancelled. */
  adapter(runId: string, signal: AbortSignal): Promise<Exported>;
  /** The whole trained model as one archive. Rejects as the engine does, and when cancelled. */
  model(runId: string, signal: AbortSignal): Promise<Exported>;
}

export function runsActions(context: Context, refreshStorage: () => Promise<void>): RunsActions {
  const { client, store, series } = context;
  const list = () => store.getState().runs.list;

  const put = ({ metrics: _metrics, evaluations: _evaluations, ...entry }: RunRecord) => {
    const known = list().some(({ id }) => id === entry.id);
    patch(context, "runs", {
      list: known ? list().map((other) => (other.id === entry.id ? entry : other)) : [entry, ...list()],
    });
  };
  /** What was told of its progress goes with its end. */
  const untilDone = <T>(work: Promise<T>) => work.finally(() => patch(context, "progress", { engine: null }));
  const adopt = (record: RunRecord) => {
    series.replace(record.id, { steps: record.metrics, evaluations: record.evaluations });
    put(record);
  };

  return {
    adopt,
    update: put,
    async load() {
      try {
        const records = await client.engine.listRuns();
        patch(context, "runs", { list: [], failure: null });
        for (const record of [...records].sort((a, b) => a.createdAt.localeCompare(b.createdAt))) adopt(record);
      } catch (thrown) {
        patch(context, "runs", { failure: toFailure(thrown) });
      }
    },
    async remove(runId) {
      try {
        await client.engine.deleteRun(runId);
        series.remove(runId);
        patch(context, "runs", { list: list().filter(({ id }) => id !== runId), failure: null });
        const { training, compare } = store.getState();
        if (training.runId === runId) patch(context, "training", { runId: null });
        if (compare.runId === runId) patch(context, "compare", { runId: null });
        void refreshStorage();
      } catch (thrown) {
        patch(context, "runs", { failure: toFailure(thrown) });
      }
    },
    async record(runId) {
      const records = await client.engine.listRuns();
      const record = records.find(({ id }) => id === runId);
      if (!record) throw new Error(`This browser no longer keeps run ${runId}. Reload the page to see what it keeps.`);
      return record;
    },
    artifacts: (runId) => client.engine.exportArtifacts(runId),
    adapter: (runId, signal) => untilDone(client.engine.exportAdapter(runId, signal)),
    model: (runId, signal) => untilDone(client.engine.exportModel(runId, signal)),
  };
}
