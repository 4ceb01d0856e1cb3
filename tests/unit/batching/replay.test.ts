/** General text among the draws of a stage. Oracle: a plain sum of the weights of what was drawn. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TokenizedExample } from "../../../src/batching/batch.ts";
import { chooseBuckets } from "../../../src/batching/buckets.ts";
import { epochWeight, replayQuota, weightIn } from "../../../src/batching/replay.ts";
import { createSampler, type SamplerOptions } from "../../../src/batching/sampler.ts";
import { makeExample } from "../../support/examples.ts";
import { cases } from "../../support/long.ts";

const task = Array.from({ length: 24 }, (_, i) => makeExample(i, 10 + (i % 7), 3 + (i % 4), i % 2));
const general = Array.from({ length: 9 }, (_, i) => makeExample(i, 30 + i, 29 + i, 2));
const all = [...task, ...general];
const mean = general.reduce((sum, example) => sum + weightIn(example), 0) / general.length;

function options(share: number, mode: "weight" | "sampling", packing: number | null): SamplerOptions {
  const mixture = { mode, lambdas: [1, 3, 1] };
  const quota = replayQuota(share, epochWeight(task, mixture), mean);
  return {
    lengths: all.map(({ ids }) => ids.length),
    sources: all.map(({ origin }) => origin.source),
    mixture,
    packing,
    buckets: chooseBuckets(all, 4, { repeats: true }),
    batchSize: 4,
    accumulation: 2,
    seed: 5,
    replay: { first: task.length, quota },
  };
}

/** The examples that are drawn in whole epochs. */
function drawn(settings: SamplerOptions, epochs: number): TokenizedExample[] {
  const sampler = createSampler(settings);
  const found: TokenizedExample[] = [];
  for (;;) {
    const step = sampler.next();
    if (sampler.state().epoch >= epochs) return found;
    found.push(...step.flat(2).map((index) => all[index] as TokenizedExample));
  }
}

const isGeneral = ({ origin }: TokenizedExample) => origin.source === 2;
const weightOf = (examples: readonly TokenizedExample[]) =>
  examples.reduce((sum, example) => sum + weightIn(example), 0);

describe.each(["weight", "sampling"] as const)("replay in the mixture %s", (mode) => {
  test.each([0, 0.01, 0.1, 0.5])("has the share %f of the loss weight", (share) => {
    for (const packing of [null, 64]) {
      const epochs = 60;
      const found = drawn(options(share, mode, packing), epochs);
      const replayed = found.filter(isGeneral);
      const whole = weightOf(found);
      // The draws are within one of the exact number, and rows differ in length by at most 9 tokens.
      expect(Math.abs(weightOf(replayed) / whole - share)).toBeLessThan((mean + 9 * general.length) / whole);
      if (share === 0) expect(replayed).toEqual([]);
      // The task is drawn as without replay.
      expect(found.length - replayed.length).toBe(epochs * task.length);
    }
  });

  test("draws the rows of general text equally often", () => {
    const rows = drawn(options(0.5, mode, null), 20).filter(isGeneral);
    const counts = general.map(({ origin }) => rows.filter((example) => example.origin.row === origin.row).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(2);
  });

  test("continues exactly from every state", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.9, noNaN: true }), fc.nat({ max: 40 }), (share, steps) => {
        const settings = options(share, mode, null);
        const whole = createSampler(settings);
        for (let i = 0; i < steps; i++) whole.next();
        const resumed = createSampler(settings, JSON.parse(JSON.stringify(whole.state())));
        for (let i = 0; i < 12; i++) expect(resumed.next()).toEqual(whole.next());
      }),
      { numRuns: cases(30) },
    );
  });

  test("refuses the state of an order without it", () => {
    const { replay: _, ...without } = options(0.1, mode, null);
    const plain = { ...without, lengths: Array.from(without.lengths).slice(0, task.length) };
    const state = createSampler(plain).state();
    expect(() => createSampler(options(0.1, mode, null), state)).toThrow(/had this number of sources/);
  });
});

test("the quota of half the weight draws as much general text as the task has", () => {
  expect(replayQuota(0.5, 300, 10)).toBe(30);
  expect(replayQuota(0, 300, 10)).toBe(0);
  expect(epochWeight(task, { mode: "weight", lambdas: [1, 1] })).toBe(weightOf(task));
});
