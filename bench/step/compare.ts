/** All engines at one problem, step by step in turn, so that what slows the machine slows all of them. */

import { setTimeout as pause } from "node:timers/promises";
import { type EngineName, type Entrant, openEntrant, type Place, type Task, titles } from "./entrant.ts";
import { deviations, type Failure, median, pairedRatio, type Row, spreadOf } from "./figures.ts";
import { matrixOperations, problemOf } from "./problem.ts";
import type { Sample } from "./worker.ts";

/** What losses and gradient norms of two engines may differ by: float32 sums in another order. */
const agreement = 1e-4;
/** A sample takes at least so many milliseconds: as many steps as that needs. */
const sampleMs = 300;

export interface Comparison {
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
  /** GFLOP/s of a large square product by engine. */
  readonly matrixPeak: readonly { readonly engine: string; readonly backend: string; readonly gflops: number }[];
}

interface Runner {
  readonly entrant: Entrant;
  readonly second: Sample;
  readonly stepsPerSample: number;
  /** Milliseconds per step, a sample for each round. */
  readonly samples: number[];
}

export interface Match extends Omit<Task, "engine"> {
  readonly engines: readonly EngineName[];
  readonly repeats: number;
  /** The GPU is emulated: products for its peak are kept small. */
  readonly emulated: boolean;
}

/** Opens the engines one after the other, lets them step in turn for `repeats` rounds, then measures each one's peak. */
export async function compare(place: Place, match: Match): Promise<Comparison> {
  const { engines, backend, size, method, change, repeats, emulated } = match;
  const failures: Failure[] = [];
  const runners: Runner[] = [];
  const fail = (engine: EngineName, error: unknown) =>
    failures.push({
      engine: titles[engine],
      backend,
      size,
      method,
      error: error instanceof Error ? error.message : String(error),
    });
  /** Runs work of one engine; when it throws, the engine is out and the others go on. */
  const attempt = async (runner: Runner, work: () => Promise<void>) => {
    await work().catch((error: unknown) => {
      fail(runner.entrant.engine, error);
      runners.splice(runners.indexOf(runner), 1);
    });
  };
  const all: Entrant[] = [];
  try {
    for (const engine of engines) {
      try {
        const host = `${engine}-${backend}-${size}-${method}`;
        const entrant = await openEntrant(place, host, { engine, backend, size, method, change });
        all.push(entrant);
        const second = await entrant.steps(1);
        const stepsPerSample = Math.max(1, Math.ceil(sampleMs / (second.milliseconds[0] ?? sampleMs)));
        runners.push({ entrant, second, stepsPerSample, samples: [] });
      } catch (error) {
        fail(engine, error);
      }
    }
    const figures = runners.map(({ entrant: { opened }, second }) => [
      opened.loss,
      opened.gradientNorm,
      second.loss,
      second.gradientNorm,
    ]);
    const deviationOf = new Map(deviations(figures).map((deviation, i) => [runners[i]?.entrant, deviation]));

    for (let round = 0; round < repeats; round++) {
      for (const runner of [...runners]) {
        await attempt(runner, async () => {
          const { milliseconds } = await runner.entrant.steps(runner.stepsPerSample);
          runner.samples.push(milliseconds.reduce((sum, value) => sum + value, 0) / milliseconds.length);
        });
        // Threads of an engine may look for work for a while before they sleep.
        await pause(30);
      }
    }

    const operations = matrixOperations(problemOf(size, method, change));
    const hone = runners.find(({ entrant }) => entrant.engine === "hone");
    const rows: Row[] = [];
    const matrixPeak: { engine: string; backend: string; gflops: number }[] = [];
    for (const runner of [...runners]) {
      await attempt(runner, async () => {
        const { entrant, second, samples } = runner;
        const engine = titles[entrant.engine];
        const memory = await peakOf(entrant);
        const gflops = await entrant.matrixPeak({ n: emulated ? 256 : 1024, count: 8, tries: 5 });
        matrixPeak.push({ engine, backend: entrant.backend, gflops });
        const { shape } = problemOf(size, method, change);
        const millisecondsPerStep = median(samples);
        const deviation = deviationOf.get(entrant) ?? Number.NaN;
        rows.push({
          engine,
          version: entrant.version,
          backend: entrant.backend,
          size,
          method,
          tokensPerSecond: (1000 * shape.rows * shape.length) / millisecondsPerStep,
          supervisedTokensPerSecond: (1000 * shape.supervised) / millisecondsPerStep,
          spread: spreadOf(samples),
          millisecondsPerStep,
          ...memory,
          loss: [entrant.opened.loss, second.loss],
          gradientNorm: [entrant.opened.gradientNorm, second.gradientNorm],
          deviation,
          ratioToHone: hone ? pairedRatio(samples, hone.samples) : null,
          timeToFirstStepMs: entrant.opened.timeToFirstStepMs,
          bytesLoaded: entrant.bytesLoaded(),
          shareOfPeak: operations / (millisecondsPerStep * 1e6) / gflops,
        });
        if (!(deviation <= agreement))
          fail(
            entrant.engine,
            new Error(`its losses and norms are not the others': ${deviation.toExponential(1)} away.`),
          );
      });
    }
    return { rows, failures, matrixPeak };
  } finally {
    for (const entrant of all) await entrant.close();
  }
}

async function peakOf(entrant: Entrant): Promise<Pick<Row, "peakBytes" | "peakBytesOf">> {
  const { backend, blank } = entrant;
  const held = await entrant.held();
  if (backend === "webgpu") return { peakBytes: held?.gpuPeakBytes ?? null, peakBytesOf: "live GPU buffers" };
  const now = entrant.resident();
  return {
    peakBytes: now && blank && now.peakBytes - blank.peakBytes,
    peakBytesOf: backend === "native" ? "resident memory above Python's" : "resident memory above the blank page's",
  };
}
