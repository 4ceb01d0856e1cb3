/** The curves of runs, outside the store: a chart follows them without re-rendering the page at every step. */

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
  /** Bytes of tensors on the device at the last step that was heard of; null for a run that is only read. */
  readonly memory: number | null;
  /** Whether the kept curves are in it; else it has the points alone that were heard live. */
  readonly whole: boolean;
}

export interface MetricSeries {
  /** The curves so far: a new object after every change. */
  of(runId: string): RunSeries;
  /** Takes in the curves that are kept, as far as they come before the points that were heard live. */
  fill(runId: string, kept: Curves): void;
  addStep(runId: string, metrics: StepMetrics, memory: number): void;
  addEvaluation(runId: string, metrics: EvaluationMetrics): void;
  /**
   * Drops the points past those that a record counts. As many as it counts are whole, however they came; all are dropped where
   * it counts more, or where they are not whole.
   */
  settle(runId: string, progress: RunProgress): void;
  /** Drops all points: the kept curves are to be asked for again. */
  clear(runId: string): void;
  remove(runId: string): void;
  /** Hears which run's curves changed; returns the way to stop hearing. */
  subscribe(listener: (runId: string) => void): () => void;
}

/** The ends of both curves, as a list shows them: those that a record counts, with what was heard since. */
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

/** One that grows, and how it looks from outside since the last change. */
interface Growing {
  readonly steps: StepLog;
  readonly evaluations: EvaluationMetrics[];
  memory: number | null;
  whole: boolean;
  shown: RunSeries;
}

/** Points before this step, in their order. */
function countBefore(steps: StepColumns["step"], step: number): number {
  let count = steps.length;
  while (count > 0 && (steps[count - 1] ?? 0) >= step) count--;
  return count;
}

export function createMetricSeries(): MetricSeries {
  const runs = new Map<string, Growing>();
  const listeners = new Set<(runId: string) => void>();

  const begin = (kept: Curves): Growing => ({
    steps: createStepLog(firstRoom, kept.steps),
    evaluations: [...kept.evaluations],
    memory: null,
    whole: false,
    shown: none,
  });
  /** The arrays are kept and the object around them renewed: O(1) per step, and a change can be seen. */
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

    fill(runId, kept) {
      const live = runs.get(runId);
      const series = begin(kept);
      series.whole = true;
      if (live) {
        series.memory = live.memory;
        const { steps, evaluations } = live.shown;
        series.steps.truncate(countBefore(kept.steps.step, steps.step[0] ?? Number.POSITIVE_INFINITY));
        for (const metrics of stepsOf(steps)) series.steps.push(metrics);
        const first = evaluations[0]?.step ?? Number.POSITIVE_INFINITY;
        const before = kept.evaluations.filter(({ step }) => step < first);
        series.evaluations.splice(0, series.evaluations.length, ...before, ...evaluations);
      }
      show(runId, series);
    },

    // What stood at this step or later is dropped first: a resumed run goes through the steps after its checkpoint again.
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
