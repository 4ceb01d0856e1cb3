/** Whether Hone's step stays as it begins: the time of a step, and the bytes held, at both ends of a long run. */

import type { Backend } from "./engine.ts";
import { openEntrant, type Place } from "./entrant.ts";
import { bytesText, median } from "./figures.ts";
import type { MethodName, Size } from "./problem.ts";
import type { Held } from "./worker.ts";

/** Steps before the first that counts, and steps of one call. */
const [warmUpSteps, callSteps] = [20, 100];

export interface Ends<T> {
  readonly first: T;
  readonly last: T;
}

export interface Drift {
  readonly steps: number;
  /** Median over the first tenth of the steps and over the last. */
  readonly millisecondsPerStep: Ends<number>;
  /** (last − first) / first. */
  readonly drift: number;
  /** By the meters of the page; and the resident memory of its process, null where the system does not tell. */
  readonly bytes: Ends<Held & { readonly residentBytes: number | null }>;
}

export async function measureDrift(
  place: Place,
  task: { readonly backend: Backend; readonly size: Size; readonly method: MethodName; readonly steps: number },
): Promise<Drift> {
  const { steps, ...rest } = task;
  const entrant = await openEntrant(place, "drift", { engine: "hone", change: {}, dry: false, ...rest });
  const bytes = async () => {
    const held = await entrant.held();
    if (!held) throw new Error("The page counts nothing.");
    return { ...held, residentBytes: entrant.resident()?.bytes ?? null };
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

/** Medians of the first and the last tenth, and how far the second is from the first. */
export function driftOf(times: readonly number[]): Pick<Drift, "millisecondsPerStep" | "drift"> {
  const tenth = Math.max(1, Math.floor(times.length / 10));
  const first = median(times.slice(0, tenth));
  const last = median(times.slice(-tenth));
  return { millisecondsPerStep: { first, last }, drift: (last - first) / first };
}

/** The drift in sentences. */
export function driftText({ steps, millisecondsPerStep: time, drift, bytes: { first, last } }: Drift): string {
  const held = (name: keyof typeof first) => `${bytesText(first[name])} MiB, then ${bytesText(last[name])} MiB`;
  return [
    `${steps} steps: ${time.first.toFixed(2)} ms in the first tenth, ${time.last.toFixed(2)} ms in the last, ${(100 * drift).toFixed(1)} %`,
    `tensors ${held("tensorBytes")}`,
    `WebAssembly memory ${held("wasmBytes")}`,
    `GPU buffers ${held("gpuBytes")}`,
    `resident memory of the page's process ${held("residentBytes")}`,
  ].join("\n");
}
