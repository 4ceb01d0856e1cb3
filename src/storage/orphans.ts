/** Collects chunks that no record refers to, and only while no tab saves. */

import { ChunkDamagedError, type ChunkStore } from "./chunks.ts";
import type { KeyValue } from "./keyValue.ts";
import type { Locks } from "./lock.ts";

const chunkLock = "hone-chunks";

export interface StorageAudit {
  /** Stored chunks. */
  readonly chunks: number;
  /** Bytes of all stored chunks. */
  readonly bytes: number;
  /** Distinct chunks that checkpoints, results, datasets, models and fetches refer to. */
  readonly referenced: number;
  /** Stored chunks that no record refers to. */
  readonly orphans: number;
  /** Referenced chunks that are gone or damaged; the audit deletes damaged ones. */
  readonly damaged: number;
}

export interface Collector {
  /**
   * Does work that writes or reads chunks; no tab collects meanwhile. Not reentrant. With `leavesOrphans` a collection
   * follows, even after an error.
   */
  guarded<T>(work: () => Promise<T>, leavesOrphans: boolean): Promise<T>;
  /**
   * Deletes every chunk that no record refers to and returns their number. Null, with nothing deleted, while a tab uses
   * chunks, or where the browser has no Web Locks.
   */
  collect(): Promise<number | null>;
  /** Reads, counts and checks every chunk. */
  audit(): Promise<StorageAudit>;
}

/** Members of a record that contain text of a file or a server, so they never name our chunks. */
const foreign: ReadonlySet<string> = new Set(["summary", "source"]);

/**
 * Adds the strings of every array named `chunks`, at any depth. Uses no recursion, so that a deep value cannot overflow
 * the stack.
 */
export function gatherKeys(value: unknown, into: Set<string>): void {
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null || ArrayBuffer.isView(next)) continue;
    for (const [name, inner] of Object.entries(next)) {
      if (name === "chunks" && Array.isArray(inner)) for (const key of inner) into.add(String(key));
      else if (!foreign.has(name)) waiting.push(inner);
    }
  }
}

/** Without Web Locks `locks` is null, and nothing is ever collected. */
export function createCollector(records: KeyValue, chunks: ChunkStore, locks: Locks | null): Collector {
  /** A collection was due while chunks were in use; the next guarded work in this tab makes up for it. */
  let owed = false;

  /**
   * Keys in all records that name chunks; runs, curves and votes name none. Records are searched, not parsed, so that a
   * damaged or newer record keeps its chunks.
   */
  async function referencedKeys(): Promise<Set<string>> {
    const referenced = new Set<string>();
    for (const key of await records.keys()) {
      if (!/^(run|metrics|vote)\//.test(key)) gatherKeys(await records.get(key), referenced);
    }
    return referenced;
  }

  async function collect(): Promise<number | null> {
    if (locks === null) return null;
    const removed = await locks.tryHold(chunkLock, "exclusive", async () => {
      const referenced = await referencedKeys();
      const orphans = (await chunks.keys()).filter((key) => !referenced.has(key));
      if (orphans.length > 0) await chunks.delete(orphans);
      return orphans.length;
    });
    owed = removed === null;
    return removed;
  }

  return {
    collect,

    async guarded(work, leavesOrphans) {
      try {
        return await (locks === null ? work() : locks.hold(chunkLock, "shared", work));
      } finally {
        if (leavesOrphans) owed = true;
        // A failed collection changes neither the saved data nor the result of the work, and the next one does it all.
        if (owed) await collect().catch(() => null);
      }
    },

    async audit() {
      const referenced = await referencedKeys();
      const found = new Set<string>();
      let bytes = 0;
      for (const key of await chunks.keys()) {
        try {
          bytes += (await chunks.read(key)).byteLength;
          found.add(key);
        } catch (error) {
          if (!(error instanceof ChunkDamagedError)) throw error;
        }
      }
      return {
        chunks: found.size,
        bytes,
        referenced: referenced.size,
        orphans: [...found].filter((key) => !referenced.has(key)).length,
        damaged: [...referenced].filter((key) => !found.has(key)).length,
      };
    },
  };
}
