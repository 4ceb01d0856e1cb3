/** Run records: listing, saving, deleting, and repair of what a killed tab or an earlier version left behind. */

import { laterThan } from "../run/clock.ts";
import type { Curves } from "../run/curves.ts";
import { type ReadRun, type RunRecord, RunSchema } from "../run/record.ts";
import { cut } from "../tensor/quote.ts";
import type { CurveStore, CurveWrite, CurveWriter } from "./curves.ts";
import { errorText, StorageError } from "./errors.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import { type Locks, trainingLock } from "./lock.ts";
import type { Collector } from "./orphans.ts";
import { keyPrefix, lastPart, recordKey, sealed, unsealed } from "./records.ts";
import type { ResultStore } from "./results.ts";
import type { RowLossStore } from "./rowLosses.ts";

export interface Runs {
  /** All runs that can be read, newest first, and a sentence for each that cannot. Reads no curve. */
  list(): Promise<{ readonly runs: RunRecord[]; readonly problems: string[] }>;
  /** Null when there is none. Throws `StorageError` when its record cannot be read. */
  get(id: string): Promise<RunRecord | null>;
  /** Whether a record has this id, readable or not. */
  isThere(id: string): Promise<boolean>;
  /** The saved curves of a run. Throws `StorageError` when there is no such run, or when they cannot be read. */
  curves(id: string): Promise<Curves>;
  /** Saves the record and the new points of its curves; `checkpoints.save` saves it with a checkpoint. */
  put(record: RunRecord, curves?: CurveWriter): Promise<void>;
  /**
   * The write of a run's curves, for the transaction with its record: the new points of `curves`. Without `curves`, the
   * points that format 1 has in the record; null where there are none.
   */
  curveWrite(id: string, curves: CurveWriter | undefined): Promise<CurveWrite | null>;
  /** Changes the run's name and note. Throws `StorageError` when there is no such run. */
  edit(id: string, change: RunWords): Promise<RunRecord>;
  /** Deletes the run, its curves, its checkpoints, its results and their chunks. Throws `StorageError` while it trains. */
  delete(id: string): Promise<void>;
  /**
   * Pauses runs that a killed tab left "running", with the reason, and returns them. Does nothing while any tab trains,
   * because one of them may be that tab's run.
   */
  recover(): Promise<RunRecord[]>;
  /** Moves the curves out of records of format 1: each record and its curves in one transaction. */
  upgrade(): Promise<void>;
}

/** The members that the user may change in any state of the run. */
export interface RunWords {
  readonly name?: string;
  readonly note?: string;
}

function killedReason(step: number, checkpoint: number | undefined): string {
  const end = `The tab was closed at step ${step}`;
  return checkpoint === undefined
    ? `${end}, before the first checkpoint; resuming starts from the beginning.`
    : `${end}; the last checkpoint is step ${checkpoint}.`;
}

export const missingRun = (id: string) =>
  `There is no run ${cut(id)} in this browser. It may have been deleted in another tab.`;

/** Tabs that open at the same time rewrite records of format 1 one after the other. */
const upgradeLock = "hone-upgrade";

