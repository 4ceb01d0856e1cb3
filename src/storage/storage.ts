/**
 * The entry to everything stored in this browser: runs, checkpoints, datasets, models; in memory where there is no
 * database.
 */

import { type Checkpoints, createCheckpoints } from "./checkpoints.ts";
import { createChunkStore } from "./chunks.ts";
import { type CurveStore, createCurves } from "./curves.ts";
import { createEdits, type EditStore } from "./edits.ts";
import { errorText, StorageError } from "./errors.ts";
import { createFetchStore, type FetchStore } from "./fetches.ts";
import { createFileStore, type FileStore } from "./files.ts";
import { indexedDbKeyValue } from "./indexedDb.ts";
import { type KeyValue, memoryKeyValue } from "./keyValue.ts";
import { defaultLocks, type Locks, locksOfAllTabs, realmLocks } from "./lock.ts";
import { createCollector, type StorageAudit } from "./orphans.ts";
import { estimateStorage, type StorageReport } from "./quota.ts";
import { createResults, type ResultStore } from "./results.ts";
import { createRowLosses, type RowLossStore } from "./rowLosses.ts";
import { createRuns, type Runs } from "./runs.ts";
import { surveyed } from "./survey.ts";

/** The databases of storage and their locks. */
export interface StorageBackend {
  readonly records: KeyValue;
  readonly chunks: KeyValue;
  /** Guards training: one run at a time. */
  readonly locks: Locks;
  /** Guards chunks against collection during a save; null where tabs cannot share locks, so nothing is collected. */
  readonly chunkLocks: Locks | null;
  /** Why nothing outlives the tab, in one sentence; null when it does. */
  readonly reason: string | null;
}

export interface Storage {
  readonly runs: Runs;
  readonly curves: CurveStore;
  readonly checkpoints: Checkpoints;
  readonly results: ResultStore;
  /** Losses of the training rows of runs. */
  readonly rowLosses: RowLossStore;
  readonly datasets: FileStore;
  /** Rows of datasets that the user edited. */
  readonly edits: EditStore;
  readonly models: FileStore;
  /** Models whose download is not complete. */
  readonly fetches: FetchStore;
  /** Repairs that failed at the start, and losses found since, a sentence each. */
  readonly problems: readonly string[];
  report(): Promise<StorageReport>;
  /** Reads, counts and checks every chunk. */
  audit(): Promise<StorageAudit>;
  /** Deletes chunks that no record refers to and returns their number; null while a save is running. */
  collect(): Promise<number | null>;
}

/** After a kill of the browser its databases may not open at once; a real refusal repeats itself. */
const secondTryMs = 500;

/** A database never opens while another tab deletes it or has an older version open. */
const patienceMs = 20_000;

/** Rejects when the work takes longer than `patienceMs`. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = "another tab of this page blocks the database: close the other tabs, then reload";
    timer = setTimeout(() => reject(new StorageError(problem)), patienceMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** IndexedDB where it opens, else memory. */
async function openBackend(): Promise<StorageBackend> {
  try {
    return await inTime(
      openIndexedDb().catch(async () => {
        await new Promise((resolve) => setTimeout(resolve, secondTryMs));
        return openIndexedDb();
      }),
    );
  } catch (error) {
    return {
      records: memoryKeyValue(),
      chunks: memoryKeyValue(),
      locks: await defaultLocks(),
      chunkLocks: realmLocks(),
      reason:
        `This browser stores nothing for this page (${openingFault(error)}). Earlier data cannot be shown. New ` +
        "data stays in memory and is lost when this tab closes.",
    };
  }
}

/** Without IndexedDB the library reads a variable that is not there. */
const openingFault = (error: unknown) =>
  typeof indexedDB === "undefined" && (error instanceof ReferenceError || error instanceof TypeError)
    ? "it has no IndexedDB"
    : errorText(error);

async function openIndexedDb(): Promise<StorageBackend> {
  const backend: StorageBackend = {
    records: indexedDbKeyValue("hone-records"),
    chunks: indexedDbKeyValue("hone-chunks"),
    locks: await defaultLocks(),
    chunkLocks: await locksOfAllTabs(),
    reason: null,
  };
  // A refusal appears only when a database is opened.
  await backend.records.keys("run/");
  await backend.chunks.keys("probe");
  return backend;
}

/**
 * Opens storage, on a page or in a worker: moves the curves out of records of format 1, pauses runs that a killed tab
 * left running, deletes results without a run, and collects orphan chunks. Throws `StorageError` where the browser
 * offers no hashing (an address without https).
 */
export async function openStorage(backend?: StorageBackend): Promise<Storage> {
  if (!globalThis.crypto?.subtle) {
    throw new StorageError(
      "This address is not secure, so the browser offers no hashing, and checkpoints cannot be checked. " +
        "Open the page over https, or from localhost.",
    );
  }
  const { locks, chunkLocks, reason, ...values } = backend ?? (await openBackend());
  const { records, chunks: chunkValues, wasCleared } = surveyed(values.records, values.chunks);
  const chunks = createChunkStore(chunkValues);
  const collector = createCollector(records, chunks, chunkLocks);
  const curves = createCurves(records);
  const results = createResults(records, chunks, collector);
  const rowLosses = createRowLosses(records);
  const runs = createRuns(records, curves, results, rowLosses, collector, locks);

  const problems: string[] = [];
  const tidy = async (task: () => Promise<unknown>) => {
    try {
      await task();
    } catch (error) {
      problems.push(`Storage could not be tidied at the start: ${errorText(error)}.`);
    }
  };
  await tidy(runs.upgrade);
  await tidy(runs.recover);
  await tidy(results.tidy);
  await tidy(rowLosses.tidy);
  await tidy(collector.collect);

  return {
    runs,
    curves,
    checkpoints: createCheckpoints({ records, chunks, collector, runs, curves, results, wasCleared, problems }),
    results,
    rowLosses,
    datasets: createFileStore("dataset", records, chunks, collector),
    edits: createEdits(records),
    models: createFileStore("model", records, chunks, collector),
    fetches: createFetchStore(records, chunks, collector),
    problems,
    report: async () => ({ available: reason === null, reason, ...(await estimateStorage()) }),
    audit: collector.audit,
    collect: collector.collect,
  };
}
