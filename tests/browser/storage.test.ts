/** Storage on a real IndexedDB, with workers as other tabs; oracle: the bytes that went in. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { indexedDbKeyValue } from "../../src/storage/indexedDb.ts";
import {
  acquireTrainingLock,
  requireTrainingLock,
  TrainingLockLostError,
  trainingEnd,
} from "../../src/storage/lock.ts";
import { requestPersistence } from "../../src/storage/quota.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { bytesFromMemory } from "../../src/tensor/bytes.ts";
import { byteTensor, contents, loadWhole, patternBytes, runRecord } from "../unit/storage/backend.ts";
import type { Command } from "./storageWorker.ts";

const big = 20_000_000;
const records = indexedDbKeyValue("hone-records");
const chunks = indexedDbKeyValue("hone-chunks");

beforeEach(async () => {
  await records.write([], await records.keys());
  await chunks.write([], await chunks.keys());
});

interface Tab {
  ask(command: Command): Promise<unknown>;
  /** Resolves when a save has come to its halt. */
  readonly halted: Promise<void>;
  kill(): void;
}

const tabs: Tab[] = [];
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.kill();
});

function openTab(): Tab {
  const worker = new Worker(new URL("./storageWorker.ts", import.meta.url), { type: "module" });
  let count = 0;
  const tab: Tab = {
    ask: (command) =>
      new Promise((resolve, reject) => {
        const id = count++;
        worker.addEventListener("message", ({ data }) => {
          if (data.id !== id) return;
          if (data.error) reject(new Error(data.error));
          else resolve(data.result);
        });
        worker.addEventListener("error", (event) => reject(new Error(event.message)));
        worker.postMessage({ id, command });
      }),
    halted: new Promise((resolve) => {
      worker.addEventListener("message", ({ data }) => {
        if (data === "halted") resolve();
      });
    }),
    kill: () => worker.terminate(),
  };
  tabs.push(tab);
  return tab;
}

function sameBytes(a: unknown, b: Uint8Array): boolean {
  if (!(a instanceof Uint8Array) || a.length !== b.length) return false;
  return a.every((byte, index) => byte === b[index]);
}

test("20 MB saved in a worker are read back on the page, and the other way round", async () => {
  const tab = openTab();
  expect(await tab.ask({ do: "save", run: "r", step: 3, bytes: big, halt: false })).toBe(3);
  const storage = await openStorage();
  const { step, state, tensors } = await loadWhole(storage, "r");
  expect([step, state]).toEqual([3, { step: 3, random: [1, 2, 3, 4] }]);
  expect(sameBytes(tensors.w, patternBytes(big, 3))).toBe(true);

  await storage.checkpoints.save(contents(runRecord("r", 4), { w: patternBytes(big, 4) }));
  const back = (await tab.ask({ do: "load", run: "r" })) as { step: number; w: unknown };
  expect(back.step).toBe(4);
  expect(sameBytes(back.w, patternBytes(big, 4))).toBe(true);

  // Five chunks of tensors per checkpoint, a state each, and the worker's `last`.
  expect(await storage.audit()).toMatchObject({ chunks: 13, orphans: 0, damaged: 0 });
  const report = await storage.report();
  expect(report).toMatchObject({ available: true, reason: null });
  expect(report.usage).toBeGreaterThan(2 * big);
  expect(report.quota).toBeGreaterThan(report.usage ?? 0);
});

test("no tab collects while another one saves", async () => {
  const [saver, collector] = [openTab(), openTab()];
  const saving = saver.ask({ do: "save", run: "r", step: 1, bytes: big, halt: true });
  await saver.halted;
  // A batch is on the disk, and no manifest names it yet.
  expect((await chunks.keys()).length).toBeGreaterThan(0);
  expect(await collector.ask({ do: "collect" })).toBe(null);
  await saver.ask({ do: "go on" });
  await saving;
  expect(await collector.ask({ do: "collect" })).toBe(0);
  expect(sameBytes(((await collector.ask({ do: "load", run: "r" })) as { w: unknown }).w, patternBytes(big, 1))).toBe(
    true,
  );
});

