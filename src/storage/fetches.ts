/**
 * Model downloads: every chunk is stored as it arrives, so a closed tab or a lost connection loses nothing and the
 * download resumes.
 */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { type ChunkStore, chunkBytes } from "./chunks.ts";
import { errorText, StorageError } from "./errors.ts";
import type { FilesEntry } from "./files.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import type { Collector } from "./orphans.ts";
import {
  keyPrefix,
  lastPart,
  recordKey,
  type StoredFetch,
  StoredFetchSchema,
  type StoredFiles,
  type StoredPart,
  sealed,
  unsealed,
} from "./records.ts";

export type { StoredFetch, StoredPart };

export interface FileToFetch extends ByteSource {
  /** See `StoredPart`. */
  readonly stamp: string | null;
}

export interface FetchPlan extends Pick<StoredFetch, "address" | "name" | "source"> {
  readonly files: readonly FileToFetch[];
}

export interface FetchStore {
  /** Every fetch that can be read, and a sentence for each that cannot. */
  list(): Promise<{ readonly entries: StoredFetch[]; readonly problems: string[] }>;
  /** Null when there is none from this address. Throws `StorageError` when its record cannot be read. */
  get(address: string): Promise<StoredFetch | null>;
  /**
   * Downloads the missing chunks of each file and stores each one as it arrives. Chunks of an earlier fetch from the
   * same address count where the file's name, length and stamp are the same. Stored chunks stay after a cancellation or
   * an error. Throws `StorageFullError`, the source's error, or the signal's reason.
   */
  fetch(plan: FetchPlan, signal?: AbortSignal): Promise<StoredFetch>;
  /** The stored bytes of a file, from its beginning; null when there are none. */
  open(fetch: StoredFetch, name: string): ByteSource | null;
  /** Turns a complete fetch into a stored model in one transaction. Throws `StorageError`. */
  finish(fetch: StoredFetch, entry: FilesEntry): Promise<StoredFiles>;
  discard(address: string): Promise<void>;
}

/** The number of stored bytes of a file. */
export function bytesStored({ byteLength, chunks }: StoredPart): number {
  return Math.min(byteLength, chunks.length * chunkBytes);
}

export const isWhole = (part: StoredPart): boolean => bytesStored(part) === part.byteLength;

export function createFetchStore(records: KeyValue, chunks: ChunkStore, collector: Collector): FetchStore {
  const parse = (key: string, stored: unknown) =>
    unsealed(
      `The unfinished fetch from ${cut(lastPart(key), 80)}`,
      "Discard it and fetch the model again.",
      StoredFetchSchema,
      stored,
    );

  async function get(address: string): Promise<StoredFetch | null> {
    const key = recordKey("fetch", address);
    const stored = await records.get(key);
    return stored === undefined ? null : parse(key, stored);
  }

  /** The stored part of an earlier fetch if the file is unchanged, else an empty one. */
  const begun = (before: StoredFetch | null, { name, byteLength, stamp }: FileToFetch): StoredPart => {
    const part = before?.files.find((file) => file.name === name);
    const same = part?.byteLength === byteLength && part.stamp === stamp;
    return { name, byteLength, stamp, chunks: same ? part.chunks : [] };
  };

  return {
    get,

    async list() {
      const entries: StoredFetch[] = [];
      const problems: string[] = [];
      for (const key of await records.keys(keyPrefix("fetch"))) {
        try {
          const stored = await records.get(key);
          if (stored !== undefined) entries.push(parse(key, stored));
        } catch (error) {
          problems.push(error instanceof StorageError ? error.message : `An unfinished fetch: ${errorText(error)}.`);
        }
      }
      entries.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
      return { entries, problems };
    },

    fetch: ({ files, ...plan }, signal) =>
      collector.guarded(async () => {
        const what = `The copy of model "${cut(plan.name)}"`;
        const before = await get(plan.address);
        let parts = files.map((file) => begun(before, file));
        const startedAt = before?.startedAt ?? new Date().toISOString();
        const fetched = (): StoredFetch => ({ ...plan, startedAt, files: parts });
        const missing = parts.reduce((sum, part) => sum + part.byteLength - bytesStored(part), 0);
        const writer = await chunks.writer(what, missing);
        const note = async () => {
          const record = fetched();
          const bytes = JSON.stringify(record).length;
          await writeFor({ what, bytes }, records, [sealed(recordKey("fetch", plan.address), record)]);
        };
        // Writes the record before the first byte, so that an early failure is listed too.
        await note();
        for (const [index, file] of files.entries()) {
          let next: Promise<Uint8Array<ArrayBuffer>> | null = null;
          for (let part = parts[index]; part && !isWhole(part); part = parts[index]) {
            signal?.throwIfAborted();
            const start = bytesStored(part);
            const read = (from: number) => file.slice(from, Math.min(from + chunkBytes, file.byteLength), signal);
            const bytes: Uint8Array<ArrayBuffer> = await (next ?? read(start));
            // Reads one chunk ahead, so that the network is busy while the last one is written.
            next = start + bytes.length < file.byteLength ? read(start + bytes.length) : null;
            // The round that awaits this read reports its error.
            next?.catch(() => undefined);
            const key = await writer.put(new Uint8Array(bytes));
            await writer.flush();
            parts = parts.with(index, { ...part, chunks: [...part.chunks, key] });
            await note();
          }
        }
        return fetched();
      }, true),

    open(fetch, name) {
      const part = fetch.files.find((file) => file.name === name);
      const byteLength = part ? bytesStored(part) : 0;
      if (!part || (byteLength === 0 && part.byteLength > 0)) return null;
      const view = chunks.open({ byteLength, chunks: part.chunks }, name);
      return {
        name,
        byteLength,
        slice: async (start, end, signal) => {
          signal?.throwIfAborted();
          try {
            return await view.slice(start, end);
          } catch (error) {
            if (!(error instanceof StorageError)) throw error;
            throw new StorageError(
              `What was fetched of "${cut(fetch.name)}" cannot be read: ${errorText(error)}. Discard it and fetch the model again.`,
              { cause: error },
            );
          }
        },
      };
    },

    finish: (fetch, entry) =>
      collector.guarded(async () => {
        const files = fetch.files.map(({ name, byteLength, chunks }) => ({ name, byteLength, chunks }));
        const model: StoredFiles = { ...entry, savedAt: new Date().toISOString(), files };
        await writeFor(
          { what: `The copy of model "${cut(entry.name)}"`, bytes: JSON.stringify(model).length },
          records,
          [sealed(recordKey("model", entry.hash), model)],
          [recordKey("fetch", fetch.address)],
        );
        return model;
      }, true),

    discard: (address) =>
      collector.guarded(
        () => writeFor({ what: "The deletion of a fetch", bytes: 0 }, records, [], [recordKey("fetch", address)]),
        true,
      ),
  };
}
