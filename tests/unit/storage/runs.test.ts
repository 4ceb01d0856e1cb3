/** Run records, and stored datasets and models. Oracle: the original values. */

import { describe, expect, test, vi } from "vitest";
import { chunkBytes } from "../../../src/storage/chunks.ts";
import { StorageError } from "../../../src/storage/errors.ts";
import { acquireTrainingLock } from "../../../src/storage/lock.ts";
import { requestPersistence } from "../../../src/storage/quota.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { contents, file, newDisk, patternBytes, runRecord, tabOn } from "./backend.ts";

const bytes = (...values: number[]) => Uint8Array.of(...values);

describe("runs", () => {
  test("a record comes back with every field, NaN included, and the newest is listed first", async () => {
    const { runs } = await openStorage(tabOn(newDisk()));
    const older = runRecord("a/b", 3, { best: { step: 2, loss: 0.5, sets: {} } });
    const newer = runRecord("c", 0, { createdAt: "2025-02-01T00:00:00.000Z", status: "finished" });
    await runs.put(older);
    await runs.put(newer);
    expect(await runs.get("a/b")).toEqual(older);
    expect(await runs.get("a")).toBe(null);
    expect(await runs.list()).toEqual({ runs: [newer, older], problems: [] });
  });

  test.each([
    [
      { format: 1, value: { id: "bad" } },
      /^The record of run bad cannot be read: name is missing\. The other runs are not affected/,
    ],
    ["rubbish", /^The record of run bad cannot be read: .*\. The other runs are not affected/],
    [
      { format: 3, value: {} },
      /^The record of run bad was saved by a newer version of Hone \(format 3; this one reads up to 2\)\. Reload/,
    ],
  ])("%o does not hide the others, is reported, and can be deleted", async (stored, message) => {
    const disk = newDisk();
    const { runs } = await openStorage(tabOn(disk));
    await runs.put(runRecord("good", 1));
    await disk.records.write([["run/bad", stored]]);
    const listed = await runs.list();
    expect(listed.runs.map((run) => run.id)).toEqual(["good"]);
    expect(listed.problems).toEqual([expect.stringMatching(message)]);
    await expect(runs.get("bad")).rejects.toThrow(StorageError);
    await runs.delete("bad");
    expect((await runs.list()).problems).toEqual([]);
  });

  test("deleting a run takes its checkpoints and chunks, and leaves those of a run with a longer id", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    await storage.checkpoints.save(contents(runRecord("r", 10), { w: bytes(1), both: bytes(7) }));
    await storage.checkpoints.save(contents(runRecord("r2", 20), { w: bytes(2), both: bytes(7) }));
    await storage.runs.delete("r");
    expect((await storage.runs.list()).runs.map((run) => run.id)).toEqual(["r2"]);
    expect(await storage.checkpoints.steps("r")).toEqual([]);
    expect(await storage.checkpoints.steps("r2")).toEqual([20]);
    expect(await storage.audit()).toMatchObject({ chunks: 3, referenced: 3, orphans: 0, damaged: 0 });
  });

  test("a run that trains cannot be deleted; one that a dead tab left running can", async () => {
    const tab = tabOn(newDisk());
    const { runs } = await openStorage(tab);
    await runs.put(runRecord("r", 1));
    const release = await acquireTrainingLock(tab.locks);
    await expect(runs.delete("r")).rejects.toThrow('Run "run r" is training. Cancel it first');
    release?.();
    await vi.waitFor(async () => expect(await tab.locks.isLocked("hone-training")).toBe(false));
    await runs.delete("r");
    expect(await runs.get("r")).toBe(null);
  });

  test.each([
    [[10, 20, 30], 37, "The tab was closed at step 37; the last checkpoint is step 30."],
    [[], 5, "The tab was closed at step 5, before the first checkpoint; resuming starts from the beginning."],
  ])("with checkpoints %o and a tab killed at step %i", async (steps, step, reason) => {
    const disk = newDisk();
    const first = await openStorage(tabOn(disk));
    for (const saved of steps) await first.checkpoints.save(contents(runRecord("r", saved), {}));
    await first.runs.put(runRecord("r", step));
    await first.runs.put(runRecord("done", 100, { status: "finished" }));

    const busy = tabOn(disk);
    const release = await acquireTrainingLock(busy.locks);
    expect((await (await openStorage(busy)).runs.get("r"))?.status).toBe("running");
    release?.();

    const second = await openStorage(tabOn(disk));
    expect(await second.runs.get("r")).toMatchObject({ status: "paused", reason, step });
    expect(await second.runs.get("done")).toEqual(runRecord("done", 100, { status: "finished" }));
    expect(await acquireTrainingLock(busy.locks)).not.toBe(null);
  });
});

