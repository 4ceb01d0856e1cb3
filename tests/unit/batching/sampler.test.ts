/** The order of training. Oracle: a plain count of the drawn examples. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TokenizedExample } from "../../../src/batching/batch.ts";
import { chooseBuckets, choosePackedBuckets } from "../../../src/batching/buckets.ts";
import type { MixtureMode } from "../../../src/batching/mixture.ts";
import { createSampler, type Sampler, type SamplerOptions } from "../../../src/batching/sampler.ts";
import { createBatchSource } from "../../../src/training/batchSource.ts";
import { exampleLists, expectedLessons, lessonsOf, originOf } from "../../support/examples.ts";
import { cases } from "../../support/long.ts";
import { oneStage } from "../../support/oneStage.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const modes = fc.constantFrom<MixtureMode>("weight", "sampling");

/** Options for up to four sources, some without rows; `list`: the examples of the indices. */
function settings(mode: fc.Arbitrary<MixtureMode>, mostRows = 30) {
  return fc
    .record({
      list: exampleLists({ minLength: 1, maxLength: mostRows }),
      owner: fc.array(fc.nat({ max: 3 }), { minLength: 30, maxLength: 30 }),
      lambdas: fc.array(fc.double({ min: 0.05, max: 20, noNaN: true }), { minLength: 4, maxLength: 4 }),
      mode,
      packing: fc.option(fc.integer({ min: 100, max: 300 })),
      batchSize: fc.integer({ min: 1, max: 5 }),
      accumulation: fc.integer({ min: 1, max: 3 }),
      seed: fc.integer(),
    })
    .map(({ list, owner, lambdas, mode: chosen, ...rest }) => {
      const examples = list.map((example, i): TokenizedExample => ({ ...example, origin: originOf(i, owner[i]) }));
      const options: SamplerOptions = {
        ...rest,
        lengths: examples.map(({ ids }) => ids.length),
        sources: examples.map(({ origin }) => origin.source),
        mixture: { mode: chosen, lambdas },
        buckets: chooseBuckets(examples, rest.batchSize, { repeats: chosen === "sampling" }),
      };
      return { list: examples, options };
    });
}

/** The steps of the sampler's first epoch. */
const epochOf = (sampler: Sampler) => Array.from({ length: sampler.stepsPerEpoch }, () => sampler.next());

/** Number of draws of each example after each of the first epochs. */
function drawsByEpoch(options: SamplerOptions, epochs: number): number[][] {
  const sampler = createSampler(options);
  const counts = Array.from({ length: options.lengths.length }, () => 0);
  const after: number[][] = [];
  while (after.length < epochs) {
    const { epoch } = sampler.state();
    const step = sampler.next();
    if (sampler.state().epoch > epoch) after.push([...counts]);
    for (const index of step.flat(2)) counts[index] = (counts[index] ?? 0) + 1;
  }
  return after;
}

describe("any order", () => {
  test("steps and batches have the chosen size, and rows fit", () => {
    fc.assert(
      fc.property(settings(modes), ({ options }) => {
        const { lengths, packing, batchSize, accumulation } = options;
        const steps = epochOf(createSampler(options));
        for (const step of steps.slice(0, -1)) expect(step).toHaveLength(accumulation);
        expect(steps.at(-1)).not.toEqual([]);
        const batches = steps.flat();
        expect(batches.filter((batch) => batch.length < batchSize).length).toBeLessThanOrEqual(1);
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(batchSize);
          for (const row of batch) {
            if (packing === null) expect(row).toHaveLength(1);
            else expect(sum(row.map((index) => lengths[index] ?? 0))).toBeLessThanOrEqual(packing);
          }
        }
        expect(batches.flat(2)).toHaveLength(lengths.length);
      }),
      { seed: 9, numRuns: cases(2000) },
    );
  });

  test("resumed from a state in JSON, it draws the batches of the uninterrupted order", () => {
    fc.assert(
      fc.property(settings(modes), fc.nat({ max: 40 }), ({ options }, stop) => {
        const whole = createSampler(options);
        for (let i = 0; i < stop; i++) whole.next();
        const resumed = createSampler(options, JSON.parse(JSON.stringify(whole.state())));
        expect(resumed.state()).toEqual(whole.state());
        for (let i = 0; i < 15; i++) expect(resumed.next()).toEqual(whole.next());
        expect(resumed.state()).toEqual(whole.state());
      }),
      { seed: 10, numRuns: cases(2000) },
    );
  });

  test("packed or not, an epoch's batches supervise the tokens of its draws", () => {
    fc.assert(
      fc.property(settings(modes, 9), ({ list, options }) => {
        const packed = { ...options, packing: options.packing ?? 128 };
        const groups = epochOf(createSampler(packed)).flat(2);
        const { batchSize } = options;
        for (const [given, buckets] of [
          [{ ...options, packing: null }, options.buckets],
          [packed, choosePackedBuckets(list, groups, { batchSize, length: packed.packing })],
        ] as const) {
          const drawn = epochOf(createSampler(given))
            .flat(3)
            .map((index) => list[index] as TokenizedExample);
          const source = createBatchSource(
            list.map((example) => [example]),
            buckets,
            oneStage(given),
          );
          const steps = createSampler(given).stepsPerEpoch;
          const batches = Array.from({ length: steps }, () => source.next()).flat();
          expect(batches.flatMap(lessonsOf).sort()).toEqual(expectedLessons(drawn));
        }
      }),
      { seed: 19, numRuns: cases(2000) },
    );
  });
});

