/** Stored datasets and models, so that a run can resume after a reload: named files cut into chunks. */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import type { ChunkStore, ChunkWriter } from "./chunks.ts";
import { commit } from "./commit.ts";
import { errorText, StorageError } from "./errors.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import type { Collector } from "./orphans.ts";
import { keyPrefix, lastPart, recordKey, type StoredFiles, StoredFilesSchema, sealed, unsealed } from "./records.ts";

export interface FilesToSave extends FilesEntry {
  readonly files: readonly ByteSource[];
}

export interface SaveOptions {
  /** Cancels between two chunks or while a source is read, with its reason; earlier copies stay. */
  readonly signal?: AbortSignal;
  /** Bytes done, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Facts that are known after the last file: they go into the record that makes the files count. */
export type FilesEntry = Pick<StoredFiles, "hash" | "name" | "summary">;

/** One store for datasets (rows in pieces) and for models (a folder). */
export interface FileStore {
  /** Everything that can be read, by name, and a sentence for each that cannot. */
  list(): Promise<{ readonly entries: StoredFiles[]; readonly problems: string[] }>;
  /** Null when it is not stored. Throws `StorageError` when its record cannot be read. */
  get(hash: string): Promise<StoredFiles | null>;
  /** Stores files, a chunk at a time; the record that makes them count comes last. Throws `StorageFullError`. */
  save(contents: FilesToSave, options?: SaveOptions): Promise<StoredFiles>;
  /**
   * Stores the files of a stream with only a few chunks in memory; after its end `finish` returns the entry. `total` is
   * the expected number of bytes, for the message of a full disk. Throws `StorageFullError` and the errors of the
   * stream; then nothing stays.
   */
  saveStream(
    name: string,
    total: number,
    files: AsyncIterable<ByteSource>,
    finish: () => FilesEntry | Promise<FilesEntry>,
    signal?: AbortSignal,
  ): Promise<StoredFiles>;
  /** Replaces the summary of stored files; does nothing when they are not stored. Throws `StorageFullError`. */
  summarise(hash: string, summary: StoredFiles["summary"]): Promise<void>;
  /** The files, read and checked on demand; null when they are not stored. */
  open(hash: string): Promise<ByteSource[] | null>;
  delete(hash: string): Promise<void>;
}

/** Passes files to a writer, a chunk at a time, and returns their keys. Throws the signal's reason. */
export async function addFiles(
  writer: ChunkWriter,
  files: Iterable<ByteSource> | AsyncIterable<ByteSource>,
  signal: AbortSignal | undefined,
  onProgress?: (done: number) => void,
): Promise<StoredFiles["files"]> {
  const saved: StoredFiles["files"][number][] = [];
  for await (const file of files) {
    const slice = (start: number, end: number) => {
      signal?.throwIfAborted();
      return file.slice(start, end, signal);
    };
    saved.push({ name: file.name, ...(await writer.add({ byteLength: file.byteLength, slice }, onProgress)) });
  }
  return saved;
}

export function createFileStore(
  kind: "dataset" | "model",
  records: KeyValue,
  chunks: ChunkStore,
  collector: Collector,
): FileStore {
  const parse = (key: string, stored: unknown) =>
    unsealed(
      `The stored ${kind} ${cut(lastPart(key), 80)}`,
      `Open the ${kind} from its files again, or delete the stored copy.`,
      StoredFilesSchema,
      stored,
    );

  async function get(hash: string): Promise<StoredFiles | null> {
    const key = recordKey(kind, hash);
    const stored = await records.get(key);
    return stored === undefined ? null : parse(key, stored);
  }

  interface Saving {
    readonly name: string;
    readonly total: number;
    readonly files: Iterable<ByteSource> | AsyncIterable<ByteSource>;
    readonly finish: () => FilesEntry | Promise<FilesEntry>;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: SaveOptions["onProgress"];
  }

  const saveAll = ({ name, total, files, finish, signal, onProgress }: Saving) =>
    collector.guarded(async () => {
      const what = `The copy of ${kind} "${cut(name)}"`;
      const writer = await chunks.writer(what, total);
      const saved = await addFiles(writer, files, signal, (done) => onProgress?.(done, total));
      await writer.flush();
      signal?.throwIfAborted();
      const entry: StoredFiles = { ...(await finish()), savedAt: new Date().toISOString(), files: saved };
      const bytes = JSON.stringify(entry).length;
      const key = recordKey(kind, entry.hash);
      await commit({ what, bytes }, writer, records, [sealed(key, entry)], { undo: [key] });
      return entry;
    }, true);

  return {
    get,

    async list() {
      const entries: StoredFiles[] = [];
      const problems: string[] = [];
      for (const key of await records.keys(keyPrefix(kind))) {
        try {
          const stored = await records.get(key);
          if (stored !== undefined) entries.push(parse(key, stored));
        } catch (error) {
          problems.push(error instanceof StorageError ? error.message : `The stored ${kind}: ${errorText(error)}.`);
        }
      }
      entries.sort((a, b) => a.name.localeCompare(b.name));
      return { entries, problems };
    },

    save: ({ files, ...entry }, { signal, onProgress } = {}) => {
      const total = files.reduce((sum, file) => sum + file.byteLength, 0);
      return saveAll({ name: entry.name, total, files, finish: () => entry, signal, onProgress });
    },

    saveStream: (name, total, files, finish, signal) => saveAll({ name, total, files, finish, signal }),

    summarise: (hash, summary) =>
      collector.guarded(async () => {
        const before = await get(hash);
        if (before === null) return;
        const entry: StoredFiles = { ...before, summary };
        const what = `The summary of ${kind} "${cut(entry.name)}"`;
        await writeFor({ what, bytes: JSON.stringify(entry).length }, records, [sealed(recordKey(kind, hash), entry)]);
      }, false),

    async open(hash) {
      const entry = await get(hash);
      if (entry === null) return null;
      return entry.files.map((file) => {
        const view = chunks.open(file, file.name);
        return {
          name: file.name,
          byteLength: file.byteLength,
          slice: async (start: number, end: number, signal?: AbortSignal) => {
            signal?.throwIfAborted();
            try {
              return await view.slice(start, end);
            } catch (error) {
              if (!(error instanceof StorageError)) throw error;
              throw new StorageError(
                `The stored copy of ${kind} "${cut(entry.name)}" cannot be read: ${errorText(error)}. Open the ${kind} from ` +
                  "its files again.",
                { cause: error },
              );
            }
          },
        };
      });
    },

    delete: (hash) =>
      collector.guarded(
        () => writeFor({ what: `The deletion of a stored ${kind}`, bytes: 0 }, records, [], [recordKey(kind, hash)]),
        true,
      ),
  };
}
