/**
 * Stored records with odd values, of this version and of version 1. Oracles: a list never fails, names each unreadable
 * record in plain words, and still has every other one; no chunk of a record is collected.
 */

import { describe, expect, test } from "vitest";
import type { Entry } from "../../../src/storage/keyValue.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { changeJson, pick } from "../../support/changes.ts";
import { isLong } from "../../support/long.ts";
import { readDump } from "../../support/version1.ts";
import { raw } from "../engine/runFileMade.ts";
import { contents, type Disk, file, newDisk, patternBytes, runRecord, tabOn } from "./backend.ts";

const cases = isLong ? 10_000 : 300;
const seed = 20261201;

async function expectPlain(problems: readonly string[]): Promise<void> {
  for (const problem of problems) {
    expect(problem).not.toMatch(raw);
    expect(problem.length).toBeLessThanOrEqual(300);
  }
}

/** Every list, and its problems. */
async function listAll(storage: Storage) {
  const [runs, models, datasets, fetches] = await Promise.all([
    storage.runs.list(),
    storage.models.list(),
    storage.datasets.list(),
    storage.fetches.list(),
  ]);
  await storage.checkpoints.sizes();
  const problems = [...runs.problems, ...models.problems, ...datasets.problems, ...fetches.problems];
  return {
    ids: runs.runs.map(({ id }) => id).sort(),
    names: [...models.entries, ...datasets.entries, ...fetches.entries].map(({ name }) => name).sort(),
    problems: [...storage.problems, ...problems],
  };
}

async function filled(): Promise<Disk> {
  const disk = newDisk();
  const storage = await openStorage(tabOn(disk));
  await storage.checkpoints.save(contents(runRecord("r", 3), { w: patternBytes(50, 1) }));
  await storage.models.save({
    hash: "a".repeat(64),
    name: "a model",
    summary: { name: "x" },
    files: [file("w", patternBytes(70, 2))],
  });
  await storage.datasets.save({
    hash: "b".repeat(64),
    name: "rows",
    summary: null,
    files: [file("0", patternBytes(60, 3))],
  });
  const plan = { address: "https://example.org/m", name: "on its way", source: null };
  await storage.fetches.fetch({ ...plan, files: [{ ...file("w", patternBytes(40, 4)), stamp: null }] });
  return disk;
}

/** A disk with the records of a browser of version 1. */
async function version1(): Promise<Disk> {
  const disk = newDisk();
  for (const [name, store] of [
    ["hone-records", disk.records],
    ["hone-chunks", disk.chunks],
  ] as const) {
    const { stores } = readDump().databases[name] ?? { stores: {} };
    for (const entries of Object.values(stores)) await store.write(entries as readonly Entry[]);
  }
  return disk;
}

const copyOf = async (disk: Disk): Promise<Disk> => {
  const copy = newDisk();
  for (const name of ["records", "chunks"] as const) {
    for (const key of await disk[name].keys()) await copy[name].write([[key, await disk[name].get(key)]]);
  }
  return copy;
};

