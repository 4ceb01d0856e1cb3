import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learningRateAt, plannedSteps } from "../../../src/training/schedule.ts";

const recipe = (schedule: "cosine" | "linear" | "constant", warmupRatio: number) => ({
  learningRate: 2e-4,
  schedule,
  warmupRatio,
});

// Oracle: Hugging Face's schedules at their step s − 1 after the warm-up, peak · s / (W + 1) in it; worked by hand.
test.each([
  ["cosine", 0, [1, 0.9045085, 0.6545085, 0.3454915, 0.0954915]],
  ["linear", 0, [1, 0.8, 0.6, 0.4, 0.2]],
  ["constant", 0, [1, 1, 1, 1, 1]],
  ["cosine", 0.4, [1 / 3, 2 / 3, 1, 0.75, 0.25]],
  ["linear", 0.4, [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]],
  ["constant", 0.4, [1 / 3, 2 / 3, 1, 1, 1]],
  ["linear", 0.01, [0.5, 1, 0.75, 0.5, 0.25]],
  ["constant", 0.99, [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6]],
] as const)("%s with warm-up %f over five steps", (schedule, warmup, shares) => {
  for (const [index, share] of shares.entries()) {
    expect(learningRateAt(recipe(schedule, warmup), index + 1, 5) / 2e-4).toBeCloseTo(share, 6);
  }
});

test("no step has rate 0 or exceeds the peak, the warm-up rises and the decay falls", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("cosine" as const, "linear" as const),
      fc.double({ min: 0, max: 0.9, noNaN: true }),
      fc.integer({ min: 1, max: 300 }),
      (schedule, warmup, total) => {
        const rates = Array.from({ length: total }, (_, i) => learningRateAt(recipe(schedule, warmup), i + 1, total));
        const peak = Math.min(Math.ceil(warmup * total), total - 1);
        return rates.every(
          (rate, i) => rate > 0 && rate <= 2e-4 && (i === 0 || i <= peak === rate > (rates[i - 1] as number)),
        );
      },
    ),
  );
});

test("a step outside the run is refused", () => {
  expect(() => learningRateAt(recipe("cosine", 0), 0, 5)).toThrow("steps 1 to 5");
  expect(() => learningRateAt(recipe("cosine", 0), 6, 5)).toThrow("step 6");
});

describe("planned steps", () => {
  test.each([
    [{ epochs: 3, steps: null }, 10, 30],
    [{ epochs: 0.5, steps: null }, 10, 5],
    [{ epochs: 0.1, steps: null }, 30, 3],
    [{ epochs: 0.01, steps: null }, 10, 1],
    [{ epochs: 3, steps: 7 }, 10, 7],
  ])("%o of %i steps per epoch is %i", (plan, perEpoch, total) => {
    expect(plannedSteps(plan, perEpoch)).toBe(total);
  });
});
