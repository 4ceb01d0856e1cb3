/** Progress of a task in bytes: ten events a second at most, besides the first and the last. */

import type { EngineEvent } from "../protocol/engine.ts";

/** Milliseconds between two events. */
export const progressInterval = 100;

export function progressEvents(
  emit: (event: EngineEvent) => void,
  task: string,
): (done: number, total: number | null) => void {
  let emittedAt = Number.NEGATIVE_INFINITY;
  return (done, total) => {
    const now = performance.now();
    if (done !== total && now - emittedAt < progressInterval) return;
    emittedAt = now;
    emit({ type: "progress", task, done, total });
  };
}
