/**
 * Oracles: an independent sfc32 and splitmix32 in Python with integers reduced modulo 2^32 (golden words), and the
 * moments of the uniform and the normal distribution.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom, type RandomState, shuffle } from "../../../src/tensor/random.ts";

const seeds = fc.integer({ min: 0, max: 0xffffffff });
const word = fc.integer({ min: 0, max: 0xffffffff });
const states: fc.Arbitrary<RandomState> = fc.tuple(word, word, word, word);

const draws = <T>(count: number, draw: () => T) => Array.from({ length: count }, draw);

test.each<[from: string, start: number | RandomState, words: number[]]>([
  ["seed 1", 1, [0x6cf764cf, 0xca5913c5, 0xb0e658c6, 0x862c38f0, 0xf747e6eb, 0xf1bcc746]],
  ["seed 0", 0, [0xfaa9434b, 0xd337dca0, 0x48dc93fd, 0xb5a326c5, 0x17129b34, 0x955f0682]],
  ["the largest seed", 0xffffffff, [0x544414fa, 0x05751cc9, 0xc3a701b3, 0x829405f1, 0xdf6caa1d, 0xe518f2b0]],
  ["a state", [1, 2, 3, 4], [0x7, 0x22, 0x3600060, 0xb421d78]],
])("the first words from %s", (_from, start, words) => {
  const random = createRandom(start);
  expect(draws(words.length, random.next)).toEqual(words.map((value) => value / 2 ** 32));
});

test("a saved state continues the same numbers, uniform and normal", () => {
  fc.assert(
    fc.property(seeds, fc.nat(50), (seed, before) => {
      const random = createRandom(seed);
      draws(before, random.normal);
      const resumed = createRandom(random.state());
      expect(draws(20, resumed.next)).toEqual(draws(20, random.next));
      expect(draws(20, resumed.normal)).toEqual(draws(20, random.normal));
      expect(resumed.state()).toEqual(random.state());
    }),
  );
});

test("a state survives JSON and holds unsigned 32-bit integers", () => {
  fc.assert(
    fc.property(states, (state) => {
      const random = createRandom(state);
      draws(5, random.next);
      const after = random.state();
      expect(after.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
      expect(JSON.parse(JSON.stringify(after))).toEqual(after);
    }),
  );
});

test("below(limit) gives integers in [0, limit)", () => {
  fc.assert(
    fc.property(states, fc.integer({ min: 1, max: 2 ** 31 }), (state, limit) => {
      const random = createRandom(state);
      const values = draws(50, () => random.below(limit));
      expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < limit)).toBe(true);
    }),
  );
});

test("below(limit) reaches each value equally often", () => {
  const random = createRandom(3);
  const counts = new Array<number>(10).fill(0);
  for (const value of draws(100_000, () => random.below(10))) counts[value] = (counts[value] ?? 0) + 1;
  // 5 standard deviations of a count of 100,000 draws with probability 1/10 are 474.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(474);
});

test.each([1, 2, 3])("normal() has mean 0, variance 1 and the tails of a normal distribution (seed %i)", (seed) => {
  const random = createRandom(seed);
  const count = 200_000;
  const values = draws(count, random.normal);
  expect(values.every(Number.isFinite)).toBe(true);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const beyondTwo = values.filter((value) => Math.abs(value) > 2).length / count;
  // Each bound is 5 standard errors: 1/√n, √(2/n) and √(p(1 − p)/n) with p = P(|x| > 2) = 0.0455.
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(count));
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
  expect(Math.abs(beyondTwo - 0.0455)).toBeLessThan(5 * Math.sqrt((0.0455 * 0.9545) / count));
});

test("shuffle gives a permutation, in place, and the same one for the same seed", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), seeds, (items, seed) => {
      const shuffled = [...items];
      expect(shuffle(shuffled, createRandom(seed))).toBe(shuffled);
      expect([...shuffled].sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
      expect(shuffle([...items], createRandom(seed))).toEqual(shuffled);
    }),
  );
});

test("shuffle reaches all orders of three items equally often", () => {
  const random = createRandom(5);
  const counts = new Map<string, number>();
  for (let i = 0; i < 60_000; i++) {
    const order = shuffle([0, 1, 2], random).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  // 5 standard deviations of a count of 60,000 draws with probability 1/6 are 457.
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(457);
});
