/** The one small interface that everything in storage is kept through, its memory form, and writing that explains itself. */

import { errorName, errorText, StorageClearedError, StorageError, StorageFullError } from "./errors.ts";
import { freeBytes } from "./quota.ts";

export type Entry = readonly [key: string, value: unknown];

/** Values under string keys. Values are copied in and out (structured clone). */
export interface KeyValue {
  /** The value, or undefined when there is none. */
  get(key: string): Promise<unknown>;
  /** Keys that begin with the prefix, in code-unit order; all without one. */
  keys(prefix?: string): Promise<string[]>;
  /** Puts and deletes in one transaction: all of it happens, or nothing. */
  write(puts: readonly Entry[], deletes?: readonly string[]): Promise<void>;
  /** What is there of what was saved before, to be asked for after a failed write. Never throws. */
  remains?(): Promise<Remains>;
}

export interface Remains {
  /** The browser has thrown away everything, or the contents of something. */
  readonly cleared: boolean;
  /** What is true otherwise, with a full stop; "" where there is nothing to say. */
  readonly sentence: string;
}

/** Keeps everything in this realm's memory: where there is no IndexedDB, and for tests. */
export function memoryKeyValue(): KeyValue {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => structuredClone(values.get(key)),
    keys: async (prefix = "") => [...values.keys()].filter((key) => key.startsWith(prefix)).sort(),
    async write(puts, deletes = []) {
      const copies = puts.map(([key, value]) => [key, structuredClone(value)] as const);
      for (const [key, value] of copies) values.set(key, value);
      for (const key of deletes) values.delete(key);
    },
  };
}

/** What a write is for, so that its failure can say so. */
export interface WritePurpose {
  /** The start of a sentence: "The checkpoint of step 40". */
  readonly what: string;
  /** Bytes that are still to be written, this write included. */
  readonly bytes: number;
}

/**
 * Writes, and turns a failure into `StorageFullError` (no room), `StorageClearedError` (what was saved before is gone too) or
 * `StorageError` (anything else).
 */
export async function writeFor(
  { what, bytes }: WritePurpose,
  store: KeyValue,
  puts: readonly Entry[],
  deletes: readonly string[] = [],
): Promise<void> {
  try {
    await store.write(puts, deletes);
  } catch (error) {
    const { cleared, sentence } = (await store.remains?.()) ?? { cleared: false, sentence: "" };
    if (cleared) throw new StorageClearedError(what, { cause: error });
    if (errorName(error) === "QuotaExceededError") {
      throw new StorageFullError(what, bytes, await freeBytes(), { cause: error, remains: sentence });
    }
    const remains = sentence && ` ${sentence}`;
    throw new StorageError(`${what} could not be saved in this browser: ${errorText(error)}.${remains} Try again.`, {
      cause: error,
    });
  }
}
