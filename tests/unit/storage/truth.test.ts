/**
 * Messages of storage after a failed write, with every kind of failure in every kind of write. Oracle: the disk itself.
 * When a message says that data is still there, it is, byte for byte; when it says that data is gone, it is; and no
 * message contains a browser's own words.
 */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import {
  adapterTensors,
  type Disk,
  file,
  loopStateAt,
  newDisk,
  patternBytes,
  runRecord,
  someCurves,
  tabOn,
} from "./backend.ts";

const raw = /DOMException|IDB|Failed to execute|transaction|undefined|\[object|internal detail/;
const detail = "Failed to execute 'transaction' on 'IDBDatabase': internal detail";

/** Contents of the disk: a line for each record and chunk. */
async function linesOf({ records, chunks }: Disk): Promise<string[]> {
  const lines: string[] = [];
  for (const key of await records.keys()) lines.push(`record ${key} ${JSON.stringify(await records.get(key))}`);
  for (const key of await chunks.keys()) lines.push(`chunk ${key} ${String(await chunks.get(key)).length}`);
  return lines;
}

async function remove(store: KeyValue, some: (key: string) => boolean = () => true): Promise<void> {
  await store.write([], (await store.keys()).filter(some));
}

/** Changes of the disk during a failing write. */
const events: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  "nothing else": async () => undefined,
  "everything is gone": async ({ records, chunks }) => {
    await remove(records);
    await remove(chunks);
  },
  "the records are gone": ({ records }) => remove(records),
  "the contents are gone": ({ chunks }) => remove(chunks),
  "a dataset is gone": ({ records }) => remove(records, (key) => key.startsWith("dataset/")),
  "the other run is gone": ({ records }) => remove(records, (key) => key.includes("other")),
};

const failures = [
  ...["AbortError", "QuotaExceededError", "InvalidStateError", "UnknownError", "VersionError", "NotFoundError"],
  ...["DataError", "SecurityError", "TransactionInactiveError", "TimeoutError", "OddError"],
];

/** The disk as a tab sees it. Write number `at` (from 1) fails with an error of this name while the change happens. */
function failing(
  disk: Disk,
  name: string,
  happens: (disk: Disk) => Promise<void>,
  { at = 1, unreadable = false, always = false } = {},
) {
  let writes = 0;
  let broken = false;
  let armed = false;
  const wrap = (inner: KeyValue): KeyValue => {
    const requireReadable = () => {
      if (broken && unreadable) throw new DOMException(detail, name);
    };
    return {
      async get(key) {
        requireReadable();
        return inner.get(key);
      },
      async keys(prefix) {
        requireReadable();
        return inner.keys(prefix);
      },
      async write(puts, deletes) {
        if (armed && puts.length > 0 && ++writes >= at && (always || !broken)) {
          if (!broken) await happens(disk);
          broken = true;
          throw new DOMException(detail, name);
        }
        requireReadable();
        return inner.write(puts, deletes);
      },
    };
  };
  return {
    disk: { records: wrap(disk.records), chunks: wrap(disk.chunks) },
    arm: () => {
      armed = true;
    },
  };
}

const checkpoint = (id: string, step: number) => ({
  record: runRecord(id, step),
  state: loopStateAt(step),
  tensors: adapterTensors(step, 9),
});

/** Earlier data: two runs, a dataset and a model. */
async function fill(storage: Storage): Promise<void> {
  await storage.checkpoints.save(checkpoint("run", 10));
  await storage.checkpoints.save(checkpoint("other", 10));
  await storage.datasets.save({
    hash: "d".repeat(64),
    name: "rows",
    summary: null,
    files: [file("0", patternBytes(90, 1))],
  });
  await storage.models.save({
    hash: "e".repeat(64),
    name: "a model",
    summary: null,
    files: [file("w", patternBytes(90, 2))],
  });
}

/** Every kind of write. */
const writes: Readonly<Record<string, (storage: Storage) => Promise<unknown>>> = {
  "a checkpoint": (storage) => storage.checkpoints.save(checkpoint("run", 20)),
  "a record with curves": async (storage) =>
    storage.runs.put(runRecord("run", 11), await storage.curves.writer("run", null, someCurves)),
  "a name": (storage) => storage.runs.edit("run", { name: "x" }),
  "a dataset": (storage) =>
    storage.datasets.save({
      hash: "c".repeat(64),
      name: "more",
      summary: null,
      files: [file("0", patternBytes(80, 3))],
    }),
  "a model": (storage) =>
    storage.models.save({ hash: "b".repeat(64), name: "more", summary: null, files: [file("0", patternBytes(80, 4))] }),
  "a fetch": (storage) =>
    storage.fetches.fetch({
      address: "https://example.org/m",
      name: "m",
      source: null,
      files: [{ ...file("w", patternBytes(70, 5)), stamp: null }],
    }),
  "a run from elsewhere": (storage) => {
    const { record, ...parts } = checkpoint("new", 10);
    const savedAt = "2026-01-01T00:00:00.000Z";
    return storage.checkpoints.adopt({
      record,
      curves: someCurves,
      checkpoints: [{ ...parts, step: 10, savedAt }],
      datasets: [],
      results: { exams: [], votes: [] },
    });
  },
};

