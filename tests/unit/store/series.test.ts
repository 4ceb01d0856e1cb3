/** The curves of runs. Oracle: the sequence of steps as an uninterrupted run gives it. */

import { expect, test } from "vitest";
import type { StepMetrics } from "../../../src/run/metrics.ts";
import { createMetricSeries } from "../../../src/store/series.ts";

const step = (number: number, loss = number): StepMetrics => ({
  step: number,
  loss,
  gradientNorm: 1,
  learningRate: 1,
  tokens: 1,
  supervisedTokens: 1,
  seconds: 1,
});

test("steps that are gone through again replace those after the checkpoint", () => {
  const series = createMetricSeries();
  series.replace("a", {
    steps: [1, 2, 3, 4].map((number) => step(number)),
    evaluations: [{ step: 0, loss: 9, sets: {} }],
  });
  series.addStep("a", step(3, 30), 8);
  series.addStep("a", step(4, 40), 8);
  expect(series.of("a").steps.map(({ step, loss }) => [step, loss])).toEqual([
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
  series.addStep("b", step(1), 8);
  stop();
  series.addStep("a", step(2), 8);
  expect(told).toEqual(["a", "b"]);
  expect(series.of("b").steps).toHaveLength(1);
});
