/** Shortens the pauses between attempts to a quarter. */

import { afterAll, beforeAll } from "vitest";

/** The pauses of src/hub/request.ts, in milliseconds. */
const pauses: readonly number[] = [250, 500, 1000, 2000, 4000];

/** Takes effect until the end of the test file. */
export function shortenPauses(): void {
  const real = globalThis.setTimeout;
  beforeAll(() => {
    const shorter = (work: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]) =>
      real(work, pauses.includes(milliseconds) ? milliseconds / 4 : milliseconds, ...args);
    Object.assign(globalThis, { setTimeout: Object.assign(shorter, real) });
  });
  afterAll(() => void Object.assign(globalThis, { setTimeout: real }));
}
