/**
 * Replaces IndexedDB in Node, so that a restarted engine finds the data of the one before. A test file uses it with
 * `vi.mock("…/src/storage/indexedDb.ts", async () => (await import("…/support/disk.ts")).indexedDb)`.
 */

import type { KeyValue } from "../../src/storage/keyValue.ts";

/** Values by key, by database. */
export type DiskCopy = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

let databases = new Map<string, Map<string, unknown>>();
let generation = 0;

const copyOf = (from: DiskCopy) => new Map([...from].map(([name, values]) => [name, new Map(values)]));

function open(name: string): KeyValue {
  const mine = generation;
  const values = () => {
    const found = databases.get(name) ?? new Map<string, unknown>();
    databases.set(name, found);
    return found;
  };
  return {
    get: async (key) => structuredClone(values().get(key)),
    keys: async (prefix = "") => [...values().keys()].filter((key) => key.startsWith(prefix)).sort(),
    async write(puts, deletes = []) {
      const copies = puts.map(([key, value]) => [key, structuredClone(value)] as const);
      if (mine !== generation) return;
      for (const [key, value] of copies) values().set(key, value);
      for (const key of deletes) values().delete(key);
    },
  };
}

export const disk = {
  copy: (): DiskCopy => copyOf(databases),
  /** Replaces the whole content; empties the disk without an argument. */
  put(from: DiskCopy = new Map()) {
    generation++;
    databases = copyOf(from);
  },
  /** Empties the disk for current users too, like a browser that clears its storage. */
  clear() {
    databases = new Map();
  },
  /** Blocks all further writes of current users, like the kill of a tab. */
  cut() {
    generation++;
  },
};

export const indexedDb = { indexedDbKeyValue: open };
