/** The curves of runs, outside the store: a chart redraws at every step without a render of the page. */

import {
  type CurveEnds,
  type CurvePoint,
  type Curves,
  createStepLog,
  noCurves,
  type RunProgress,
  type StepColumns,
  type StepLog,
  stepAt,
  stepsOf,
} from "../run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../run/metrics.ts";

export interface RunSeries extends Curves {
  /** Bytes of tensors on the device at the last live step; null for a stored run. */
  readonly memory: number | null;
  /** Whether the stored curves are included; else only live points are. */
  readonly whole: boolean;
}

export interface MetricSeries {
  /** The curves so far: a new object after every change. */
  of(runId: string): RunSeries;
  /** Adds the stored points that precede the live ones. */
  fill(runId: string, stored: Curves): void;
  addStep(runId: string, metrics: StepMetrics, memory: number): void;
  addEvaluation(runId: string, metrics: EvaluationMetrics): void;
  /** Drops points beyond those that a record counts. If points are missing, all are dropped. */
  settle(runId: string, progress: RunProgress): void;
  /** Drops all points, so that the stored curves are loaded again. */
  clear(runId: string): void;
  remove(runId: string): void;
  /** Called with the id of each run whose curves changed. Returns a function that unsubscribes. */
  subscribe(listener: (runId: string) => void): () => void;
}

/** First and last point of both curves: those of the record, extended by live points. */
export function endsSoFar({ steps, evaluations }: RunProgress, series: RunSeries) {
  const ends = (counted: CurveEnds | null, first: CurvePoint | undefined, last: CurvePoint | undefined) => {
    const [from, to] = [counted?.first ?? first, last ?? counted?.last];
    return from && to ? { first: from, last: to } : null;
  };
  return {
    steps: ends(steps, stepAt(series.steps, 0), stepAt(series.steps, -1)),
    evaluations: ends(evaluations, series.evaluations[0], series.evaluations.at(-1)),
  };
}

const none: RunSeries = { ...noCurves, memory: null, whole: false };
const firstRoom = 256;

/** Growing curves, and their immutable view since the last change. */
interface Growing {
  readonly steps: StepLog;
  readonly evaluations: EvaluationMetrics[];
  memory: number | null;
  whole: boolean;
  shown: RunSeries;
}

/** Number of points before this step. */
function countBefore(steps: StepColumns["step"], step: number): number {
  let count = steps.length;
  while (count > 0 && (steps[count - 1] ?? 0) >= step) count--;
  return count;
}

export function createMetricSeries(): MetricSeries {
  const runs = new Map<string, Growing>();
  const listeners = new Set<(runId: string) => void>();

  const begin = (stored: Curves): Growing => ({
    steps: createStepLog(firstRoom, stored.steps),
    evaluations: [...stored.evaluations],
    memory: null,
    whole: false,
    shown: none,
  });
  /** Reuses the arrays in a new object: O(1) per step, and the change is visible by identity. */
  const show = (runId: string, series: Growing) => {
    const { steps, evaluations, memory, whole } = series;
    series.shown = { steps: steps.view(), evaluations, memory, whole };
    runs.set(runId, series);
    for (const listener of listeners) listener(runId);
  };
  const clear = (runId: string) => {
    const series = runs.get(runId);
    if (series) show(runId, { ...begin(noCurves), memory: series.memory });
  };

  return {
    of: (runId) => runs.get(runId)?.shown ?? none,

    fill(runId, stored) {
      const live = runs.get(runId);
      const series = begin(stored);
      series.whole = true;
      if (live) {
        series.memory = live.memory;
        const { steps, evaluations } = live.shown;
        series.steps.truncate(countBefore(stored.steps.step, steps.step[0] ?? Number.POSITIVE_INFINITY));
        for (const metrics of stepsOf(steps)) series.steps.push(metrics);
        const first = evaluations[0]?.step ?? Number.POSITIVE_INFINITY;
        const before = stored.evaluations.filter(({ step }) => step < first);
        series.evaluations.splice(0, series.evaluations.length, ...before, ...evaluations);
      }
      show(runId, series);
    },

    // Drops points from this step on: a resumed run repeats the steps after its checkpoint.
    addStep(runId, metrics, memory) {
      const series = runs.get(runId) ?? begin(noCurves);
      series.steps.truncate(countBefore(series.steps.view().step, metrics.step));
      series.steps.push(metrics);
      series.memory = memory;
      show(runId, series);
    },
    addEvaluation(runId, metrics) {
      const series = runs.get(runId) ?? begin(noCurves);
      const { evaluations } = series;
      while ((evaluations.at(-1)?.step ?? -1) >= metrics.step) evaluations.pop();
      evaluations.push(metrics);
      show(runId, series);
    },

    settle(runId, progress) {
      const series = runs.get(runId);
      if (!series) return;
      const [steps, evaluations] = [progress.steps?.points ?? 0, progress.evaluations?.points ?? 0];
      if (series.steps.length === steps && series.evaluations.length === evaluations) {
        if (series.whole) return;
        series.whole = true;
        return show(runId, series);
      }
      const missing = series.steps.length < steps || series.evaluations.length < evaluations;
      if (missing || !series.whole) return clear(runId);
      series.steps.truncate(steps);
      series.evaluations.length = evaluations;
      show(runId, series);
    },

    clear,
    remove: (runId) => void runs.delete(runId),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
