/** Copies, empties and restores the page's databases in this browser. */

/** Values by key, by object store, by database. */
export type StorageCopy = ReadonlyMap<string, ReadonlyMap<string, readonly (readonly [IDBValidKey, unknown])[]>>;

const settled = <T>(request: IDBRequest<T>) =>
  new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Visits each of the page's databases in turn. */
async function eachDatabase(visit: (name: string, database: IDBDatabase) => Promise<void>): Promise<void> {
  for (const { name = "" } of await indexedDB.databases()) {
    if (!name.startsWith("hone-")) continue;
    const database = await settled(indexedDB.open(name));
    await visit(name, database);
    database.close();
  }
}

/** A copy of all databases. */
export async function copyStorage(): Promise<StorageCopy> {
  const copy = new Map<string, Map<string, readonly (readonly [IDBValidKey, unknown])[]>>();
  await eachDatabase(async (name, database) => {
    const stores = new Map<string, readonly (readonly [IDBValidKey, unknown])[]>();
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([settled(objects.getAllKeys()), settled(objects.getAll())]);
      stores.set(
        store,
        keys.map((key, i) => [key, values[i]]),
      );
    }
    copy.set(name, stores);
  });
  return copy;
}

/** Replaces the content of all databases; empties them without an argument. No engine may run meanwhile. */
export async function putStorage(copy: StorageCopy = new Map()): Promise<void> {
  await eachDatabase(async (name, database) => {
    for (const store of database.objectStoreNames) {
      const transaction = database.transaction(store, "readwrite");
      const objects = transaction.objectStore(store);
      objects.clear();
      for (const [key, value] of copy.get(name)?.get(store) ?? []) objects.put(value, key);
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    }
  });
}
