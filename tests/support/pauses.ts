/** Pauses between attempts that pass quickly: each takes a quarter of its time. */

import { afterAll, beforeAll } from "vitest";

/** Those of src/hub/request.ts, in milliseconds. */
const pauses: readonly number[] = [250, 500, 1000, 2000, 4000];

/** From here to the end of the file. */
export function shortenPauses(): void {
  const real = globalThis.setTimeout;
  beforeAll(() => {
    const shorter = (work: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]) =>
      real(work, pauses.includes(milliseconds) ? milliseconds / 4 : milliseconds, ...args);
    Object.assign(globalThis, { setTimeout: Object.assign(shorter, real) });
  });
  afterAll(() => void Object.assign(globalThis, { setTimeout: real }));
}
