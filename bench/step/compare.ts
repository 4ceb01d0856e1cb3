/** All engines at one problem: whether they compute the same, how fast, in how much memory, and how near to their peak. */

import { type EngineName, type Entrant, openEntrant, type Place, type Task, titles } from "./entrant.ts";
import {
  type Comparison,
  deviations,
  type Failure,
  type MatrixPeak,
  median,
  pairedRatio,
  type Row,
  spreadOf,
} from "./figures.ts";
import { matrixOperations, problemOf } from "./problem.ts";
import { peakOf, type Runner, takeRounds, warmUp } from "./rounds.ts";

/** What losses and gradient norms of two engines may differ by: float32 sums in another order. */
const agreement = 1e-4;

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
  const fail = (engine: EngineName, error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    failures.push({ engine: titles[engine], backend, size, method, error: message });
  };
  const opened: Entrant[] = [];
  try {
    const runners: Runner[] = [];
    for (const engine of engines) {
      try {
        const host = `${engine}-${backend}-${size}-${method}`;
        const entrant = await openEntrant(place, host, { engine, backend, size, method, change });
        opened.push(entrant);
        runners.push(await warmUp(entrant));
      } catch (error) {
        fail(engine, error);
      }
    }
    const deviationOf = agree(runners);
    const left = await takeRounds(runners, repeats, ({ entrant }, error) => fail(entrant.engine, error));

    const { shape, ...problem } = problemOf(size, method, change);
    const operations = matrixOperations({ shape, ...problem });
    const hone = left.find(({ entrant }) => entrant.engine === "hone");
    const rows: Row[] = [];
    const matrixPeak: MatrixPeak[] = [];
    for (const { entrant, second, samples } of left) {
      const { opened: first } = entrant;
      const engine = titles[entrant.engine];
      const memory = await peakOf(entrant);
      const gflops = await entrant.matrixPeak({ n: emulated ? 256 : 1024, count: 8, tries: 5 }).catch((error) => {
        fail(entrant.engine, error);
        return Number.NaN;
      });
      matrixPeak.push({ engine, backend: entrant.backend, gflops });
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
        millisecondsPerStep,
        spread: spreadOf(samples),
        ...memory,
        loss: [first.loss, second.loss],
        gradientNorm: [first.gradientNorm, second.gradientNorm],
        deviation,
        ratioToHone: hone ? pairedRatio(samples, hone.samples) : null,
        timeToFirstStepMs: first.timeToFirstStepMs,
        bytesLoaded: entrant.bytesLoaded(),
        shareOfPeak: operations / (millisecondsPerStep * 1e6) / gflops,
      });
      if (!(deviation <= agreement))
        fail(entrant.engine, `its losses and norms are not the others': ${deviation.toExponential(1)} away.`);
    }
    return { rows, failures, matrixPeak };
  } finally {
    for (const entrant of opened) await entrant.close();
  }
}

/** How far each engine's losses and gradient norms of the first two steps are from those of the median engine. */
function agree(runners: readonly Runner[]): Map<Entrant, number> {
  const figures = runners.map(({ entrant: { opened }, second }) => [
    opened.loss,
    opened.gradientNorm,
    second.loss,
    second.gradientNorm,
  ]);
  const found = deviations(figures);
  return new Map(runners.map(({ entrant }, i) => [entrant, found[i] ?? Number.NaN]));
}
