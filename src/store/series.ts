/** The curves of runs, outside the store: a chart follows them without re-rendering the page at every step. */

import type { EvaluationMetrics, StepMetrics } from "../run/metrics.ts";

export interface RunSeries {
  readonly steps: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  /** Bytes of tensors on the device at the last step that was heard of; null for a run that is only read. */
  readonly memory: number | null;
}

export interface MetricSeries {
  /** The curves so far: a new object after every change. */
  of(runId: string): RunSeries;
  replace(runId: string, series: Pick<RunSeries, "steps" | "evaluations">): void;
  addStep(runId: string, metrics: StepMetrics, memory: number): void;
  addEvaluation(runId: string, metrics: EvaluationMetrics): void;
  remove(runId: string): void;
  /** Hears which run's curves changed; returns the way to stop hearing. */
  subscribe(listener: (runId: string) => void): () => void;
}

const none: RunSeries = { steps: [], evaluations: [], memory: null };

/** One whose arrays grow. */
interface Growing {
  steps: StepMetrics[];
  evaluations: EvaluationMetrics[];
  memory: number | null;
}

/**
 * Appends; what stood at this step or later is dropped first, because a resumed run goes through the steps after
 * its checkpoint again.
 */
function append<T extends { readonly step: number }>(items: T[], item: T): void {
  while ((items.at(-1)?.step ?? -1) >= item.step) items.pop();
  items.push(item);
}

export function createMetricSeries(): MetricSeries {
  const runs = new Map<string, Growing>();
  const listeners = new Set<(runId: string) => void>();

  const change = (runId: string, edit: (series: Growing) => void) => {
    // The arrays are kept and the object around them renewed: O(1) per step, and a change can be seen.
    const series: Growing = { ...(runs.get(runId) ?? { steps: [], evaluations: [], memory: null }) };
    edit(series);
    runs.set(runId, series);
    for (const listener of listeners) listener(runId);
  };

  return {
    of: (runId) => runs.get(runId) ?? none,
    replace: (runId, { steps, evaluations }) =>
      change(runId, (series) => {
        series.steps = [...steps];
        series.evaluations = [...evaluations];
      }),
    addStep: (runId, metrics, memory) =>
      change(runId, (series) => {
        append(series.steps, metrics);
        series.memory = memory;
      }),
    addEvaluation: (runId, metrics) => change(runId, ({ evaluations }) => append(evaluations, metrics)),
    remove: (runId) => void runs.delete(runId),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
