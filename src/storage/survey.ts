/** Checks after a failed write what is left of earlier data, so that the error message is true. */

import type { KeyValue, Remains } from "./keyValue.ts";
import { gatherKeys } from "./orphans.ts";

export interface Surveyed {
  readonly records: KeyValue;
  readonly chunks: KeyValue;
  /** Whether every record is gone that was there when they were last listed or written. */
  wasCleared(): Promise<boolean>;
}

/** Both databases, each with a `remains` that checks the two. */
export function surveyed(records: KeyValue, chunks: KeyValue): Surveyed {
  /** Keys of the records that were there when they were last listed or written. */
  const known = new Set<string>();

  async function recordsWithoutContents(keys: readonly string[]): Promise<number> {
    const present = new Set(await chunks.keys());
    let count = 0;
    for (const key of keys) {
      const wanted = new Set<string>();
      gatherKeys(await records.get(key), wanted);
      if ([...wanted].some((chunk) => !present.has(chunk))) count++;
    }
    return count;
  }

  async function remains(): Promise<Remains> {
    try {
      const keys = await records.keys();
      const gone = [...known].filter((key) => !keys.includes(key)).length;
      if (known.size > 0 && gone === known.size) return { cleared: true, sentence: "" };
      if (gone > 0) {
        const which = gone === 1 ? "One earlier record is" : `${gone} earlier records are`;
        return { cleared: false, sentence: `${which} gone, deleted by the browser or another tab.` };
      }
      const empty = await recordsWithoutContents(keys);
      if (empty > 0) return { cleared: true, sentence: "" };
      return { cleared: false, sentence: known.size > 0 ? "All earlier data is still there." : "" };
    } catch {
      const sentence = "The storage cannot be read now. Reload the page to see which earlier data is left.";
      return { cleared: false, sentence };
    }
  }

  return {
    async wasCleared() {
      if (known.size === 0) return false;
      return !(await records.keys()).some((key) => known.has(key));
    },
    records: {
      get: records.get,
      async keys(prefix = "") {
        const keys = await records.keys(prefix);
        for (const key of known) if (key.startsWith(prefix)) known.delete(key);
        for (const key of keys) known.add(key);
        return keys;
      },
      async write(puts, deletes = []) {
        await records.write(puts, deletes);
        for (const [key] of puts) known.add(key);
        for (const key of deletes) known.delete(key);
      },
      remains,
    },
    chunks: { ...chunks, remains },
  };
}
