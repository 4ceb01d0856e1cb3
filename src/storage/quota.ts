/** How much room the browser gives, and asking it to keep what is saved. Small, so that the page may import it too. */

export interface StorageReport {
  /** False in a private window without IndexedDB: runs then live in memory until the tab closes. */
  readonly available: boolean;
  /** What that costs, in one sentence; null when all is well. */
  readonly reason: string | null;
  /** Bytes that this page's address uses, by the browser's estimate; null where it does not say. */
  readonly usage: number | null;
  /** Bytes that it may use, by the browser's estimate (Chrome: always 10 GiB above usage); null where it does not say. */
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

/** Bytes that the browser still gives, by its estimate; null where it does not say. */
export async function freeBytes(): Promise<number | null> {
  const { usage, quota } = await estimateStorage();
  return usage === null || quota === null ? null : Math.max(0, quota - usage);
}

/**
 * Asks the browser not to throw away what is saved when the disk runs low; some ask the user. To be called on the
 * page when a run starts: the Storage standard gives `persist()` to windows only, so in a worker this only tells
 * whether it was granted before. True when it is granted.
 */
export async function requestPersistence(): Promise<boolean> {
  const storage = browserStorage();
  try {
    return (await (storage?.persist?.() ?? storage?.persisted?.())) ?? false;
  } catch {
    return false;
  }
}

/** Whether the browser promised before not to throw away what is saved; null where it does not say. */
export async function isPersistent(): Promise<boolean | null> {
  try {
    return (await browserStorage()?.persisted?.()) ?? null;
  } catch {
    return null;
  }
}
