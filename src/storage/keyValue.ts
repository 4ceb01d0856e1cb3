/** The key-value interface under all of storage, its form in memory, and writes whose errors name their purpose. */

import { errorName, errorText, StorageClearedError, StorageError, StorageFullError } from "./errors.ts";
import { freeBytes } from "./quota.ts";

export type Entry = readonly [key: string, value: unknown];

/** Values under string keys, copied in and out (structured clone). */
export interface KeyValue {
  /** The value, or undefined when there is none. */
  get(key: string): Promise<unknown>;
  /** Keys that begin with the prefix, in code-unit order; without a prefix, all. */
  keys(prefix?: string): Promise<string[]>;
  /** Puts and deletes in one transaction: all or nothing. */
  write(puts: readonly Entry[], deletes?: readonly string[]): Promise<void>;
  /** What is left of earlier data; call it after a failed write. Never throws. */
  remains?(): Promise<Remains>;
}

export interface Remains {
  /** The browser deleted everything, or the contents of a record. */
  readonly cleared: boolean;
  /** A sentence for the other cases; "" where there is nothing to say. */
  readonly sentence: string;
}

/** Stores values in the memory of this realm, for browsers without IndexedDB and for tests. */
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

/** The purpose of a write, for its error message. */
export interface WritePurpose {
  /** The start of a sentence: "The checkpoint of step 40". */
  readonly what: string;
  /** Bytes that are not yet written, this write included. */
  readonly bytes: number;
}

/**
 * Writes. Turns a failure into `StorageFullError` (no room), `StorageClearedError` (earlier data is gone too) or
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