test("a tab killed in the middle of a save leaves the last whole checkpoint, a reason, and no orphan", async () => {
  const victim = openTab();
  expect(await victim.ask({ do: "lock" })).toBe(true);
  await victim.ask({ do: "save", run: "r", step: 10, bytes: 1000, halt: false });
  // It was never answered: the tab is dead.
  victim.ask({ do: "save", run: "r", step: 20, bytes: big, halt: true }).catch(() => {});
  await victim.halted;
  expect((await chunks.keys()).length).toBeGreaterThan(3);

  const before = await openStorage();
  expect((await before.runs.get("r"))?.status).toBe("running");
  victim.kill();
  const release = await vi.waitFor(async () => {
    const granted = await acquireTrainingLock();
    if (granted === null) throw new Error("the dead tab's lock is still held");
    return granted;
  });
  release();
  await navigator.locks.request("hone-training", () => {});

  const after = await openStorage();
  expect(await after.runs.get("r")).toMatchObject({
    status: "paused",
    reason: "The tab was closed at step 10; the last checkpoint is step 10.",
  });
  const { step, tensors } = await loadWhole(after, "r");
  expect(step).toBe(10);
  expect(sameBytes(tensors.w, patternBytes(1000, 10))).toBe(true);
  await after.collect();
  expect(await after.audit()).toMatchObject({ chunks: 3, orphans: 0, damaged: 0 });
});

test("one tab trains at a time", async () => {
  const tab = openTab();
  expect(await tab.ask({ do: "lock" })).toBe(true);
  expect(await acquireTrainingLock()).toBe(null);
  const storage = await openStorage();
  await storage.runs.put(runRecord("r", 1));
  await expect(storage.runs.delete("r")).rejects.toThrow('Run "run r" is training.');
});

test("a transaction puts and deletes together, or does nothing at all", async () => {
  await records.write([["a", 1]]);
  await expect(
    records.write(
      [
        ["b", 2],
        ["c", () => {}],
      ],
      ["a"],
    ),
  ).rejects.toThrow();
  expect(await records.keys()).toEqual(["a"]);
  await records.write([["b", { deep: Uint8Array.of(1) }]], ["a"]);
  expect(await records.keys()).toEqual(["b"]);
  expect(await records.get("b")).toEqual({ deep: Uint8Array.of(1) });
  await records.write([
    ["x/1", 0],
    ["x/2", 0],
    ["x", 0],
    ["y/1", 0],
  ]);
  expect(await records.keys("x/")).toEqual(["x/1", "x/2"]);
});

test("a connection that ended without saying so is opened anew", async () => {
  const opening = vi.spyOn(indexedDB, "open");
  const store = indexedDbKeyValue("hone-records");
  await store.write([["a", 1]]);
  const request: IDBOpenDBRequest = opening.mock.results[0]?.value;
  request.result.close();
  expect(await store.get("a")).toBe(1);
  expect(opening).toHaveBeenCalledTimes(2);
  opening.mockRestore();
});

