/** Compares all engines on one problem: results, speed, memory, and share of their matrix peak. */

import type { StepResult } from "./engine.ts";
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

/**
 * Allowed relative differences of losses and of gradient norms. A norm sums millions of squares: a sequential float32 sum is
 * off by 1e-4, a two-stage sum or float64 is not.
 */
const agreement = { loss: 1e-4, norm: 1e-3 };

export interface Match extends Omit<Task, "engine"> {
  readonly engines: readonly EngineName[];
  readonly repeats: number;
  /** Side of the matrices whose products measure the peak. */
  readonly peakSide: number;
}

/** Opens the engines one by one, lets them step in turn for `repeats` rounds, then measures the matrix peak of each. */
export async function compare(place: Place, match: Match): Promise<Comparison> {
  const { engines, backend, size, method, change, dry, repeats, peakSide } = match;
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
        const entrant = await openEntrant(place, host, { engine, backend, size, method, change, dry });
        opened.push(entrant);
        runners.push(await warmUp(entrant));
      } catch (error) {
        fail(engine, error);
      }
    }
    const lossesAgree = deviationsOf(runners, ({ loss }) => loss);
    const normsAgree = deviationsOf(runners, ({ gradientNorm }) => gradientNorm);
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
      const products = { n: peakSide, count: 8, tries: 5 };
      const gflops = dry
        ? Number.NaN
        : await entrant.matrixPeak(products).catch((error) => {
            fail(entrant.engine, error);
            return Number.NaN;
          });
      matrixPeak.push({ engine, backend: entrant.backend, gflops });
      const millisecondsPerStep = median(samples);
      const deviation = lossesAgree.get(entrant) ?? Number.NaN;
      const normDeviation = normsAgree.get(entrant) ?? Number.NaN;
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
        normDeviation,
        ratioToHone: hone ? pairedRatio(samples, hone.samples) : null,
        timeToFirstStepMs: first.timeToFirstStepMs,
        bytesLoaded: entrant.bytesLoaded(),
        shareOfPeak: operations / (millisecondsPerStep * 1e6) / gflops,
      });
      if (!dry && !(deviation <= agreement.loss && normDeviation <= agreement.norm)) {
        const away = `${deviation.toExponential(1)} and ${normDeviation.toExponential(1)}`;
        fail(entrant.engine, `its losses or gradient norms differ from the others by ${away}.`);
      }
    }
    return { rows, failures, matrixPeak };
  } finally {
    for (const entrant of opened) await entrant.close();
  }
}

/** The deviation of each engine from the median engine, in one figure of the first two steps. */
function deviationsOf(runners: readonly Runner[], figure: (result: StepResult) => number): Map<Entrant, number> {
  const found = deviations(runners.map(({ entrant, second }) => [figure(entrant.opened), figure(second)]));
  return new Map(runners.map(({ entrant }, i) => [entrant, found[i] ?? Number.NaN]));
}
