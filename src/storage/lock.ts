/** Locks over all tabs (Web Locks), and the one that lets a single run train at a time. */

import { StorageError } from "./errors.ts";

export type LockMode = "shared" | "exclusive";

/** Named readers-writer locks. Not reentrant. A lock ends with its work, or with the tab that held it. */
export interface Locks {
  /** Waits for the lock and does the work while holding it. */
  hold<T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T>;
  /** The same without waiting: null, with nothing done, when the lock is not free. */
  tryHold<T>(name: string, mode: LockMode, work: () => Promise<T>): Promise<T | null>;
  isHeld(name: string): Promise<boolean>;
}

/** Locks that all tabs of this address share. */
export function tabLocks(manager: LockManager): Locks {
  return {
    hold: (name, mode, work) => manager.request(name, { mode }, work),
    tryHold: (name, mode, work) =>
      manager.request(name, { mode, ifAvailable: true }, async (lock) => (lock === null ? null : work())),
    isHeld: async (name) => ((await manager.query()).held ?? []).some((lock) => lock.name === name),
  };
}

/** Locks within this realm only: for what lives in its memory, and where a browser has no Web Locks. First come, first served. */
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
    async isHeld(name) {
      const state = stateOf(name);
      return state.exclusive || state.shared > 0;
    },
  };
}

const thisRealm = realmLocks();

/** The locks of all tabs; null where the browser has no Web Locks, or denies them as it does where site data is blocked. */
export async function locksOfAllTabs(): Promise<Locks | null> {
  const manager: LockManager | undefined = typeof navigator === "undefined" ? undefined : navigator.locks;
  const granted = await manager?.query().catch(() => null);
  return manager && granted ? tabLocks(manager) : null;
}

/** The locks of all tabs; where they are not to be had, of this realm alone. */
export async function defaultLocks(): Promise<Locks> {
  return (await locksOfAllTabs()) ?? thisRealm;
}

export const trainingLock = "hone-training";
/** Held as long as the training lock, for those who wait for its end: waiting for the training lock itself would refuse a start. */
const trainingWatch = "hone-training-watch";

/** What to tell the user when `acquireTrainingLock` gives null. */
export const trainingElsewhere =
  "Another run is training, here or in another tab of this browser, and one trains at a time: pause it there, or wait for its end, then start again.";

/** A page of this address took the lock of this tab by force: to save now could spoil a run that trains there. */
export class TrainingLockLostError extends StorageError {
  override readonly name = "TrainingLockLostError";
  constructor() {
    super("Another page took this tab's right to train, so the run was stopped here.");
  }
}

let lockIsLost = false;

/** Throws TrainingLockLostError where the lock that this tab acquired last was taken from it. */
export function requireTrainingLock(): void {
  if (lockIsLost) throw new TrainingLockLostError();
}

/**
 * Takes the right to train, which lasts until the returned function is called or the tab ends; null when a run trains already,
 * in this tab or another (`trainingElsewhere` says so to the user).
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
          // Without effect once it was granted.
          reject(error);
        },
      );
  });
}

/** Settles when no run trains, here or in another tab, also when the one that does is killed. */
export async function trainingEnd(locks?: Locks): Promise<void> {
  const all = locks ?? (await defaultLocks());
  await all.hold(trainingWatch, "shared", async () => undefined);
}

/** Whether a run trains, here or in another tab. */
export async function isTraining(locks?: Locks): Promise<boolean> {
  return (locks ?? (await defaultLocks())).isHeld(trainingLock);
}