describe("files", () => {
  test("a model of several files is read in parts, across chunk boundaries, and not past its end", async () => {
    const { models } = await openStorage(tabOn(newDisk()));
    const weights = patternBytes(2 * chunkBytes + 100, 7);
    const progress: [number, number][] = [];
    await models.save(
      {
        hash: "h",
        name: "tiny",
        summary: { layers: 2 },
        files: [file("config.json", bytes(1, 2)), file("w", weights)],
      },
      { onProgress: (done, total) => progress.push([done, total]) },
    );
    const total = weights.length + 2;
    expect(progress).toEqual([
      [2, total],
      [chunkBytes + 2, total],
      [2 * chunkBytes + 2, total],
      [total, total],
    ]);
    expect(await models.list()).toMatchObject({
      entries: [{ hash: "h", name: "tiny", summary: { layers: 2 } }],
      problems: [],
    });

    const [config, stored] = (await models.open("h")) ?? [];
    expect([config?.name, config?.byteLength, stored?.name, stored?.byteLength]).toEqual([
      "config.json",
      2,
      "w",
      weights.length,
    ]);
    expect(await config?.slice(0, 2)).toEqual(bytes(1, 2));
    for (const [start, end] of [
      [0, 3],
      [chunkBytes - 2, chunkBytes + 2],
      [chunkBytes, chunkBytes],
      [2 * chunkBytes - 1, weights.length],
      [weights.length, weights.length],
    ] as const) {
      expect(await stored?.slice(start, end)).toEqual(weights.slice(start, end));
    }
    for (const [start, end] of [
      [-1, 2],
      [3, 2],
      [0, weights.length + 1],
    ] as const) {
      await expect(stored?.slice(start, end)).rejects.toThrow(RangeError);
    }
    const whole = (await stored?.slice(0, weights.length)) ?? bytes();
    expect(Buffer.compare(whole, weights)).toBe(0);
    expect(await models.open("none")).toBe(null);
  });

  test("a dataset and a model of the same bytes share chunks; deleting one leaves the other", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    const text = new TextEncoder().encode('[{"instruction":"a","output":"b"}]');
    await storage.datasets.save({ hash: "d", name: "pairs.json", summary: null, files: [file("pairs.json", text)] });
    await storage.models.save({ hash: "d", name: "odd", summary: null, files: [file("odd", text)] });
    await storage.models.delete("d");
    expect(await storage.models.get("d")).toBe(null);
    expect(await (await storage.datasets.open("d"))?.[0]?.slice(0, text.length)).toEqual(text);
    await storage.datasets.delete("d");
    expect(await storage.audit()).toEqual({ chunks: 0, bytes: 0, referenced: 0, orphans: 0, damaged: 0 });
  });

  test.each(["cancelled", "short", "throwing"] as const)(
    "a copy that is %s leaves nothing, and earlier data stays",
    async (how) => {
      const storage = await openStorage(tabOn(newDisk()));
      await storage.models.save({ hash: "kept", name: "kept", summary: null, files: [file("w", bytes(1))] });
      const before = await storage.audit();
      const aborter = new AbortController();
      const source = {
        name: "w",
        // More than one batch of writes.
        byteLength: 6 * chunkBytes,
        slice: async (start: number, end: number) => {
          if (start === 5 * chunkBytes) {
            if (how === "cancelled") aborter.abort();
            if (how === "short") return patternBytes(3, 1);
            if (how === "throwing") throw new TypeError("the network went away");
          }
          return patternBytes(end - start, start);
        },
      };
      const saving = storage.models.save(
        { hash: "h", name: "big", summary: null, files: [source] },
        { signal: aborter.signal },
      );
      await expect(saving).rejects.toThrow(
        {
          cancelled: "aborted",
          short: 'The copy of model "big" could not be saved: bytes 20971520 to 25165824 were requested, but 3 came.',
          throwing: "the network went away",
        }[how],
      );
      expect(await storage.models.get("h")).toBe(null);
      expect(await storage.audit()).toEqual(before);
    },
  );

  test("a stream of files is stored under the hash from its end", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    async function* pieces() {
      for (const seed of [1, 2, 3]) yield file(String(seed), bytes(seed));
    }
    let finished = 0;
    await storage.datasets.saveStream("rows", 100, pieces(), () => {
      finished++;
      return { hash: "h", name: "rows", summary: { rows: 3 } };
    });
    expect(finished).toBe(1);
    expect((await storage.datasets.get("h"))?.summary).toEqual({ rows: 3 });
    const stored = (await storage.datasets.open("h")) ?? [];
    expect(stored.map(({ name }) => name)).toEqual(["1", "2", "3"]);
    for (const [i, { byteLength, slice }] of stored.entries()) {
      expect(await slice(0, byteLength)).toEqual(bytes(i + 1));
    }
  });

  test("a stream that breaks leaves nothing, and its own error comes through", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    async function* pieces() {
      yield file("1", bytes(1));
      throw new Error("line 7 is too long");
    }
    const saving = storage.datasets.saveStream("rows", 100, pieces(), () => ({
      hash: "h",
      name: "rows",
      summary: null,
    }));
    await expect(saving).rejects.toThrow("line 7 is too long");
    expect(await storage.datasets.get("h")).toBe(null);
    expect(await storage.audit()).toEqual({ chunks: 0, bytes: 0, referenced: 0, orphans: 0, damaged: 0 });
  });

  test("a damaged copy names the model, the file and the way out", async () => {
    const disk = newDisk();
    const { models } = await openStorage(tabOn(disk));
    const entry = await models.save({ hash: "h", name: "tiny", summary: null, files: [file("w", bytes(1))] });
    await disk.chunks.write([[entry.files[0]?.chunks[0] ?? "", bytes(2)]]);
    await expect((await models.open("h"))?.[0]?.slice(0, 1)).rejects.toThrow(
      'The stored copy of model "tiny" cannot be read: chunk 1 of 1 of w does not hold the bytes that were saved. Open the model from its files again.',
    );
  });
});