/** Compares a message with the disk. */
function expectTrue(said: string, before: readonly string[], after: readonly string[]): void {
  expect(said).not.toMatch(raw);
  expect(said.length).toBeLessThanOrEqual(400);
  expect(said).not.toContain("untouched");
  const gone = before.filter((line) => !after.includes(line));
  if (said.includes("All earlier data is still there.")) expect(gone).toEqual([]);
  if (/is gone|are gone/.test(said)) expect(gone).not.toEqual([]);
  if (gone.length > 0) expect(said).toMatch(/is gone|are gone|cannot be read now/);
}

describe.each(Object.entries(writes))("%s", (_, write) => {
  test.each(failures.flatMap((name) => Object.keys(events).map((event) => [name, event] as const)))(
    "fails with %s while %s",
    async (name, event) => {
      const disk = newDisk();
      const broken = failing(disk, name, events[event] ?? (async () => undefined), { always: true });
      const storage = await openStorage(tabOn(broken.disk));
      await fill(storage);
      const before = await linesOf(disk);
      broken.arm();
      const error: unknown = await write(storage).then(
        () => "It was saved.",
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Error);
      expectTrue(String(error), before, await linesOf(disk));
    },
  );

  test("fails and nothing can be read any more: nothing is claimed", async () => {
    const disk = newDisk();
    const broken = failing(disk, "InvalidStateError", async () => undefined, { unreadable: true, always: true });
    const storage = await openStorage(tabOn(broken.disk));
    await fill(storage);
    broken.arm();
    await expect(write(storage)).rejects.toThrow("The storage cannot be read now");
  });
});

describe("a storage that the browser clears while a run trains", () => {
  test.each([
    ["before a save", 0],
    ["at its first write", 1],
    ["at its second write", 2],
  ])("%s: the checkpoint is complete, and the message names the loss", async (_, at) => {
    const disk = newDisk();
    const clear = events["everything is gone"] ?? (async () => undefined);
    const broken = failing(disk, "AbortError", clear, { at });
    const storage = await openStorage(tabOn(broken.disk));
    await fill(storage);
    if (at === 0) await clear(disk);
    else broken.arm();
    await storage.checkpoints.save(checkpoint("run", 20));
    expect(storage.problems).toEqual([
      'The browser has cleared this page\'s storage in the meantime, so some or all earlier data is gone. The checkpoint of step 20 of run "run run" is saved. Runs, Model and Data show what is left.',
    ]);
    const after = await openStorage(tabOn(disk));
    expect(await after.audit()).toMatchObject({ orphans: 0, damaged: 0 });
    expect(await after.checkpoints.steps("run")).toEqual([20]);
    await after.checkpoints.load("run", "latest", async (_tensor, read) => void (await read()));
  });

  test("chunks that go between their write and the record's are written again", async () => {
    const disk = newDisk();
    let cleared = 0;
    const records: KeyValue = {
      ...disk.records,
      async write(puts, deletes) {
        if (cleared++ === 4) await remove(disk.chunks);
        return disk.records.write(puts, deletes);
      },
    };
    const storage = await openStorage(tabOn({ ...disk, records }));
    await fill(storage);
    await storage.checkpoints.save(checkpoint("run", 20));
    expect(cleared).toBeGreaterThan(5);
    await storage.checkpoints.load("run", 20, async (_tensor, read) => void (await read()));
    expect(storage.problems[0]).toContain("The browser has cleared this page's storage");
  });

  test("cleared again and again, it reports this and does not try for ever", async () => {
    const disk = newDisk();
    const chunks: KeyValue = {
      ...disk.chunks,
      async write() {
        await remove(disk.chunks);
      },
    };
    const storage = await openStorage(tabOn({ ...disk, chunks }));
    await expect(storage.checkpoints.save(checkpoint("run", 20))).rejects.toThrow(
      "could not be saved: the browser has cleared this page's storage",
    );
    expect(await storage.checkpoints.steps("run")).toEqual([]);
  });
});

describe("a clock that is set back by a day", () => {
  afterEach(() => void vi.useRealTimers());

  test("dates of a run never go back, its newest checkpoint stays the newest, and nothing is collected", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-30T12:00:00.000Z") });
    const disk = newDisk();
    const storage = await openStorage(tabOn(disk));
    await fill(storage);
    const before = await storage.runs.edit("run", { name: "noon" });
    expect(before.updatedAt).toBe("2026-11-30T12:00:00.000Z");

    vi.setSystemTime(new Date("2026-11-29T12:00:00.000Z"));
    expect((await storage.runs.edit("run", { name: "a day before" })).updatedAt).toBe(before.updatedAt);
    await storage.checkpoints.save({
      ...checkpoint("run", 20),
      record: { ...runRecord("run", 20), updatedAt: before.updatedAt },
    });
    expect(await storage.checkpoints.steps("run")).toEqual([20, 10]);
    expect((await storage.checkpoints.load("run", "latest", () => undefined)).manifest.step).toBe(20);

    const after = await openStorage(tabOn(disk));
    expect(await after.audit()).toMatchObject({ orphans: 0, damaged: 0 });
    const [run] = (await after.runs.list()).runs.filter(({ id }) => id === "run");
    // The new tab pauses a run that seems to train, and that is no step back in time either.
    expect(run).toMatchObject({ status: "paused", updatedAt: before.updatedAt });
    expect((await after.datasets.list()).entries).toHaveLength(1);
  });
});
