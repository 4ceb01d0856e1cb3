/** Lets engines step in turn, one sample each per round, so that a slow machine slows all of them. */

import { setTimeout as pause } from "node:timers/promises";
import type { Sample } from "./calls.ts";
import type { Entrant } from "./entrant.ts";
import type { Row } from "./figures.ts";

/** A sample has as many steps as fit in this many milliseconds, at least one. */
const sampleMs = 300;
/** Milliseconds of warm-up steps. */
const warmUpMs = 3000;

export interface Runner {
  readonly entrant: Entrant;
  /** The second step, part of the warm-up. */
  readonly second: Sample;
  readonly stepsPerSample: number;
  /** Milliseconds per step, one sample per round. */
  readonly samples: number[];
}

/**
 * Takes the second step and more until the engine is warm, because browsers recompile WebAssembly while it runs. Also chooses
 * the number of steps per sample.
 */
export async function warmUp(entrant: Entrant): Promise<Runner> {
  const second = await entrant.steps(1);
  let [last = sampleMs] = second.milliseconds;
  for (let spent = last; spent < warmUpMs; spent += last) {
    [last = sampleMs] = (await entrant.steps(1)).milliseconds;
  }
  return { entrant, second, stepsPerSample: Math.max(1, Math.ceil(sampleMs / last)), samples: [] };
}

/** Lets all runners step in turn. A runner that throws is passed to `failed` and stops. */
export async function takeRounds(
  runners: readonly Runner[],
  repeats: number,
  failed: (runner: Runner, error: unknown) => void,
): Promise<Runner[]> {
  const left = new Set(runners);
  for (let round = 0; round < repeats; round++) {
    for (const runner of left) {
      try {
        const { milliseconds } = await runner.entrant.steps(runner.stepsPerSample);
        runner.samples.push(milliseconds.reduce((sum, value) => sum + value, 0) / milliseconds.length);
      } catch (error) {
        left.delete(runner);
        failed(runner, error);
      }
      // An engine's threads may spin for a while before they sleep.
      await pause(30);
    }
  }
  return [...left];
}

/** An entrant's peak memory so far, of the kind that its backend uses. */
export async function peakOf(entrant: Entrant): Promise<Pick<Row, "peakBytes" | "peakBytesOf">> {
  const { backend, blank } = entrant;
  const use = await entrant.memoryUse();
  if (backend === "webgpu") return { peakBytes: use?.gpuPeakBytes ?? null, peakBytesOf: "live GPU buffers" };
  const now = entrant.resident();
  return {
    peakBytes: now && blank && now.peakBytes - blank.peakBytes,
    peakBytesOf: backend === "native" ? "resident memory above Python's" : "resident memory above the blank page's",
  };
}
