/** What this browser keeps for the page: emptied, copied, and put back as it was. */

/** Values by key, by object store, by database. */
export type Kept = ReadonlyMap<string, ReadonlyMap<string, readonly (readonly [IDBValidKey, unknown])[]>>;

const settled = <T>(request: IDBRequest<T>) =>
  new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Opens each of the page's databases in turn. */
async function eachDatabase(visit: (name: string, database: IDBDatabase) => Promise<void>): Promise<void> {
  for (const { name = "" } of await indexedDB.databases()) {
    if (!name.startsWith("hone-")) continue;
    const database = await settled(indexedDB.open(name));
    await visit(name, database);
    database.close();
  }
}

/** A copy of everything. */
export async function copyKept(): Promise<Kept> {
  const kept = new Map<string, Map<string, readonly (readonly [IDBValidKey, unknown])[]>>();
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
    kept.set(name, stores);
  });
  return kept;
}

/** Has the browser keep this and nothing else; nothing at all without it. No engine may be at work. */
export async function putKept(kept: Kept = new Map()): Promise<void> {
  await eachDatabase(async (name, database) => {
    for (const store of database.objectStoreNames) {
      const transaction = database.transaction(store, "readwrite");
      const objects = transaction.objectStore(store);
      objects.clear();
      for (const [key, value] of kept.get(name)?.get(store) ?? []) objects.put(value, key);
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
    }
  });
}
