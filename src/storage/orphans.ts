/** Collecting chunks that nothing refers to any more, never while a save is under way in any tab. */

import { ChunkDamagedError, type ChunkStore } from "./chunks.ts";
import type { KeyValue } from "./keyValue.ts";
import type { Locks } from "./lock.ts";

const chunkLock = "hone-chunks";

export interface StorageAudit {
  /** Chunks kept. */
  readonly chunks: number;
  /** Bytes of all chunks kept. */
  readonly bytes: number;
  /** Different chunks that checkpoints, datasets and models refer to. */
  readonly referenced: number;
  /** Chunks kept that nothing refers to. */
  readonly orphans: number;
  /** Chunks referred to that are not there or hold other bytes; such bytes are removed, as they serve nobody. */
  readonly damaged: number;
}

export interface Collector {
  /**
   * Does work that writes or reads chunks, while no tab collects. Not to be nested. With `leavesOrphans` it is followed
   * by a collection, whether it succeeds or not.
   */
  guarded<T>(work: () => Promise<T>, leavesOrphans: boolean): Promise<T>;
  /**
   * Deletes every chunk that nothing refers to and gives their number; null, with nothing done, while chunks are in
   * use here or in another tab, or where the browser has no Web Locks to tell.
   */
  collect(): Promise<number | null>;
  /** Counts and checks everything; reads every chunk. */
  audit(): Promise<StorageAudit>;
}

/** Members of a record that other rooms fill, with what a file or a server said: no chunk of ours is named there. */
const foreign: ReadonlySet<string> = new Set(["summary", "source"]);

/** Adds the strings of every array named `chunks`, however deep in the value. Not recursive: depth costs no stack. */
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

/** `locks` is null where the browser has no Web Locks: then nothing is ever collected. */
export function createCollector(records: KeyValue, chunks: ChunkStore, locks: Locks | null): Collector {
  /** A collection that was due found chunks in use; whoever is done next in this tab makes up for it. */
  let owed = false;

  /**
   * Keys in all records; runs, their curves and votes name no chunks. Records are searched rather than parsed, so that one which
   * is broken, or which a newer version wrote, never loses its chunks.
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
        // A collection that fails changes neither what was saved nor how the work ended, and the next one does it all.
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
