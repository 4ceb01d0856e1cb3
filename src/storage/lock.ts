/** Locks across all tabs (Web Locks), and the training lock: only one run trains at a time. */

import { StorageError } from "./errors.ts";

export type LockMode = "shared" | "exclusive";

/** Named readers-writer locks, not reentrant. A lock ends with its work, or with its tab. */
export interface Locks {
  /** Waits for the lock, then does the work under it. */
  hold<T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T>;
  /** Does the work only if the lock is free now; else returns null. */
  tryHold<T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T | null>;
  isLocked(name: string): Promise<boolean>;
}

/** Locks that all tabs of this address share. */
export function tabLocks(manager: LockManager): Locks {
  return {
    hold: (name, mode, work) => manager.request(name, { mode }, work),
    tryHold: (name, mode, work) =>
      manager.request(name, { mode, ifAvailable: true }, async (lock) => (lock === null ? null : work())),
    isLocked: async (name) => ((await manager.query()).held ?? []).some((lock) => lock.name === name),
  };
}

/** Locks within this realm, for data in its memory and for browsers without Web Locks. First come, first served. */
export function realmLocks(): Locks {
  interface State {
    shared: number;
    exclusive: boolean;
    readonly waiting: { readonly mode: LockMode; readonly start: () => void }[];
  }
  const states = new Map<string, State>();
  const stateOf = (name: string) => {
    const state = states.get(name) ?? { shared: 0, exclusive: false, waiting: [] };
    states.set(name, state);
    return state;
  };
  const isFree = (state: State, mode: LockMode) => !state.exclusive && (mode === "shared" || state.shared === 0);
  const take = (state: State, mode: LockMode) => {
    if (mode === "shared") state.shared++;
    else state.exclusive = true;
  };
  const giveBack = (state: State, mode: LockMode) => {
    if (mode === "shared") state.shared--;
    else state.exclusive = false;
    for (let next = state.waiting[0]; next !== undefined && isFree(state, next.mode); next = state.waiting[0]) {
      state.waiting.shift();
      take(state, next.mode);
      next.start();
    }
  };
  const isFreeNow = (state: State, mode: LockMode) => state.waiting.length === 0 && isFree(state, mode);
  const hold: Locks["hold"] = async (name, mode, work) => {
    const state = stateOf(name);
    if (isFreeNow(state, mode)) take(state, mode);
    else await new Promise<void>((start) => state.waiting.push({ mode, start }));
    try {
      return await work();
    } finally {
      giveBack(state, mode);
    }
  };
  return {
    hold,
    tryHold: async (name, mode, work) => (isFreeNow(stateOf(name), mode) ? hold(name, mode, work) : null),
    async isLocked(name) {
      const state = stateOf(name);
      return state.exclusive || state.shared > 0;
    },
  };
}

const thisRealm = realmLocks();

/** The locks of all tabs; null where the browser has no Web Locks, or denies them because site data is blocked. */
export async function locksOfAllTabs(): Promise<Locks | null> {
  const manager: LockManager | undefined = typeof navigator === "undefined" ? undefined : navigator.locks;
  const granted = await manager?.query().catch(() => null);
  return manager && granted ? tabLocks(manager) : null;
}

/** The locks of all tabs, else those of this realm. */
export async function defaultLocks(): Promise<Locks> {
  return (await locksOfAllTabs()) ?? thisRealm;
}

export const trainingLock = "hone-training";
/**
 * Locked as long as the training lock. Tabs that wait for the end of training wait for this one: a wait for the
 * training lock would refuse a start.
 */
const trainingWatch = "hone-training-watch";

/** The message for the user when `acquireTrainingLock` returns null. */
export const trainingElsewhere =
  "Another run is training, here or in another tab of this browser, and only one can train at a time. Pause it or wait for its end, then start again.";

/** Another page stole this tab's lock: a save could now damage a run that trains there. */
export class TrainingLockLostError extends StorageError {
  override readonly name = "TrainingLockLostError";
  constructor() {
    super("Another page took this tab's right to train, so the run was stopped here.");
  }
}

let lockIsLost = false;

/** Throws TrainingLockLostError if another page took the lock that this tab acquired last. */
export function requireTrainingLock(): void {
  if (lockIsLost) throw new TrainingLockLostError();
}

/**
 * Acquires the training lock until the caller releases it or the tab ends. Null when a run trains already, in this tab
 * or another; the message is `trainingElsewhere`.
 */
export async function acquireTrainingLock(locks?: Locks): Promise<(() => void) | null> {
  const all = locks ?? (await defaultLocks());
  return new Promise((resolve, reject) => {
    let release = (): void => undefined;
    const granted = () =>
      new Promise<"released">((free) => {
        lockIsLost = false;
        release = () => free("released");
        resolve(release);
      });
    all
      .tryHold(trainingLock, "exclusive", () => all.hold(trainingWatch, "exclusive", granted))
      .then(
        (outcome) => {
          if (outcome === null) resolve(null);
        },
        (error: unknown) => {
          lockIsLost = true;
          release();
          // Has no effect after the lock was granted.
          reject(error);
        },
      );
  });
}

/** Resolves when no run trains in any tab, also after the training tab was killed. */
export async function trainingEnd(locks?: Locks): Promise<void> {
  const all = locks ?? (await defaultLocks());
  await all.hold(trainingWatch, "shared", async () => undefined);
}

/** Whether a run trains in any tab. */
export async function isTraining(locks?: Locks): Promise<boolean> {
  return (locks ?? (await defaultLocks())).isLocked(trainingLock);
}