export function createRuns(
  records: KeyValue,
  curveStore: CurveStore,
  results: Pick<ResultStore, "keys">,
  rowLosses: Pick<RowLossStore, "keys">,
  collector: Collector,
  locks: Locks,
): Runs {
  const parse = (key: string, stored: unknown) =>
    unsealed(
      `The record of run ${cut(lastPart(key), 80)}`,
      "The other runs are not affected; delete this one.",
      RunSchema,
      stored,
    );

  async function read(id: string): Promise<ReadRun | null> {
    const key = recordKey("run", id);
    const stored = await records.get(key);
    return stored === undefined ? null : parse(key, stored);
  }

  const get = async (id: string) => (await read(id))?.record ?? null;

  async function list() {
    const runs: RunRecord[] = [];
    const problems: string[] = [];
    for (const key of await records.keys(keyPrefix("run"))) {
      try {
        const stored = await records.get(key);
        if (stored !== undefined) runs.push(parse(key, stored).record);
      } catch (error) {
        problems.push(
          error instanceof StorageError ? error.message : `Run ${cut(lastPart(key), 80)}: ${errorText(error)}.`,
        );
      }
    }
    runs.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    return { runs, problems };
  }

  async function curveWrite(id: string, curves: CurveWriter | undefined): Promise<CurveWrite | null> {
    if (curves) return curves.unwritten();
    const inRecord = (await read(id))?.curves;
    return inRecord ? (await curveStore.writer(id, null, inRecord)).unwritten() : null;
  }

  async function put(record: RunRecord, curves?: CurveWriter): Promise<void> {
    const write = await curveWrite(record.id, curves);
    const bytes = JSON.stringify(record).length + (write?.bytes ?? 0);
    await writeFor({ what: `The record of run "${cut(record.name)}"`, bytes }, records, [
      ...(write?.puts ?? []),
      sealed(recordKey("run", record.id), record),
    ]);
    write?.written();
  }

  async function checkpointKeys(id: string): Promise<string[]> {
    return records.keys(keyPrefix("checkpoint", id));
  }

  return {
    list,
    get,
    isThere: async (id) => (await records.get(recordKey("run", id))) !== undefined,
    put,
    curveWrite,

    async curves(id) {
      const found = await read(id);
      if (found === null) throw new StorageError(missingRun(id));
      return found.curves ?? curveStore.read(id);
    },

    async edit(id, { name, note }) {
      const before = await get(id);
      if (before === null) throw new StorageError(missingRun(id));
      const after: RunRecord = {
        ...before,
        ...(name !== undefined && { name }),
        ...(note !== undefined && { note }),
        updatedAt: laterThan(before.updatedAt),
      };
      await put(after);
      return after;
    },

    async delete(id) {
      // A record that cannot be read must still be deletable.
      const record = await get(id).catch(() => null);
      if (record?.status === "running" && (await locks.isLocked(trainingLock))) {
        throw new StorageError(
          `Run "${cut(record.name)}" is training. Cancel it first, in its own tab, then delete it.`,
        );
      }
      const what = `The deletion of run "${cut(record?.name ?? id)}"`;
      await collector.guarded(async () => {
        const keys = [
          ...(await curveStore.keys(id)),
          ...(await checkpointKeys(id)),
          ...(await results.keys(id)),
          ...(await rowLosses.keys(id)),
        ];
        await writeFor({ what, bytes: 0 }, records, [], [recordKey("run", id), ...keys]);
      }, true);
    },

    async recover() {
      // Listed first without the lock: the lock, even for a short time, could refuse a run that starts now.
      if (!(await list()).runs.some(({ status }) => status === "running")) return [];
      const recovered = await locks.tryHold(trainingLock, "exclusive", async () => {
        const paused: RunRecord[] = [];
        for (const run of (await list()).runs) {
          if (run.status !== "running") continue;
          const steps = (await checkpointKeys(run.id)).map((key) => Number(lastPart(key)));
          const checkpoint = steps.length === 0 ? undefined : Math.max(...steps);
          const record: RunRecord = {
            ...run,
            status: "paused",
            reason: killedReason(run.step, checkpoint),
            updatedAt: laterThan(run.updatedAt),
          };
          await put(record);
          paused.push(record);
        }
        return paused;
      });
      return recovered ?? [];
    },

    upgrade: () =>
      locks.hold(upgradeLock, "exclusive", async () => {
        const training = await locks.isLocked(trainingLock);
        for (const key of await records.keys(keyPrefix("run"))) {
          // An unreadable record stays unchanged; `list` reports it.
          const found = await read(lastPart(key)).catch(() => null);
          if (!found?.curves) continue;
          // A tab with an older version may train it, and will save the whole record again.
          if (training && found.record.status === "running") continue;
          await put(found.record);
        }
      }),
  };
}
