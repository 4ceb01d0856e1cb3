/** Engines that step in turn: a sample of each in every round, so that what slows the machine slows all of them. */

import { setTimeout as pause } from "node:timers/promises";
import type { Entrant } from "./entrant.ts";
import type { Row } from "./figures.ts";
import type { Sample } from "./worker.ts";

/** A sample takes at least so many milliseconds: as many steps as that needs. */
const sampleMs = 300;
/** Milliseconds of steps before the first that counts. */
const warmUpMs = 3000;

export interface Runner {
  readonly entrant: Entrant;
  /** The second step: with the first, what warms up. */
  readonly second: Sample;
  readonly stepsPerSample: number;
  /** Milliseconds per step, a sample for each round. */
  readonly samples: number[];
}

/**
 * Takes the second step, and further ones until it is warm: a browser compiles WebAssembly anew, and better, while it runs.
 * Settles how many steps a sample has.
 */
export async function warmUp(entrant: Entrant): Promise<Runner> {
  const second = await entrant.steps(1);
  let [last = sampleMs] = second.milliseconds;
  for (let spent = last; spent < warmUpMs; spent += last) {
    [last = sampleMs] = (await entrant.steps(1)).milliseconds;
  }
  return { entrant, second, stepsPerSample: Math.max(1, Math.ceil(sampleMs / last)), samples: [] };
}

/** Lets all runners step in turn; one that throws is handed to `failed` and has no further turn. */
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
      // Threads of an engine may look for work for a while before they sleep.
      await pause(30);
    }
  }
  return [...left];
}

/** The most memory that an entrant has held so far: of the kind that its backend computes in. */
export async function peakOf(entrant: Entrant): Promise<Pick<Row, "peakBytes" | "peakBytesOf">> {
  const { backend, blank } = entrant;
  const held = await entrant.held();
  if (backend === "webgpu") return { peakBytes: held?.gpuPeakBytes ?? null, peakBytesOf: "live GPU buffers" };
  const now = entrant.resident();
  return {
    peakBytes: now && blank && now.peakBytes - blank.peakBytes,
    peakBytesOf: backend === "native" ? "resident memory above Python's" : "resident memory above the blank page's",
  };
}