describe("a record with odd values is reported by name, and every other one is listed", () => {
  const rows: [string, string, (value: Record<string, unknown>) => void, RegExp][] = [
    ["no hash", "model/", (value) => void delete value.hash, /The stored model a+ cannot be read: hash is missing/],
    ["a name of numbers", "model/", (value) => void Object.assign(value, { name: 5 }), /name is 5, not a text/],
    ["files of 1e300 bytes", "model/", (value) => setFile(value, "byteLength", 1e300), /files\.0\.byteLength/],
    ["bytes below 0", "model/", (value) => setFile(value, "byteLength", -1), /files\.0\.byteLength is -1/],
    [
      "chunks of another length",
      "model/",
      (value) => setFile(value, "byteLength", 2 ** 30),
      /as many chunks as its length takes/,
    ],
    ["a chunk that is no hash", "model/", (value) => setFile(value, "chunks", ["../x"]), /64 hexadecimal digits/],
    [
      "no date",
      "dataset/",
      (value) => void delete value.savedAt,
      /The stored dataset b+ cannot be read: savedAt is missing/,
    ],
    ["a list as files", "dataset/", (value) => void Object.assign(value, { files: 7 }), /files is 7, not a list/],
    [
      "no address",
      "fetch/",
      (value) => void delete value.address,
      /The unfinished fetch from https:\/\/example\.org\/m cannot/,
    ],
    ["a stamp of numbers", "fetch/", (value) => setFile(value, "stamp", 5), /files\.0\.stamp is 5/],
    [
      "more chunks than it has bytes",
      "fetch/",
      (value) => setFile(value, "byteLength", 0),
      /as many chunks as its length takes/,
    ],
    [
      "a step of 1e300",
      "run/",
      (value) => void Object.assign(value, { step: 1e300 }),
      /step is 1e\+300, not a whole number/,
    ],
    [
      "a name of a megabyte, and no id",
      "run/",
      (value) => void Object.assign(value, { id: 1, name: "x".repeat(2 ** 20) }),
      /id is 1/,
    ],
    [
      "an unknown status",
      "run/",
      (value) => void Object.assign(value, { status: "y".repeat(9999) }),
      /status is "y+…"/,
    ],
  ];
  test.each(rows)("%s (%s)", async (_, prefix, change, message) => {
    const disk = await filled();
    const [key = ""] = await disk.records.keys(prefix);
    const stored = (await disk.records.get(key)) as { format: number; value: Record<string, unknown> };
    change(stored.value);
    await disk.records.write([[key, stored]]);
    const storage = await openStorage(tabOn(disk));
    const { ids, names, problems } = await listAll(storage);
    expect(problems).toEqual([expect.stringMatching(message)]);
    await expectPlain(problems);
    expect(ids.length + names.length).toBe(3);
  });

  test.each(["run/%", "run/%E0%A4%A", "model/%zz", "fetch/%"])("a key that nobody wrote: %s", async (key) => {
    const disk = await filled();
    await disk.records.write([[key, 5]]);
    const { ids, names, problems } = await listAll(await openStorage(tabOn(disk)));
    expect(problems).toHaveLength(1);
    await expectPlain(problems);
    expect(ids.length + names.length).toBe(4);
  });

  test("a summary of another program, 1,000 deep and with chunks of its own, disturbs nothing", async () => {
    const disk = await filled();
    const [key = ""] = await disk.records.keys("dataset/");
    const stored = (await disk.records.get(key)) as { value: Record<string, unknown> };
    let summary: unknown = { chunks: ["f".repeat(64)] };
    for (let depth = 0; depth < 1000; depth++) summary = { inner: summary };
    stored.value.summary = summary;
    await disk.records.write([[key, stored]]);
    const storage = await openStorage(tabOn(disk));
    expect(await storage.collect()).toBe(0);
    expect(await storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
    expect((await listAll(storage)).problems).toEqual([]);
  });
});

function setFile(value: Record<string, unknown>, name: string, to: unknown): void {
  const [first] = value.files as Record<string, unknown>[];
  Object.assign(first ?? {}, { [name]: to });
}

test.each([
  ["this version", filled],
  ["version 1", version1],
] as const)(
  `${cases} times one record of %s is changed at random, and the lists go on`,
  { timeout: 3_600_000 },
  async (_, make) => {
    const original = await make();
    const random = createRandom(seed);
    const keys = (await original.records.keys()).filter((key) => !key.startsWith("metrics/"));
    const whole = await listAll(await openStorage(tabOn(await copyOf(original))));
    expect(whole.problems).toEqual([]);
    const chunkCount = (await original.chunks.keys()).length;
    let unread = 0;
    for (let index = 0; index < cases / 2; index++) {
      const disk = await copyOf(original);
      const key = pick(random, keys);
      const stored: unknown = structuredClone(await disk.records.get(key));
      for (let count = 0; count <= random.below(3); count++) changeJson(stored, random);
      await disk.records.write([[key, stored]]);
      const label = `case ${index}: ${key}`;
      const storage = await openStorage(tabOn(disk));
      const { ids, names, problems } = await listAll(storage);
      await expectPlain(problems);
      unread += problems.length;
      // Only the changed record can be missing.
      const missing = whole.ids.length + whole.names.length - ids.length - names.length;
      expect(missing, label).toBeLessThanOrEqual(1);
      if (missing === 1) expect(problems.length, label).toBeGreaterThan(0);
      await storage.runs.curves(ids[0] ?? "").catch((error: Error) => expectPlain([error.message]));
      // A changed reference frees its own chunks and no other.
      const gone = chunkCount - (await disk.chunks.keys()).length;
      if (!/checkpoint|model|dataset|fetch/.test(key)) expect(gone, label).toBe(0);
    }
    expect(unread).toBeGreaterThan(cases / 20);
  },
);
