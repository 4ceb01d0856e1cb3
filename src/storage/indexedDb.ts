/** `KeyValue` over idb-keyval: one IndexedDB database with one object store, because idb-keyval opens no more. */

import { createStore, promisifyRequest, type UseStore } from "idb-keyval";
import type { KeyValue } from "./keyValue.ts";

/** Milliseconds before the second, third and fourth attempt. */
const waits = [0, 100, 500];

/** Opens the database at the first call; without IndexedDB that call throws. */
export function indexedDbKeyValue(database: string): KeyValue {
  const open = () => createStore(database, "values");
  let store = open();

  /**
   * idb-keyval reopens after the connection's `close` event, but Safari can end a connection without it, and then every
   * `transaction()` throws. So a failure before the transaction exists opens the database anew, once. A read is repeated even
   * when it has begun, after each of `waits`: a browser that clears its storage aborts it, and may do so to the next one too.
   */
  const use: UseStore = async (mode, work) => {
    let started = false;
    const attempt = () =>
      store(mode, (objects) => {
        started = true;
        const { db } = objects.transaction;
        // A tab that deletes the database waits until every connection is closed; the next use opens it again.
        db.onversionchange = () => {
          db.close();
          store = open();
        };
        return work(objects);
      });
    for (const wait of waits) {
      try {
        return await attempt();
      } catch (error) {
        if (started && mode === "readwrite") throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
        store = open();
      }
    }
    return attempt();
  };

  return {
    get: (key) => use("readonly", (objects) => promisifyRequest<unknown>(objects.get(key))),

    async keys(prefix = "") {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const keys = await use("readonly", (objects) => promisifyRequest(objects.getAllKeys(range)));
      return keys.map(String);
    },

    write: (puts, deletes = []) =>
      use("readwrite", (objects) => {
        try {
          for (const [key, value] of puts) objects.put(value, key);
          for (const key of deletes) objects.delete(key);
        } catch (error) {
          // A value that cannot be cloned throws here; without the abort, the earlier puts would be committed.
          objects.transaction.abort();
          throw error;
        }
        return promisifyRequest(objects.transaction);
      }),
  };
}
