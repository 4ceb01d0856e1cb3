/** Long work in slices, between which other calls of the service run. */

import { nextTask } from "../training/control.ts";

/** Milliseconds of a slice. */
const slice = 40;

export interface Turns {
  /** Whether the slice is used up. */
  due(): boolean;
  /** Lets other calls run, then begins the next slice. Throws the signal's reason. */
  next(): Promise<void>;
}

export function createTurns(signal: AbortSignal | undefined): Turns {
  let began = performance.now();
  return {
    due: () => performance.now() - began > slice,
    async next() {
      await nextTask();
      signal?.throwIfAborted();
      began = performance.now();
    },
  };
}
