/** Content-addressed chunks: bytes are cut into 4 MiB pieces, each stored once under the SHA-256 of its contents. */

import { sha256 } from "../hub/hash.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { errorName, errorText, StorageError } from "./errors.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";

/** Length of every chunk of some bytes except the last. */
export const chunkBytes = 4 * 2 ** 20;

/** A save writes its chunks in batches of this many bytes, which bounds its memory. */
const batchBytes = 4 * chunkBytes;

/** Where bytes are stored: their length, and the keys of their chunks in order. */
export interface StoredBytes {
  readonly byteLength: number;
  readonly chunks: readonly string[];
}

/** A `ByteSource` without a name. */
export type Bytes = Omit<ByteSource, "name">;

/** A chunk is gone, or its bytes do not match its key. The message ends a sentence. */
export class ChunkDamagedError extends StorageError {
  override readonly name = "ChunkDamagedError";
}

export interface ChunkWriter {
  /** Stores one chunk of at most `chunkBytes` and returns its key. The chunk may wait in memory until `flush`. */
  put(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  /**
   * Stores the bytes chunk by chunk. Chunks may wait in memory until `flush`. Throws when the source returns too few
   * bytes.
   */
  add(bytes: Bytes, onProgress?: (done: number) => void): Promise<StoredBytes>;
  /** Writes the chunks that wait in memory; then all added chunks are stored. */
  flush(): Promise<void>;
  /** Counts added chunks that are not stored: after `flush`, those that the browser deleted. */
  missing(): Promise<number>;
}

export interface ChunkStore {
  /**
   * Begins a save of `total` bytes; `what` names it in errors. The caller must own the shared chunk lock, so that no
   * tab collects chunks meanwhile.
   */
  writer(what: string, total: number): Promise<ChunkWriter>;
  /** The bytes of one chunk, checked against its key. Throws `ChunkDamagedError`. */
  read(key: string): Promise<Uint8Array<ArrayBuffer>>;
  /** All bytes in one piece. Throws `ChunkDamagedError` with the number of the chunk and `label`. */
  readAll(stored: StoredBytes, label: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Reads and checks every chunk, one at a time. Throws as `readAll` does. */
  verify(stored: StoredBytes, label: string): Promise<void>;
  /** A view that reads and checks chunks on demand and caches the last one. Throws as `readAll` does. */
  open(stored: StoredBytes, label: string): Bytes;
  keys(): Promise<string[]>;
  delete(keys: readonly string[]): Promise<void>;
}

export function createChunkStore(store: KeyValue): ChunkStore {
  async function read(key: string): Promise<Uint8Array<ArrayBuffer>> {
    let value: unknown;
    let fault = "does not hold the bytes that were saved";
    try {
      value = await store.get(key);
      if (value === undefined) fault = "is missing";
    } catch (error) {
      // Browsers use these names when a value's file is gone or damaged; other errors may be temporary.
      if (!["NotReadableError", "DataError"].includes(errorName(error))) throw error;
      fault = `cannot be read (${errorText(error)})`;
    }
    if (value instanceof Uint8Array) {
      const bytes = new Uint8Array(value);
      if ((await sha256(bytes)) === key) return bytes;
    }
    // A damaged chunk must go: the next save of the same bytes would count it as stored.
    await store.write([], [key]);
    throw new ChunkDamagedError(fault);
  }

  async function readNth(stored: StoredBytes, index: number, label: string): Promise<Uint8Array<ArrayBuffer>> {
    const place = `chunk ${index + 1} of ${stored.chunks.length} of ${label}`;
    const expected = Math.min(chunkBytes, stored.byteLength - index * chunkBytes);
    try {
      const bytes = await read(stored.chunks[index] ?? "");
      if (bytes.byteLength === expected) return bytes;
      throw new ChunkDamagedError(`holds ${bytes.byteLength} bytes instead of ${expected}`);
    } catch (error) {
      if (error instanceof ChunkDamagedError)
        throw new ChunkDamagedError(`${place} ${error.message}`, { cause: error });
      throw new StorageError(`Reading ${place} failed: ${errorText(error)}. Try again.`, { cause: error });
    }
  }

  return {
    read,
    keys: () => store.keys(),
    delete: (keys) => store.write([], keys),

    async writer(what, total) {
      const present = new Set(await store.keys());
      const added = new Set<string>();
      let waiting: [string, Uint8Array][] = [];
      let waitingBytes = 0;
      let done = 0;

      const flush = async () => {
        if (waiting.length > 0) await writeFor({ what, bytes: total - done + waitingBytes }, store, waiting);
        waiting = [];
        waitingBytes = 0;
      };

      const put = async (bytes: Uint8Array<ArrayBuffer>) => {
        const key = await sha256(bytes);
        done += bytes.byteLength;
        added.add(key);
        if (!present.has(key)) {
          present.add(key);
          waiting.push([key, bytes]);
          waitingBytes += bytes.byteLength;
          if (waitingBytes >= batchBytes) await flush();
        }
        return key;
      };

      return {
        flush,
        put,
        async missing() {
          const stored = new Set(await store.keys());
          return [...added].filter((key) => !stored.has(key)).length;
        },
        async add(source, onProgress) {
          const { byteLength } = source;
          const chunks: string[] = [];
          for (let start = 0; start < byteLength; start += chunkBytes) {
            const end = Math.min(start + chunkBytes, byteLength);
            // Copies the bytes: a view would store its whole buffer, and the buffer may be shared memory.
            const bytes = new Uint8Array(await source.slice(start, end));
            if (bytes.byteLength !== end - start) {
              throw new StorageError(
                `${what} could not be saved: bytes ${start} to ${end} were requested, but ${bytes.byteLength} came. ` +
                  "Choose the file again; it may have changed.",
              );
            }
            chunks.push(await put(bytes));
            onProgress?.(done);
          }
          return { byteLength, chunks };
        },
      };
    },

    async readAll(stored, label) {
      const whole = new Uint8Array(stored.byteLength);
      for (let index = 0; index < stored.chunks.length; index++) {
        whole.set(await readNth(stored, index, label), index * chunkBytes);
      }
      return whole;
    },

    async verify(stored, label) {
      for (let index = 0; index < stored.chunks.length; index++) await readNth(stored, index, label);
    },

    open(stored, label) {
      let cached: { readonly index: number; readonly bytes: Uint8Array } | null = null;
      return {
        byteLength: stored.byteLength,
        async slice(start, end) {
          if (!(0 <= start && start <= end && end <= stored.byteLength)) {
            throw new RangeError(`Bytes ${start} to ${end} of ${label} are outside its ${stored.byteLength} bytes.`);
          }
          const part = new Uint8Array(end - start);
          for (let index = Math.floor(start / chunkBytes); index * chunkBytes < end; index++) {
            const offset = index * chunkBytes;
            const bytes: Uint8Array = cached?.index === index ? cached.bytes : await readNth(stored, index, label);
            cached = { index, bytes };
            const piece = bytes.subarray(Math.max(0, start - offset), Math.min(bytes.byteLength, end - offset));
            part.set(piece, Math.max(0, offset - start));
          }
          return part;
        },
      };
    },
  };
}
