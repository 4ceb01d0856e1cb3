/** The curves of runs. Oracle: the sequence of steps as an uninterrupted run gives it. */

import { expect, test } from "vitest";
import { columnsOf, progressOf, stepsOf } from "../../../src/run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../../../src/run/metrics.ts";
import { createMetricSeries, endsSoFar, type MetricSeries } from "../../../src/store/series.ts";

const step = (number: number, loss = number): StepMetrics => ({
  step: number,
  loss,
  gradientNorm: 1,
  learningRate: 1,
  tokens: 1,
  supervisedTokens: 1,
  seconds: 1,
});
const steps = (from: number, to: number, loss = 0) =>
  Array.from({ length: to - from + 1 }, (_, i) => step(from + i, loss + from + i));
const kept = (metrics: readonly StepMetrics[], evaluations: readonly EvaluationMetrics[] = []) => ({
  steps: columnsOf(metrics),
  evaluations,
});
const shown = (series: MetricSeries, runId: string) =>
  stepsOf(series.of(runId).steps).map(({ step, loss }) => [step, loss]);

test("steps that are gone through again replace those after the checkpoint", () => {
  const series = createMetricSeries();
  series.fill("a", kept(steps(1, 4), [{ step: 0, loss: 9, sets: {} }]));
  series.addStep("a", step(3, 30), 8);
  series.addStep("a", step(4, 40), 8);
  expect(shown(series, "a")).toEqual([
    [1, 1],
    [2, 2],
    [3, 30],
    [4, 40],
  ]);
  series.addEvaluation("a", { step: 0, loss: 8, sets: {} });
  expect(series.of("a").evaluations).toEqual([{ step: 0, loss: 8, sets: {} }]);
  expect([series.of("a").memory, series.of("unknown").memory]).toEqual([8, null]);
});

test("every change makes a new object, is told with its run, and does not touch another run", () => {
  const series = createMetricSeries();
  const told: string[] = [];
  const stop = series.subscribe((runId) => told.push(runId));
  const before = series.of("a");
  series.addStep("a", step(1), 8);
  expect(series.of("a")).not.toBe(before);
  expect(series.of("a")).toBe(series.of("a"));
  series.addStep("b", step(1), 8);
  stop();
  series.addStep("a", step(2), 8);
  expect(told).toEqual(["a", "b"]);
  expect(series.of("b").steps.step).toHaveLength(1);
});

test("kept curves go before what was heard live, and what they have of it gives way", () => {
  const series = createMetricSeries();
  for (const metrics of steps(21, 23, 100)) series.addStep("a", metrics, 8);
  series.addEvaluation("a", { step: 22, loss: 7, sets: {} });
  expect(series.of("a").whole).toBe(false);
  // Kept before the run went back to step 20.
  series.fill(
    "a",
    kept(
      steps(1, 30),
      [0, 10, 20, 30].map((at) => ({ step: at, loss: 1, sets: {} })),
    ),
  );
  expect(shown(series, "a")).toEqual([...steps(1, 20), ...steps(21, 23, 100)].map(({ step, loss }) => [step, loss]));
  expect(series.of("a").evaluations.map(({ step, loss }) => [step, loss])).toEqual([
    [0, 1],
    [10, 1],
    [20, 1],
    [22, 7],
  ]);
  expect(series.of("a")).toMatchObject({ whole: true, memory: 8 });
});

test("thousands of steps one by one are all there", () => {
  const series = createMetricSeries();
  series.fill("a", kept([]));
  const all = steps(1, 3000);
  for (const metrics of all) series.addStep("a", metrics, 8);
  expect(stepsOf(series.of("a").steps)).toEqual(all);
});

test("at its end a run has the points that its record counts, or none where they are not all here", () => {
  const series = createMetricSeries();
  const evaluations = [0, 10].map((at) => ({ step: at, loss: 1, sets: {} }));
  series.fill("a", kept(steps(1, 12), evaluations));
  const before = series.of("a");
  series.settle("a", progressOf(steps(1, 12), evaluations));
  expect(series.of("a")).toBe(before);
  // A full disk: it stands at its last checkpoint.
  series.settle("a", progressOf(steps(1, 5), evaluations.slice(0, 1)));
  expect([series.of("a").steps.step.length, series.of("a").evaluations.length]).toEqual([5, 1]);
  series.settle("a", progressOf(steps(1, 6), []));
  expect(series.of("a")).toMatchObject({ whole: false, evaluations: [] });
  // Heard from its first step on, and only from its second.
  series.addStep("b", step(1), 8);
  series.settle("b", progressOf(steps(1, 1), []));
  expect([series.of("b").whole, shown(series, "b")]).toEqual([true, [[1, 1]]]);
  series.addStep("c", step(2), 8);
  series.settle("c", progressOf(steps(1, 2), []));
  expect([series.of("c").whole, shown(series, "c"), series.of("c").memory]).toEqual([false, [], 8]);
});

test("a list shows the ends that a record counts, with the last that was heard", () => {
  const series = createMetricSeries();
  const counted = progressOf(steps(1, 10), [{ step: 0, loss: 5, sets: {} }]);
  expect(endsSoFar(counted, series.of("a"))).toMatchObject({
    steps: { first: { step: 1 }, last: { step: 10 } },
    evaluations: { first: { loss: 5 }, last: { loss: 5 } },
  });
  series.addStep("a", step(12), 8);
  series.addEvaluation("a", { step: 12, loss: 3, sets: {} });
  expect(endsSoFar(counted, series.of("a"))).toMatchObject({
    steps: { first: { step: 1 }, last: { step: 12 } },
    evaluations: { first: { loss: 5 }, last: { loss: 3 } },
  });
  expect(endsSoFar(progressOf([], []), series.of("b"))).toEqual({ steps: null, evaluations: null });
});
