/** The runs as a topic: the list, their curves and sizes, deletion with a way back, and what is taken out of them and in. */

import type { Exported, ExportedArtifacts, ExportedFile } from "../protocol/engine.ts";
import type { RunRecord } from "../run/record.ts";
import { type Context, patch } from "./context.ts";
import { toFailure } from "./state.ts";

/** How long a deleted run can be brought back, in milliseconds. */
export const undoTime = 8000;

/** Where a page that is left notes the run whose deletion it could not wait for. */
const leavingKey = "hone.leaving";

export interface RunsActions {
  load(): Promise<void>;
  /** Asks anew what the checkpoints of each run take. */
  measure(): Promise<void>;
  /** Takes in a record, and the curves go as far as it counts. */
  adopt(record: RunRecord): void;
  /** Takes in a record of a run that goes on. */
  update(record: RunRecord): void;
  /** The run ended in another tab: its curves are asked for again where they are shown. */
  ended(record: RunRecord): void;
  /** Asks for the curves of a run that are kept, once: what draws them calls it. */
  openCurves(runId: string): Promise<void>;
  /** Changes name or note; what is refused stays as it was, with the reason. */
  edit(runId: string, change: { readonly name?: string; readonly note?: string }): Promise<void>;
  /** Takes the run from the list; it is deleted when `undoTime` is over, another one is deleted, or the page is left. */
  remove(runId: string): void;
  /** Brings back the run that was removed last. */
  undo(): void;
  /** Takes in a run from a file. */
  importFile(file: File): Promise<void>;
  cancelImport(): void;
  /** Chooses the run that is taken away. */
  takeAway(runId: string): void;
  /** The record as a file. Rejects when there is none. */
  record(runId: string): Promise<ExportedFile>;
  artifacts(runId: string, signal: AbortSignal): Promise<ExportedArtifacts>;
  /** The adapter of a LoRA run's checkpoint as one archive; null is the newest. Rejects as the engine does, and when cancelled. */
  adapter(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** The trained model of a run's checkpoint as one archive; null is the newest. Rejects as the engine does, and when cancelled. */
  model(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** Everything that reproduces the run but its base model, as one file. Rejects as the engine does, and when cancelled. */
  whole(runId: string, signal: AbortSignal): Promise<Exported>;
  /** Asks the browser not to throw away what is kept. */
  askToKeep(): Promise<void>;
}

/** The run whose deletion an earlier page could not wait for; it is forgotten here. */
function takeLeaving(): string | null {
  try {
    const left = localStorage.getItem(leavingKey);
    localStorage.removeItem(leavingKey);
    return left;
  } catch {
    return null;
  }
}

export function runsActions(context: Context, refreshStorage: () => Promise<void>): RunsActions {
  const { client, store, series } = context;
  const facts = () => store.getState().runs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let importing: AbortController | null = null;

  /** Curves that were asked for, each with a mark of its own: who asks again is not given an older answer. */
  const asked = new Map<string, object>();

  const byAge = (list: readonly RunRecord[]) => list.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const put = (entry: RunRecord) => {
    const { list, leaving } = facts();
    if (leaving?.id === entry.id) return;
    const known = list.some(({ id }) => id === entry.id);
    patch(context, "runs", {
      list: known ? list.map((other) => (other.id === entry.id ? entry : other)) : byAge([entry, ...list]),
    });
  };
  /** What was told of its progress goes with its end. */
  const untilDone = <T>(work: Promise<T>) => work.finally(() => patch(context, "progress", { engine: null }));
  const openCurves = async (runId: string) => {
    if (series.of(runId).whole || asked.has(runId)) return;
    const mark = {};
    asked.set(runId, mark);
    try {
      const kept = await client.engine.curvesOf(runId);
      if (asked.get(runId) === mark) series.fill(runId, kept);
    } catch (thrown) {
      // The mark stays until the list is asked for again: a chart would ask at every change.
      if (asked.get(runId) === mark) patch(context, "runs", { failure: toFailure(thrown) });
      return;
    }
    if (asked.get(runId) === mark) asked.delete(runId);
  };
  /** Drops or shortens curves; who waits for an answer is given one that is asked for now. */
  const renewed = (runId: string, change: () => void) => {
    const waits = asked.delete(runId);
    change();
    if (waits) void openCurves(runId);
  };
  const settle = ({ id, progress }: RunRecord) => renewed(id, () => series.settle(id, progress));
  const adopt = (record: RunRecord) => {
    settle(record);
    put(record);
  };
  const measure = async () => {
    // Only a figure would be stale: not worth an error of its own.
    const sizes = await client.engine.runSizes().catch(() => null);
    if (sizes) patch(context, "runs", { sizes });
  };

  /** Deletes for good the run that was removed. */
  const finish = async () => {
    clearTimeout(timer);
    const { leaving } = facts();
    if (!leaving) return;
    patch(context, "runs", { leaving: null });
    try {
      await client.engine.deleteRun(leaving.id);
      asked.delete(leaving.id);
      series.remove(leaving.id);
      void measure();
      void refreshStorage();
    } catch (thrown) {
      patch(context, "runs", { list: byAge([leaving, ...facts().list]), failure: toFailure(thrown) });
    }
  };

  // A page that is left cannot wait for an answer: the next one makes up for it. One that comes back takes it up again.
  globalThis.addEventListener?.("pagehide", () => {
    const { leaving } = facts();
    if (!leaving) return;
    try {
      localStorage.setItem(leavingKey, leaving.id);
    } catch {
      // Then the run is still there at the next visit, and can be deleted again.
    }
    void finish();
  });

  return {
    adopt,
    update: put,
    measure,
    ended(record) {
      put(record);
      renewed(record.id, () => series.clear(record.id));
    },
    openCurves,
    async load() {
      try {
        const left = takeLeaving();
        // One that cannot be deleted is simply still there.
        if (left !== null) await client.engine.deleteRun(left).catch(() => undefined);
        const records = await client.engine.listRuns();
        // Of a run that trains, what went by live may be further than what is kept.
        for (const record of records) if (record.status !== "running") settle(record);
        const { leaving } = facts();
        const entries = records.filter(({ id }) => id !== leaving?.id);
        patch(context, "runs", { list: byAge(entries), failure: null, persistent: await client.isPersistent() });
      } catch (thrown) {
        patch(context, "runs", { failure: toFailure(thrown) });
      }
      await measure();
    },

    async edit(runId, change) {
      const before = facts().list.find(({ id }) => id === runId);
      if (!before) return;
      const set = (entry: RunRecord) =>
        patch(context, "runs", { list: facts().list.map((other) => (other.id === runId ? entry : other)) });
      set({ ...before, ...change });
      try {
        const { name, note, updatedAt } = await client.engine.editRun(runId, change);
        const now = facts().list.find(({ id }) => id === runId);
        if (now) set({ ...now, name, note, updatedAt });
        patch(context, "runs", { failure: null });
      } catch (thrown) {
        const now = facts().list.find(({ id }) => id === runId);
        if (now) set({ ...now, name: before.name, note: before.note });
        patch(context, "runs", { failure: toFailure(thrown) });
      }
    },

    remove(runId) {
      const entry = facts().list.find(({ id }) => id === runId);
      if (!entry) return;
      void finish();
      patch(context, "runs", {
        list: facts().list.filter(({ id }) => id !== runId),
        leaving: entry,
        failure: null,
        ...(facts().takeAway === runId && { takeAway: null }),
      });
      const { training, compare } = store.getState();
      if (training.runId === runId) patch(context, "training", { runId: null });
      if (compare.runId === runId) patch(context, "compare", { runId: null });
      timer = setTimeout(() => void finish(), undoTime);
    },

    undo() {
      const { leaving, list } = facts();
      clearTimeout(timer);
      if (leaving) patch(context, "runs", { list: byAge([leaving, ...list]), leaving: null });
    },

    async importFile(file) {
      if (facts().importing) return;
      importing = new AbortController();
      patch(context, "runs", { importing: true, imported: null, failure: null });
      try {
        const { record, added, notes } = await untilDone(client.engine.importRun(file, importing.signal));
        if (added) adopt(record);
        patch(context, "runs", { imported: { runId: record.id, name: record.name, added, notes } });
        void measure();
        void refreshStorage();
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (failure.name !== "AbortError") patch(context, "runs", { failure });
      } finally {
        importing = null;
        patch(context, "runs", { importing: false });
      }
    },
    cancelImport: () => importing?.abort(),

    takeAway: (runId) => patch(context, "runs", { takeAway: runId }),
    record: (runId) => client.engine.exportRecord(runId),
    artifacts: (runId, signal) => untilDone(client.engine.exportArtifacts(runId, signal)),
    adapter: (runId, checkpoint, signal) => untilDone(client.engine.exportAdapter(runId, checkpoint, signal)),
    model: (runId, checkpoint, signal) => untilDone(client.engine.exportModel(runId, checkpoint, signal)),
    whole: (runId, signal) => untilDone(client.engine.exportRun(runId, signal)),

    async askToKeep() {
      patch(context, "runs", { persistent: await client.requestPersistence(), askedToKeep: true });
    },
  };
}
