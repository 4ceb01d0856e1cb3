/** Run records: listing, saving, deleting, and putting right what a killed tab left behind. */

import type { RunRecord } from "../run/record.ts";
import { RunRecordSchema } from "../run/record.ts";
import { errorText, StorageError } from "./errors.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import { type Locks, trainingLock } from "./lock.ts";
import type { Collector } from "./orphans.ts";
import { keyPrefix, lastPart, recordKey, sealed, unsealed } from "./records.ts";

export interface Runs {
  /** All runs that can be read, newest first, and a sentence for each that cannot. */
  list(): Promise<{ readonly runs: RunRecord[]; readonly problems: string[] }>;
  /** Null when there is none. Throws `StorageError` when its record cannot be read. */
  get(id: string): Promise<RunRecord | null>;
  /** Saves the record alone; `checkpoints.save` saves it together with a checkpoint. */
  put(record: RunRecord): Promise<void>;
  /** Changes what its owner calls it and wrote of it. Throws `StorageError` when there is none. */
  edit(id: string, change: RunWords): Promise<RunRecord>;
  /** Deletes the run, its checkpoints and their chunks. Throws `StorageError` while it trains. */
  delete(id: string): Promise<void>;
  /**
   * Turns runs that a killed tab left "running" into paused ones with the reason, and gives them. Does nothing while
   * any tab trains, for then one of them may really be running.
   */
  recover(): Promise<RunRecord[]>;
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
  `There is no run ${id} in this browser. It may have been deleted in another tab.`;

export function createRuns(records: KeyValue, collector: Collector, locks: Locks): Runs {
  const parse = (key: string, stored: unknown) =>
    unsealed(
      `The record of run ${lastPart(key)}`,
      "The other runs are not affected; delete this one to be rid of the message.",
      RunRecordSchema,
      stored,
    );

  async function get(id: string): Promise<RunRecord | null> {
    const key = recordKey("run", id);
    const stored = await records.get(key);
    return stored === undefined ? null : parse(key, stored);
  }

  async function list() {
    const runs: RunRecord[] = [];
    const problems: string[] = [];
    for (const key of await records.keys(keyPrefix("run"))) {
      try {
        const stored = await records.get(key);
        if (stored !== undefined) runs.push(parse(key, stored));
      } catch (error) {
        problems.push(error instanceof StorageError ? error.message : `Run ${lastPart(key)}: ${errorText(error)}.`);
      }
    }
    runs.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    return { runs, problems };
  }

  async function put(record: RunRecord): Promise<void> {
    const bytes = JSON.stringify(record).length;
    await writeFor({ what: `The record of run "${record.name}"`, bytes }, records, [
      sealed(recordKey("run", record.id), record),
    ]);
  }

  async function checkpointKeys(id: string): Promise<string[]> {
    return records.keys(keyPrefix("checkpoint", id));
  }

  return {
    list,
    get,
    put,

    async edit(id, { name, note }) {
      const before = await get(id);
      if (before === null) throw new StorageError(missingRun(id));
      const after: RunRecord = {
        ...before,
        ...(name !== undefined && { name }),
        ...(note !== undefined && { note }),
        updatedAt: new Date().toISOString(),
      };
      await put(after);
      return after;
    },

    async delete(id) {
      // A record that cannot be read must still be deletable.
      const record = await get(id).catch(() => null);
      if (record?.status === "running" && (await locks.isHeld(trainingLock))) {
        throw new StorageError(`Run "${record.name}" is training. Cancel it first, in its own tab, then delete it.`);
      }
      const what = `The deletion of run "${record?.name ?? id}"`;
      await collector.guarded(
        async () => writeFor({ what, bytes: 0 }, records, [], [recordKey("run", id), ...(await checkpointKeys(id))]),
        true,
      );
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
            updatedAt: new Date().toISOString(),
          };
          await put(record);
          paused.push(record);
        }
        return paused;
      });
      return recovered ?? [];
    },
  };
}
