/** Compares time and memory of Hone's step at both ends of a long run. */

import type { MemoryUse } from "./calls.ts";
import type { Backend } from "./engine.ts";
import { openEntrant, type Place } from "./entrant.ts";
import { bytesText, median } from "./figures.ts";
import type { MethodName, Size } from "./problem.ts";

/** Warm-up steps, and steps per call. */
const [warmUpSteps, callSteps] = [20, 100];

export interface Ends<T> {
  readonly first: T;
  readonly last: T;
}

export interface Drift {
  readonly steps: number;
  /** Medians over the first and the last tenth of the steps. */
  readonly millisecondsPerStep: Ends<number>;
  /** (last − first) / first. */
  readonly drift: number;
  /** From the page's meters, and the resident memory of its process; null where the system does not report it. */
  readonly bytes: Ends<MemoryUse & { readonly residentBytes: number | null }>;
}

export async function measureDrift(
  place: Place,
  task: { readonly backend: Backend; readonly size: Size; readonly method: MethodName; readonly steps: number },
): Promise<Drift> {
  const { steps, ...rest } = task;
  const entrant = await openEntrant(place, "drift", { engine: "hone", change: {}, dry: false, ...rest });
  const bytes = async () => {
    const use = await entrant.memoryUse();
    if (!use) throw new Error("The page has no meters.");
    return { ...use, residentBytes: entrant.resident()?.bytes ?? null };
  };
  try {
    await entrant.steps(warmUpSteps);
    const first = await bytes();
    const times: number[] = [];
    while (times.length < steps) {
      const { milliseconds } = await entrant.steps(Math.min(callSteps, steps - times.length));
      times.push(...milliseconds);
    }
    return { steps, ...driftOf(times), bytes: { first, last: await bytes() } };
  } finally {
    await entrant.close();
  }
}

/** Medians of the first and the last tenth, and their relative difference. */
export function driftOf(times: readonly number[]): Pick<Drift, "millisecondsPerStep" | "drift"> {
  const tenth = Math.max(1, Math.floor(times.length / 10));
  const first = median(times.slice(0, tenth));
  const last = median(times.slice(-tenth));
  return { millisecondsPerStep: { first, last }, drift: (last - first) / first };
}

/** The drift in sentences. */
export function driftText({ steps, millisecondsPerStep: time, drift, bytes: { first, last } }: Drift): string {
  const ends = (name: keyof typeof first) => `${bytesText(first[name])} MiB, then ${bytesText(last[name])} MiB`;
  return [
    `${steps} steps: ${time.first.toFixed(2)} ms in the first tenth, ${time.last.toFixed(2)} ms in the last, ${(100 * drift).toFixed(1)} %`,
    `tensors ${ends("tensorBytes")}`,
    `WebAssembly memory ${ends("wasmBytes")}`,
    `GPU buffers ${ends("gpuBytes")}`,
    `resident memory of the page's process ${ends("residentBytes")}`,
  ].join("\n");
}
