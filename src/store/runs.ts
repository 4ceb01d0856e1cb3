/** The runs as a topic: list, curves, sizes, deletion with undo, export and import. */

import type {
  Exported,
  ExportedArtifacts,
  ExportedFile,
  Pushed,
  PushToHub,
  RunRequest,
  WrittenType,
} from "../protocol/engine.ts";
import type { RunRecord } from "../run/record.ts";
import { type Context, patch } from "./context.ts";
import type { ModelActions } from "./model.ts";
import { toFailure } from "./state.ts";
import { type TunedActions, tunedActions } from "./tuned.ts";

/** Milliseconds until a removed run is deleted. */
export const undoTime = 8000;

/** Key of a run that a closing page could not delete in time. */
const leavingKey = "hone.leaving";

export interface RunsActions extends TunedActions {
  load(): Promise<void>;
  /** Updates the size of each run's checkpoints. */
  measure(): Promise<void>;
  /** Adds a record, and shortens its curves to the points that it counts. */
  adopt(record: RunRecord): void;
  /** Updates the record of a running run. */
  update(record: RunRecord): void;
  /** The run ended in another tab: its curves are loaded again if they are shown. */
  ended(record: RunRecord): void;
  /** Loads the stored curves of a run once; called by every chart. */
  openCurves(runId: string): Promise<void>;
  /** Changes name or note. If refused, the old value returns and the failure has the reason. */
  edit(runId: string, change: { readonly name?: string; readonly note?: string }): Promise<void>;
  /**
   * Removes the run from the list. It is deleted after `undoTime`, before another deletion, or when the page closes.
   */
  remove(runId: string): void;
  /** Restores the run that was removed last. */
  undo(): void;
  /** Imports a run from a file. */
  importFile(file: File): Promise<void>;
  cancelImport(): void;
  /** Chooses the run of the Take away screen. */
  takeAway(runId: string): void;
  /** The record as a file. Rejects when there is no such run. */
  record(runId: string): Promise<ExportedFile>;
  artifacts(runId: string, signal: AbortSignal): Promise<ExportedArtifacts>;
  /** The model of a run's checkpoint as a GGUF file of a type, in one archive. Rejects as the engine does, and when cancelled. */
  gguf(runId: string, checkpoint: number | null, type: WrittenType, signal: AbortSignal): Promise<Exported>;
  ggufAdapter(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** The adapter of a LoRA run's checkpoint as one archive; null is the newest. Rejects as the engine does, and when cancelled. */
  adapter(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** The trained model of a run's checkpoint as one archive; null is the newest. Rejects as the engine does, and when cancelled. */
  model(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** A run for other trainers, with a checkpoint; null is the newest. Rejects as the engine does, and when cancelled. */
  handOver(runId: string, checkpoint: number | null, signal: AbortSignal): Promise<Exported>;
  /** A recipe before its run, for other trainers. Rejects as the engine does, and when cancelled. */
  handOverRecipe(request: RunRequest, signal: AbortSignal): Promise<Exported>;
  /** Everything that reproduces the run but its base model, as one file. Rejects as the engine does, and when cancelled. */
  whole(runId: string, signal: AbortSignal): Promise<Exported>;
  /** Sends an export to Hugging Face. Nothing of the request is stored. Rejects as the engine does, and when cancelled. */
  push(request: PushToHub, signal: AbortSignal): Promise<Pushed>;
  /** Requests persistent storage from the browser. */
  requestPersistence(): Promise<void>;
}

/** Reads and clears the run that a closing page could not delete. */
function takeLeaving(): string | null {
  try {
    const left = localStorage.getItem(leavingKey);
    localStorage.removeItem(leavingKey);
    return left;
  } catch {
    return null;
  }
}

export function runsActions(
  context: Context,
  refreshStorage: () => Promise<void>,
  ensureOpen: ModelActions["ensureOpen"],
): RunsActions {
  const { client, store, series } = context;
  const facts = () => store.getState().runs;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let importing: AbortController | null = null;

  /** Pending requests for curves by run; the mark distinguishes a newer request from an older one. */
  const pending = new Map<string, object>();

  const byAge = (list: readonly RunRecord[]) => list.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const put = (entry: RunRecord) => {
    const { list, leaving } = facts();
    if (leaving?.id === entry.id) return;
    const known = list.some(({ id }) => id === entry.id);
    patch(context, "runs", {
      list: known ? list.map((other) => (other.id === entry.id ? entry : other)) : byAge([entry, ...list]),
    });
  };
  /** Clears the progress when the call ends. */
  const untilDone = <T>(work: Promise<T>) => work.finally(() => patch(context, "progress", { engine: null }));
  const openCurves = async (runId: string) => {
    if (series.of(runId).whole || pending.has(runId)) return;
    const mark = {};
    pending.set(runId, mark);
    try {
      const stored = await client.engine.curvesOf(runId);
      if (pending.get(runId) === mark) series.fill(runId, stored);
    } catch (thrown) {
      // The mark stays, or a chart would repeat the request at every change.
      if (pending.get(runId) === mark) patch(context, "runs", { failure: toFailure(thrown) });
      return;
    }
    if (pending.get(runId) === mark) pending.delete(runId);
  };
  /** Drops or shortens curves, and repeats a pending request. */
  const renewed = (runId: string, change: () => void) => {
    const waits = pending.delete(runId);
    change();
    if (waits) void openCurves(runId);
  };
  const settle = ({ id, progress }: RunRecord) => renewed(id, () => series.settle(id, progress));
  const adopt = (record: RunRecord) => {
    settle(record);
    put(record);
  };
  const measure = async () => {
    // A failure leaves only this figure out of date.
    const sizes = await client.engine.runSizes().catch(() => null);
    if (sizes) patch(context, "runs", { sizes });
  };

  /** Deletes the removed run. */
  const finish = async () => {
    clearTimeout(timer);
    const { leaving } = facts();
    if (!leaving) return;
    patch(context, "runs", { leaving: null });
    try {
      await client.engine.deleteRun(leaving.id);
      pending.delete(leaving.id);
      series.remove(leaving.id);
      void measure();
      void refreshStorage();
    } catch (thrown) {
      patch(context, "runs", { list: byAge([leaving, ...facts().list]), failure: toFailure(thrown) });
    }
  };

  // A closing page cannot wait for the deletion: the next page completes it.
  globalThis.addEventListener?.("pagehide", () => {
    const { leaving } = facts();
    if (!leaving) return;
    try {
      localStorage.setItem(leavingKey, leaving.id);
    } catch {
      // The run then appears again at the next visit.
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
        // A run that cannot be deleted stays in the list.
        if (left !== null) await client.engine.deleteRun(left).catch(() => undefined);
        const records = await client.engine.listRuns();
        // The live curves of a running run may be ahead of the stored ones.
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

    ...tunedActions(context, { ensureOpen, adopt, measure, refreshStorage }),

    takeAway: (runId) => patch(context, "runs", { takeAway: runId }),
    record: (runId) => client.engine.exportRecord(runId),
    artifacts: (runId, signal) => untilDone(client.engine.exportArtifacts(runId, signal)),
    gguf: (runId, checkpoint, type, signal) => untilDone(client.engine.exportGguf(runId, checkpoint, type, signal)),
    ggufAdapter: (runId, checkpoint, signal) => untilDone(client.engine.exportGgufAdapter(runId, checkpoint, signal)),
    adapter: (runId, checkpoint, signal) => untilDone(client.engine.exportAdapter(runId, checkpoint, signal)),
    model: (runId, checkpoint, signal) => untilDone(client.engine.exportModel(runId, checkpoint, signal)),
    handOver: (runId, checkpoint, signal) => untilDone(client.engine.exportHandOver(runId, checkpoint, signal)),
    handOverRecipe: (request, signal) => untilDone(client.engine.handOverRecipe(request, signal)),
    whole: (runId, signal) => untilDone(client.engine.exportRun(runId, signal)),

    push: (request, signal) => untilDone(client.engine.pushToHub(request, signal)),

    async requestPersistence() {
      patch(context, "runs", { persistent: await client.requestPersistence(), persistenceRequested: true });
    },
  };
}
