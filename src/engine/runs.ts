/** The runs that this browser keeps, as the page asks for them: the list, their owner's words, their size, and a run as one file. */

import { readRunFile } from "../export/readRunFile.ts";
import { exactText, type RunContents, type RunRows, writeRecord } from "../export/runFile.ts";
import { writeRunFile } from "../export/writeRunFile.ts";
import type { EngineApi, EngineEvent, ImportedRun } from "../protocol/engine.ts";
import { noCurves } from "../run/curves.ts";
import type { RunRecord } from "../run/record.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { errorText } from "../storage/errors.ts";
import { isTraining } from "../storage/lock.ts";
import { checkRows } from "../storage/rows.ts";
import { missingRun, type RunWords } from "../storage/runs.ts";
import type { Storage } from "../storage/storage.ts";
import { readState, wholeState } from "../training/state.ts";
import type { Exports } from "./export.ts";
import type { Journal } from "./journal.ts";

type RunCalls = Pick<
  EngineApi,
  "listRuns" | "curvesOf" | "editRun" | "deleteRun" | "runSizes" | "exportRecord" | "exportRun" | "importRun"
>;

export interface RunService {
  readonly calls: RunCalls;
  /** Throws when there is none. */
  get(runId: string): Promise<RunRecord>;
  /** The journal of the run that trains: it holds the record, and what is changed of it. */
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
      // Saved with the next checkpoint: to save it beside the loop could overwrite what that saves.
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

  /** Newest and best checkpoint, once each, and the rows that are still kept. */
  async function contentsOf(record: RunRecord): Promise<{ contents: RunContents; notes: readonly string[] }> {
    const notes: string[] = [];
    const steps = await storage.checkpoints.steps(record.id);
    const wanted = [...new Set([steps[0], record.best?.step])].filter((step) => step !== undefined);
    const checkpoints = [];
    for (const step of wanted.filter((step) => steps.includes(step))) {
      const opened = await storage.checkpoints.open(record.id, step);
      if (opened) checkpoints.push({ ...opened, state: await stateOf(record.id, opened) });
    }
    if (checkpoints.length === 0)
      notes.push("It has no checkpoint yet: whoever takes it in starts it from the beginning.");
    const rows: RunRows[] = [];
    for (const { hash, name } of record.sources) {
      if (rows.some((source) => source.hash === hash)) continue;
      const entry = await storage.datasets.get(hash);
      const files = entry && (await storage.datasets.open(hash));
      if (entry && files) rows.push({ ...entry, files });
      else notes.push(`The rows of ${name} are not kept in this browser any more, so the file does not have them.`);
    }
    const { name, hash } = record.model;
    notes.push(`The base model is not in it: whoever takes it in needs ${name}, hash ${hash.slice(0, 8)}….`);
    const curves = await storage.runs.curves(record.id);
    return { contents: { record, curves, checkpoints, rows }, notes };
  }

  /** With its curves; a state of format 1 has them. */
  async function stateOf(runId: string, { state, curves }: CheckpointView): Promise<object> {
    const own = readState(state, null).curves ?? (curves ? await storage.curves.read(runId, curves) : noCurves);
    return wholeState(state as object, own);
  }

  async function takeIn(name: string, contents: RunContents, signal: AbortSignal | undefined): Promise<ImportedRun> {
    const { checkpoints, rows } = contents;
    for (const { step, state } of checkpoints) {
      try {
        readState(state, null);
      } catch (error) {
        throw new Error(`${name} cannot be taken in: checkpoint of step ${step}: ${errorText(error)}.`, {
          cause: error,
        });
      }
    }
    for (const source of rows) await checkRows(name, source, signal);

    const { runs } = await storage.runs.list();
    const twin = runs.find((other) => sameRun(other, contents.record));
    if (twin) return { record: twin, added: false, notes: [`This run is here already, as "${twin.name}".`] };
    const taken = runs.some(({ id }) => id === contents.record.id);
    const record: RunRecord = {
      ...contents.record,
      ...(taken && { id: crypto.randomUUID() }),
      ...(contents.record.status === "running" && { status: "paused" }),
    };
    const notes = taken ? ["Another run of the same number was here, so this one got a new number."] : [];

    const { available } = await storage.report();
    for (const { hash, name: source, summary, files } of rows) {
      if (!available) {
        notes.push(`This browser keeps nothing for this page: to resume, open the rows of ${source} again under Data.`);
      } else if (!(await storage.datasets.get(hash).catch(() => null))) {
        await storage.datasets.save({ hash, name: source, summary, files }, signal ? { signal } : {});
      }
    }
    const whole = (tensor: RunContents["checkpoints"][number]["tensors"][number]) => ({
      ...tensor,
      read: () => tensor.slice(0, tensor.byteLength, signal),
    });
    const adopted = checkpoints.map((checkpoint) => ({
      ...checkpoint,
      state: checkpoint.state as object,
      tensors: checkpoint.tensors.map(whole),
    }));
    await storage.checkpoints.adopt({ record, curves: contents.curves, checkpoints: adopted }, signal);
    emit({ type: "runsChanged" });
    return { record, added: true, notes };
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

      exportRecord: async (runId) => writeRecord("run.json", await get(runId), await storage.runs.curves(runId)),

      async exportRun(runId, signal) {
        const record = await get(runId);
        if (record.status === "running") {
          throw new Error(`Run "${record.name}" is training: pause it, then take it away.`);
        }
        return exports.pack("run", async ({ out }) => {
          const { contents, notes } = await contentsOf(record);
          const task = "Writing the run";
          const onProgress = (done: number, total: number) => emit({ type: "progress", task, done, total });
          const written = await writeRunFile(contents, out, { onProgress, signal });
          return { ...written, notes };
        });
      },

      async importRun(file, signal) {
        const task = `Checking ${file.name}`;
        const onProgress = (done: number, total: number) => emit({ type: "progress", task, done, total });
        const contents = await readRunFile(file.name, file, { onProgress, signal });
        emit({ type: "progress", task: "Taking the run in", done: 0, total: null });
        return takeIn(file.name, contents, signal);
      },
    },
  };
}

/** Whether two records are of one run at one place, whatever they are called. */
function sameRun(one: RunRecord, other: RunRecord): boolean {
  const core = (record: RunRecord) => exactText({ ...record, id: "", name: "", note: "", updatedAt: "" });
  return core(one) === core(other);
}