describe("λ as loss weight", () => {
  test("draws every row exactly once per epoch", () => {
    fc.assert(
      fc.property(settings(fc.constant("weight")), ({ options }) => {
        drawsByEpoch(options, 3).forEach((counts, epoch) => {
          expect(counts).toEqual(counts.map(() => epoch + 1));
        });
      }),
      { seed: 20, numRuns: cases(2000) },
    );
  });
});

describe("λ as sampling", () => {
  test("draws from each source its share, within one draw in an epoch and two in a run", () => {
    fc.assert(
      fc.property(settings(fc.constant("sampling")), ({ options }) => {
        const { sources, mixture } = options;
        const rows = sources.length;
        const effective = mixture.lambdas.map((lambda, k) => (Array.from(sources).includes(k) ? lambda : 0));
        let before = effective.map(() => 0);
        drawsByEpoch(options, 8).forEach((counts, epoch) => {
          const bySource = effective.map((_, k) => sum(counts.filter((_count, i) => sources[i] === k)));
          bySource.forEach((count, k) => {
            const exact = (rows * (effective[k] ?? 0)) / sum(effective);
            expect(Math.abs(count - (before[k] ?? 0) - exact)).toBeLessThan(1);
            expect(Math.abs(count - (epoch + 1) * exact)).toBeLessThan(2);
          });
          before = bySource;
        });
      }),
      { seed: 21, numRuns: cases(2000) },
    );
  });

  test("no row is drawn p + 1 times before all rows of its source are drawn p times, also across epochs", () => {
    fc.assert(
      fc.property(settings(fc.constant("sampling")), ({ options }) => {
        for (const counts of drawsByEpoch(options, 4)) {
          for (const k of options.mixture.lambdas.keys()) {
            const own = counts.filter((_, i) => options.sources[i] === k);
            if (own.length > 0) expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
          }
        }
      }),
      { seed: 22, numRuns: cases(2000) },
    );
  });

  test("passes are exact: with three rows and two draws per epoch, three epochs are two passes", () => {
    // With 8 rows and λ 2 : 6, source 0 gets two of the eight draws.
    const options: SamplerOptions = {
      lengths: Array.from({ length: 8 }, () => 10),
      sources: [0, 0, 0, 1, 1, 1, 1, 1],
      mixture: { mode: "sampling", lambdas: [2, 6] },
      packing: null,
      buckets: [{ rows: 1, length: 16, supervised: 16 }],
      batchSize: 1,
      accumulation: 1,
      seed: 5,
    };
    const [first, , third, , , sixth] = drawsByEpoch(options, 6).map((counts) => counts.slice(0, 3));
    expect(sum(first ?? [])).toBe(2);
    expect(third).toEqual([2, 2, 2]);
    expect(sixth).toEqual([4, 4, 4]);
  });

  test("with λ equal to the shares of rows an epoch is one pass over all rows", () => {
    fc.assert(
      fc.property(settings(fc.constant("sampling")), ({ options }) => {
        const { sources, mixture } = options;
        const lambdas = mixture.lambdas.map((_, k) => Array.from(sources).filter((source) => source === k).length || 1);
        const equal = { ...options, mixture: { ...mixture, lambdas: lambdas.map((count) => count / sources.length) } };
        drawsByEpoch(equal, 2).forEach((counts, epoch) => {
          expect(counts).toEqual(counts.map(() => epoch + 1));
        });
      }),
      { seed: 23, numRuns: cases(2000) },
    );
  });
});