describe("the room", () => {
  test("nothing is collected while a save is under way, nor where tabs share no locks", async () => {
    const tab = tabOn(newDisk());
    const storage = await openStorage(tab);
    const counts: (number | null)[] = [];
    await storage.checkpoints.save({
      record: runRecord("r", 1),
      state: {},
      tensors: [
        { name: "a", dtype: "bool", shape: [5 * chunkBytes], read: () => patternBytes(5 * chunkBytes, 1) },
        {
          name: "b",
          dtype: "bool",
          shape: [1],
          read: async () => {
            // The chunks of `a` are on the disk, but no manifest names them yet.
            expect((await tab.chunks.keys()).length).toBeGreaterThan(0);
            counts.push(await storage.collect());
            return bytes(1);
          },
        },
      ],
    });
    expect(counts).toEqual([null]);
    expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });

    await tab.chunks.write([["f".repeat(64), bytes(1)]]);
    expect(await (await openStorage({ ...tab, chunkLocks: null })).collect()).toBe(null);
    expect(await storage.collect()).toBe(1);
  });

  test("a collection that a load put off is made up for when the load ends", async () => {
    const tab = tabOn(newDisk());
    const storage = await openStorage(tab);
    await storage.checkpoints.save(contents(runRecord("r", 1), { w: bytes(1) }));
    await storage.checkpoints.load("r", "latest", async () => {
      await tab.chunks.write([["f".repeat(64), bytes(1)]]);
      expect(await storage.collect()).toBe(null);
    });
    expect(await tab.chunks.keys()).not.toContain("f".repeat(64));
  });

  test("without IndexedDB everything works in memory, and the report says what that costs", async () => {
    const storage = await openStorage();
    await storage.checkpoints.save(contents(runRecord("r", 1), { w: bytes(1) }));
    expect(await storage.checkpoints.steps("r")).toEqual([1]);
    expect(await storage.report()).toEqual({
      available: false,
      reason: expect.stringMatching(
        /it has no IndexedDB.*New data stays in memory and is lost when this tab closes\.$/,
      ),
      usage: null,
      quota: null,
    });
    expect(await requestPersistence()).toBe(false);
  });

  test("without hashing, an address that is not secure, opening says what to do", async () => {
    vi.stubGlobal("crypto", {});
    try {
      await expect(openStorage(tabOn(newDisk()))).rejects.toThrow("Open the page over https, or from localhost.");
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
