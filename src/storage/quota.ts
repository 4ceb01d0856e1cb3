/**
 * The room that the browser gives, and the request for persistence. A file of its own, because the page imports it too.
 */

export interface StorageReport {
  /** False in a private window without IndexedDB: runs then live in memory until the tab closes. */
  readonly available: boolean;
  /** Why nothing outlives the tab, in one sentence; null when it does. */
  readonly reason: string | null;
  /** Bytes in use by this page's origin, by the browser's estimate; null where it gives none. */
  readonly usage: number | null;
  /**
   * Bytes that the origin may use, by the browser's estimate (Chrome: always 10 GiB above usage); null where it gives
   * none.
   */
  readonly quota: number | null;
}

const browserStorage = (): Partial<StorageManager> | undefined =>
  typeof navigator === "undefined" ? undefined : navigator.storage;

/** The browser's own estimate; nulls where it gives none. Never throws. */
export async function estimateStorage(): Promise<Pick<StorageReport, "usage" | "quota">> {
  try {
    const estimate = await browserStorage()?.estimate?.();
    return { usage: estimate?.usage ?? null, quota: estimate?.quota ?? null };
  } catch {
    return { usage: null, quota: null };
  }
}

/** Free bytes, by the browser's estimate; null where it gives none. */
export async function freeBytes(): Promise<number | null> {
  const { usage, quota } = await estimateStorage();
  return usage === null || quota === null ? null : Math.max(0, quota - usage);
}

/**
 * Requests that the browser does not delete stored data when the disk is full; some browsers show a question. Call it
 * on the page when a run starts: a worker has no `persist()` and can only read the earlier answer. True when granted.
 */
export async function requestPersistence(): Promise<boolean> {
  const storage = browserStorage();
  try {
    return (await (storage?.persist?.() ?? storage?.persisted?.())) ?? false;
  } catch {
    return false;
  }
}

/** Whether the browser has granted persistence; null where it does not say. */
export async function isPersistent(): Promise<boolean | null> {
  try {
    return (await browserStorage()?.persisted?.()) ?? null;
  } catch {
    return null;
  }
}
