/** The engine calls for stored runs: list, name and note, size, and export and import as one file. */

import { type RunContents, type RunRows, writeRecord } from "../export/runFile.ts";
import { writeRunFile } from "../export/writeRunFile.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { noCurves } from "../run/curves.ts";
import { bestSetOf, lossOn } from "../run/heldOut.ts";
import type { RunRecord } from "../run/record.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { isTraining } from "../storage/lock.ts";
import { missingRun, type RunWords } from "../storage/runs.ts";
import type { Storage } from "../storage/storage.ts";
import { readState, wholeState } from "../training/state.ts";
import type { Exports } from "./export.ts";
import { importRunFile } from "./importRun.ts";
import type { Journal } from "./journal.ts";
import { resultsOf } from "./results.ts";

type RunCalls = Pick<
  EngineApi,
  | "listRuns"
  | "curvesOf"
  | "editRun"
  | "deleteRun"
  | "runSizes"
  | "checkpointsOf"
  | "exportRecord"
  | "exportRun"
  | "importRun"
>;

export interface RunService {
  readonly calls: RunCalls;
  /** Throws when there is none. */
  get(runId: string): Promise<RunRecord>;
  /** Uses the journal of the run that trains, for its record and for changes of it. */
  follow(journal: Journal): void;
}

export function createRunService(storage: Storage, exports: Exports, emit: (event: EngineEvent) => void): RunService {
  let journal: Journal | null = null;

  async function get(runId: string): Promise<RunRecord> {
    const record = await storage.runs.get(runId);
    if (!record) throw new Error(missingRun(runId));
    return record;
  }

  async function edit(runId: string, change: RunWords): Promise<RunRecord> {
    const open = journal?.record();
    if (journal && open?.id === runId && open.status === "running") {
      // Saved with the next checkpoint, because a save now could overwrite what the loop saves.
      journal.write(change);
      return journal.record();
    }
    const before = await get(runId);
    if (before.status === "running" && (await isTraining())) {
      throw new Error(`Run "${before.name}" trains in another tab: change its name and note there.`);
    }
    const record = await storage.runs.edit(runId, change);
    emit({ type: "runsChanged" });
    return record;
  }

  /** The newest checkpoint, the best and the one to resume from, once each, and the rows that are still stored. */
  async function contentsOf(record: RunRecord): Promise<{ contents: RunContents; notes: readonly string[] }> {
    const notes: string[] = [];
    const steps = await storage.checkpoints.steps(record.id);
    const wanted = [...new Set([steps[0], record.best?.step, record.resumeFrom])].filter(
      (step) => typeof step === "number",
    );
    const checkpoints = [];
    for (const step of wanted.filter((step) => steps.includes(step))) {
      const opened = await storage.checkpoints.open(record.id, step);
      if (opened) checkpoints.push({ ...opened, state: await stateOf(record.id, opened) });
    }
    if (checkpoints.length === 0)
      notes.push("The run has no checkpoint yet: after the import it starts from the beginning.");
    const rows: RunRows[] = [];
    for (const { hash, name } of record.sources) {
      if (rows.some((source) => source.hash === hash)) continue;
      const entry = await storage.datasets.get(hash);
      const files = entry && (await storage.datasets.open(hash));
      if (entry && files) rows.push({ ...entry, files });
      else notes.push(`The rows of ${name} are no longer stored in this browser, so the file does not contain them.`);
    }
    const { name, hash } = record.model;
    notes.push(
      `The file does not contain the base model: to resume after the import, open ${name}, hash ${hash.slice(0, 8)}….`,
    );
    const curves = await storage.runs.curves(record.id);
    const results = await resultsOf(storage, record);
    return { contents: { record, curves, checkpoints, rows, results }, notes };
  }

  /** The state with its curves; a state of format 1 contains them. */
  async function stateOf(runId: string, { state, curves }: CheckpointView): Promise<object> {
    const own = readState(state, null).curves ?? (curves ? await storage.curves.read(runId, curves) : noCurves);
    return wholeState(state as object, own);
  }

  return {
    get,
    follow(next) {
      journal = next;
    },
    calls: {
      async listRuns() {
        const { runs } = await storage.runs.list();
        return runs;
      },
      curvesOf: (runId) => storage.runs.curves(runId),
      editRun: edit,
      async deleteRun(runId) {
        await storage.runs.delete(runId);
        emit({ type: "runsChanged" });
      },
      runSizes: () => storage.checkpoints.sizes(),

      async checkpointsOf(runId) {
        const { best, recipe } = await get(runId);
        // If the curves cannot be read, only the losses are missing.
        const { evaluations } = await storage.runs.curves(runId).catch(() => noCurves);
        const set = bestSetOf(recipe);
        return (await storage.checkpoints.list(runId)).map(({ step, savedAt }) => {
          const found = evaluations.find((evaluation) => evaluation.step === step);
          return { step, savedAt, loss: found ? lossOn(found, set) : null, best: step === best?.step };
        });
      },

      exportRecord: async (runId) => writeRecord("run.json", await get(runId), await storage.runs.curves(runId)),

      async exportRun(runId, signal) {
        const record = await get(runId);
        if (record.status === "running") {
          throw new Error(`Run "${record.name}" is training: pause it, then export it.`);
        }
        return exports.pack("run", async ({ out }) => {
          const { contents, notes } = await contentsOf(record);
          const task = "Writing the run";
          const onProgress = (done: number, total: number) => emit({ type: "progress", task, done, total });
          const written = await writeRunFile(contents, out, { onProgress, signal });
          return { ...written, notes, step: null };
        });
      },

      async importRun(file, signal) {
        const onProgress = (task: string, done: number, total: number | null) =>
          emit({ type: "progress", task, done, total });
        const imported = await importRunFile(storage, file, onProgress, signal);
        if (imported.added) emit({ type: "runsChanged" });
        return imported;
      },
    },
  };
}
