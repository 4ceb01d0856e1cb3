/** Run records: listing, saving, deleting, and putting right what a killed tab or an earlier version left behind. */

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

export interface Runs {
  /** All runs that can be read, newest first, and a sentence for each that cannot. Reads no curve. */
  list(): Promise<{ readonly runs: RunRecord[]; readonly problems: string[] }>;
  /** Null when there is none. Throws `StorageError` when its record cannot be read. */
  get(id: string): Promise<RunRecord | null>;
  /** Whether something is saved under this id, also where it cannot be read. */
  isThere(id: string): Promise<boolean>;
  /** The curves of a run as they were last saved. Throws `StorageError` when there is no such run, or they cannot be read. */
  curves(id: string): Promise<Curves>;
  /** Saves the record and what is new of its curves; `checkpoints.save` saves it together with a checkpoint. */
  put(record: RunRecord, curves?: CurveWriter): Promise<void>;
  /**
   * What a transaction with the record of a run writes of its curves: the new points of `curves`. Without, those that format 1
   * keeps in the record; null where there are none.
   */
  curveWrite(id: string, curves: CurveWriter | undefined): Promise<CurveWrite | null>;
  /** Changes what its owner calls it and wrote of it. Throws `StorageError` when there is none. */
  edit(id: string, change: RunWords): Promise<RunRecord>;
  /** Deletes the run, its curves, its checkpoints, its results and their chunks. Throws `StorageError` while it trains. */
  delete(id: string): Promise<void>;
  /**
   * Turns runs that a killed tab left "running" into paused ones with the reason, and gives them. Does nothing while
   * any tab trains, for then one of them may really be running.
   */
  recover(): Promise<RunRecord[]>;
  /** Takes the curves out of records of format 1: each record and its curves are in one transaction. */
  upgrade(): Promise<void>;
}

/** What the owner of a run may change of it, whatever its state. */
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

/** Held while records of format 1 are rewritten: the tabs that open at the same time do it one after the other. */
const upgradeLock = "hone-upgrade";

export function createRuns(
  records: KeyValue,
  curveStore: CurveStore,
  results: Pick<ResultStore, "keys">,
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
    const held = (await read(id))?.curves;
    return held ? (await curveStore.writer(id, null, held)).unwritten() : null;
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
      if (record?.status === "running" && (await locks.isHeld(trainingLock))) {
        throw new StorageError(
          `Run "${cut(record.name)}" is training. Cancel it first, in its own tab, then delete it.`,
        );
      }
      const what = `The deletion of run "${cut(record?.name ?? id)}"`;
      await collector.guarded(async () => {
        const keys = [...(await curveStore.keys(id)), ...(await checkpointKeys(id)), ...(await results.keys(id))];
        await writeFor({ what, bytes: 0 }, records, [], [recordKey("run", id), ...keys]);
      }, true);
    },

    async recover() {
      // Looked at first without the lock: taken for nothing, it could refuse a run that starts at this moment.
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
        const training = await locks.isHeld(trainingLock);
        for (const key of await records.keys(keyPrefix("run"))) {
          // What cannot be read stays as it is, and the list tells it.
          const found = await read(lastPart(key)).catch(() => null);
          if (!found?.curves) continue;
          // A tab with the version before may train it, and saves it whole again.
          if (training && found.record.status === "running") continue;
          await put(found.record);
        }
      }),
  };
}
