/** Odd sizes and numbers from strangers' files: batching takes linear time, or throws an error for the user. */

import { describe, expect, test } from "vitest";
import { chooseBuckets } from "../../../src/batching/buckets.ts";
import { epochQuotas, scaleWeights } from "../../../src/batching/mixture.ts";
import { packExamples } from "../../../src/batching/pack.ts";
import { createSampler, type SamplerOptions, type SamplerState } from "../../../src/batching/sampler.ts";
import { splitValidation } from "../../../src/batching/split.ts";
import { orderOf } from "../../../src/batching/stages.ts";
import { cpuTime } from "../../support/cpuTime.ts";
import { originOf } from "../../support/examples.ts";

const longestWait = 10_000;
const example = (length: number) => ({
  origin: originOf(0),
  ids: new Int32Array(length),
  mask: new Uint8Array(length),
  weights: new Float32Array(length),
});

test("twenty thousand different lengths are put into four buckets", () => {
  const ids = new Int32Array(16 * 20_000);
  const examples = Array.from({ length: 20_000 }, (_, i) => ({
    ...example(0),
    ids: ids.subarray(0, 16 * (i + 1)),
  }));
  const began = cpuTime();
  const lengths = chooseBuckets(examples, 4, { repeats: false }).map(({ length }) => length);
  expect(cpuTime() - began).toBeLessThan(longestWait);
  // If all lengths are equally frequent, four equal steps pad least.
  expect(lengths).toEqual([80_000, 160_000, 240_000, 320_000]);
});

describe("packing and splitting", () => {
  const sizes: [string, number[], number][] = [
    ["equal ones", new Array<number>(200_000).fill(7), 512],
    ["no tokens", new Array<number>(200_000).fill(0), 512],
    ["one token", new Array<number>(200_000).fill(1), 1],
    ["all as long as a row", new Array<number>(200_000).fill(512), 512],
    ["half a row and one", new Array<number>(200_000).fill(257), 512],
    ["all lengths, repeated", Array.from({ length: 200_000 }, (_, i) => i % 513), 512],
    ["a row of a million", Array.from({ length: 100_000 }, (_, i) => i), 1_000_000],
  ];
  test.each(sizes)("%s", (_, lengths, length) => {
    const began = cpuTime();
    const rows = packExamples(lengths, length);
    expect(rows.flat()).toHaveLength(lengths.length);
    expect(cpuTime() - began).toBeLessThan(longestWait);
  });

  test.each([Number.NaN, -1, 0, 1e-300, 0.5, 1, 2, 1e300, Number.POSITIVE_INFINITY])("a share of %d", (share) => {
    const count = 100;
    const rows = Array.from({ length: count }, (_, i) => i);
    const { training, validation } = splitValidation(
      { sources: rows.map(() => 0), rows, splits: rows.map(() => 0) },
      share,
      1,
    );
    expect(training.length + validation.length).toBe(count);
    expect(training.length).toBeGreaterThan(0);
  });
});

describe("a mixture", () => {
  const extremes = [1, 1e300, Number.MAX_VALUE, 5e-324, 1e-300];
  test.each(extremes.flatMap((a) => extremes.map((b) => [a, b] as const)))("λ of %d and %d", (a, b) => {
    const quotas = epochQuotas([10, 10], [a, b]);
    expect(quotas.every((quota) => Number.isFinite(quota) && quota >= 0)).toBe(true);
    expect(quotas[0] ?? 0).toBeCloseTo(20 * (a === b ? 0.5 : a > b ? 1 : 0), 6);
  });

  test("a weight that float32 cannot hold is refused", () => {
    const rows = [{ ...example(2), weights: Float32Array.of(1, 1) }];
    for (const lambda of [1e300, 1e10, 1e-10, 5e-324]) {
      expect(() => scaleWeights(rows, [lambda])).toThrow(/weight λ of source 1 is/);
    }
    expect(scaleWeights(rows, [1e6])[0]?.weights).toEqual(Float32Array.of(1e6, 1e6));
  });
});

describe("a damaged state", () => {
  const options: SamplerOptions = {
    lengths: [4, 4, 4],
    sources: [0, 0, 0],
    mixture: { mode: "sampling", lambdas: [1] },
    packing: null,
    buckets: [{ rows: 1, length: 16, supervised: 16 }],
    batchSize: 1,
    accumulation: 1,
    seed: 1,
  };
  const whole: SamplerState = createSampler(options).state();
  const pass = whole.passes[0];
  const states: [string, Partial<SamplerState>][] = [
    ["an epoch below 0", { epoch: -10 }],
    ["an epoch of 1e300", { epoch: 1e300 }],
    ["half an epoch", { epoch: 0.5 }],
    ["no epoch", { epoch: Number.NaN }],
    ["a cursor below 0", { cursor: -1 }],
    ["a cursor of 1e300", { cursor: 1e300 }],
    ["half a cursor", { cursor: 1.5 }],
    ...(pass
      ? ([
          ["a position below 0", { passes: [{ ...pass, position: -1 }] }],
          ["half a position", { passes: [{ ...pass, position: 0.5 }] }],
          ["a pass of 1e300", { passes: [{ ...pass, pass: 1e300 }] }],
        ] satisfies [string, Partial<SamplerState>][])
      : []),
  ];
  test.each(states)("%s", (_, change) => {
    expect(states).toHaveLength(10);
    expect(() => createSampler(options, { ...whole, ...change })).toThrow(/is not a count of rows or epochs/);
  });

  test.each([-10, 1e300, 0.5, Number.NaN])("%d steps drawn", (drawn) => {
    const stages = [{ steps: 3, first: 0, sampler: () => createSampler(options) }];
    expect(() => orderOf(stages, { ...whole, drawn, stages: 1 })).toThrow(/is not a count of steps/);
  });
});