const forty: SamplerOptions = {
  lengths: Array.from({ length: 40 }, (_, i) => 10 + i),
  sources: new Int32Array(40),
  mixture: { mode: "weight", lambdas: [1] },
  packing: null,
  buckets: [{ rows: 2, length: 64, supervised: 16 }],
  batchSize: 2,
  accumulation: 1,
  seed: 1,
};

describe("the seed", () => {
  test.each([
    ["weight", null],
    ["weight", 64],
    ["sampling", null],
    ["sampling", 64],
  ] as const)("decides the order (%s, packed to %s), and every epoch has another", (mode, packing) => {
    const options = { ...forty, packing, mixture: { mode, lambdas: [1] } };
    const first = createSampler(options);
    const [a, b] = [epochOf(first), first.next()];
    expect(epochOf(createSampler(options))).toEqual(a);
    expect(b).not.toEqual(a[0]);
    expect(epochOf(createSampler({ ...options, seed: 2 }))).not.toEqual(a);
  });

  test("draws one source in the order of the older version with one source", () => {
    const options: SamplerOptions = {
      lengths: [9, 20, 8, 33, 12, 40, 5],
      sources: new Int32Array(7),
      mixture: { mode: "weight", lambdas: [1] },
      packing: null,
      buckets: [16, 48].map((length) => ({ rows: 2, length, supervised: 16 })),
      batchSize: 2,
      accumulation: 2,
      seed: 3,
    };
    // Recorded from the older version.
    expect(createSampler(options).next()).toEqual([
      [[5], [1]],
      [[6], [2]],
    ]);
  });
});

test("rows of one batch share a bucket, except leftover rows", () => {
  const buckets = [16, 32, 64].map((length) => ({ rows: 2, length, supervised: 16 }));
  const bucketOf = (index: number) => buckets.findIndex(({ length }) => length >= 10 + index);
  const mixed = epochOf(createSampler({ ...forty, buckets, seed: 3 }))
    .flat()
    .filter((batch) => new Set(batch.flat().map(bucketOf)).size > 1);
  expect(mixed.length).toBeLessThanOrEqual(2);
});

test("a packed order stays random: neighbours in a row are not neighbours in the file", () => {
  const rows = 10_000;
  const options: SamplerOptions = {
    ...forty,
    lengths: Array.from({ length: rows }, (_, i) => 20 + ((i * 7919) % 300)),
    sources: new Int32Array(rows),
    packing: 512,
    batchSize: 4,
  };
  const groups = epochOf(createSampler(options)).flat(2);
  const pairs = groups.flatMap((group) => group.slice(1).map((index, i) => Math.abs(index - (group[i] ?? 0))));
  // The mean distance of two uniform draws from n is n/3.
  const mean = sum(pairs) / pairs.length;
  expect(mean).toBeGreaterThan(0.3 * rows);
  expect(mean).toBeLessThan(0.37 * rows);
  const tokens = sum(Array.from(options.lengths));
  expect(tokens / (groups.length * 512)).toBeGreaterThan(0.98);
});

test("names the fault of wrong options", () => {
  const two = (lambdas: number[]) => ({ ...forty, mixture: { mode: "sampling" as const, lambdas } });
  expect(() => createSampler({ ...forty, lengths: [], sources: [] })).toThrow(/no row/);
  expect(() => createSampler({ ...forty, lengths: [65], sources: [0] })).toThrow(/No bucket fits 65/);
  expect(() => createSampler({ ...forty, packing: 48 })).toThrow(
    /packed row of 48 tokens does not fit an example of 49/,
  );
  expect(() => createSampler({ ...forty, lengths: [9], sources: [1] })).toThrow(/Example 1 is from source 2/);
  for (const bad of [0, -2, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => createSampler(two([1, bad]))).toThrow(`The weight λ of source 2 is ${bad}`);
  }
  const state = createSampler(two([1])).state();
  expect(() => createSampler(two([1]), { ...state, cursor: 99 })).toThrow(/Has the data changed/);
  expect(() => createSampler(two([1, 1]), state)).toThrow(/had this number of sources: 1, but the run has 2/);
  const [pass] = state.passes;
  const beyond = { ...state, passes: [{ pass: 0, random: state.random, ...pass, position: 41 }] };
  expect(() => createSampler(two([1]), beyond)).toThrow(/row 41 of source 1: it has 40/);
});