test("a database that another tab deletes goes at once, and the next checkpoint is whole in a new one", async () => {
  const storage = await openStorage();
  await storage.checkpoints.save(contents(runRecord("r", 1), { w: patternBytes(1000, 1) }));
  const tab = openTab();
  for (const database of ["hone-records", "hone-chunks"]) await tab.ask({ do: "delete", database });

  await storage.checkpoints.save(contents(runRecord("r", 2), { w: patternBytes(1000, 2) }));
  expect(storage.problems).toEqual([
    expect.stringMatching(/^The browser has cleared this page's storage .*step 2 .* is saved\./),
  ]);
  expect(await storage.checkpoints.steps("r")).toEqual([2]);
  expect(sameBytes((await loadWhole(storage, "r")).tensors.w, patternBytes(1000, 2))).toBe(true);
  expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
});

test("a database that is deleted in the middle of a save costs no byte of that checkpoint", async () => {
  const storage = await openStorage();
  await storage.checkpoints.save(contents(runRecord("r", 1), { w: patternBytes(1000, 1) }));
  const tab = openTab();
  const { record, state, tensors } = contents(runRecord("r", 2), { w: patternBytes(big, 2) });
  let deleted = false;
  const last = byteTensor("last", Uint8Array.of(2));
  const read = async () => {
    // A batch of chunks is written by now.
    if (!deleted) for (const database of ["hone-records", "hone-chunks"]) await tab.ask({ do: "delete", database });
    deleted = true;
    return last.read();
  };
  await storage.checkpoints.save({ record, state, tensors: [...tensors, { ...last, read }] });
  expect(deleted).toBe(true);
  expect(storage.problems).toHaveLength(1);
  const { step, tensors: back } = await loadWhole(storage, "r");
  expect(step).toBe(2);
  expect(sameBytes(back.w, patternBytes(big, 2))).toBe(true);
  expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
});

test("where the contents alone are deleted, a failed write does not say that they are there", async () => {
  const storage = await openStorage();
  await storage.models.save({
    hash: "e".repeat(64),
    name: "m",
    summary: null,
    files: [bytesFromMemory("w", patternBytes(9, 1))],
  });
  await openTab().ask({ do: "delete", database: "hone-chunks" });
  const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("Encountered full disk while opening backing store", "QuotaExceededError");
  });
  try {
    await expect(storage.runs.put(runRecord("r", 1))).rejects.toThrow(
      'The record of run "run r" could not be saved: the browser has cleared this page\'s storage. Some or all earlier data is gone.',
    );
  } finally {
    put.mockRestore();
  }
});

test("a lock that another page takes by force is known to be lost, and can be acquired again", async () => {
  const release = await acquireTrainingLock();
  expect(release).not.toBe(null);
  requireTrainingLock();
  await navigator.locks.request("hone-training", { steal: true }, async () => {
    await expect.poll(() => lost()).toBe(true);
    expect(await acquireTrainingLock()).toBe(null);
  });
  expect(lost()).toBe(true);
  // Nobody waits for ever for the run that was stopped.
  await trainingEnd();
  const again = await acquireTrainingLock();
  expect(again).not.toBe(null);
  expect(lost()).toBe(false);
  again?.();
});

function lost(): boolean {
  try {
    requireTrainingLock();
    return false;
  } catch (error) {
    return error instanceof TrainingLockLostError;
  }
}

test("an IndexedDB that opens only at the second try is used", async () => {
  const { open } = indexedDB;
  let tries = 0;
  const opening = vi.spyOn(indexedDB, "open").mockImplementation((...database) => {
    if (tries++ === 0) throw new DOMException("Internal error opening backing store", "UnknownError");
    return open.apply(indexedDB, database);
  });
  try {
    const storage = await openStorage();
    expect(await storage.report()).toMatchObject({ available: true, reason: null });
    expect(tries).toBeGreaterThan(2);
  } finally {
    opening.mockRestore();
  }
});

test.each([
  ["is missing", undefined],
  [
    "refuses to open",
    {
      open: () => {
        throw new DOMException("blocked by a setting", "SecurityError");
      },
    },
  ],
])("an IndexedDB that %s costs nothing but what outlives the tab, and the report says so", async (_, factory) => {
  vi.stubGlobal("indexedDB", factory);
  try {
    const storage = await openStorage();
    await storage.checkpoints.save(contents(runRecord("r", 1), { w: patternBytes(1000, 1) }));
    expect((await loadWhole(storage, "r")).step).toBe(1);
    expect(await storage.report()).toMatchObject({
      available: false,
      reason: expect.stringMatching(
        /^This browser stores nothing for this page \(.+\)\. .*lost when this tab closes\.$/,
      ),
    });
  } finally {
    vi.unstubAllGlobals();
  }
});

test("persistence is asked of the browser, and the answer is the browser's", async () => {
  expect(await requestPersistence()).toBe(await navigator.storage.persisted());
});
