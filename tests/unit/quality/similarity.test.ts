/** Sketches and their index. Oracle: the exact Jaccard similarity of the sets. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countWords,
  fillSketch,
  NearIndex,
  nearEnough,
  shingles,
  similarity,
  sketchWidth,
} from "../../../src/quality/similarity.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { cases } from "../../support/long.ts";

/** Oracle: shared members divided by all members. */
function jaccard(a: readonly number[], b: readonly number[]): number {
  const [first, second] = [new Set(a), new Set(b)];
  const shared = [...first].filter((member) => second.has(member)).length;
  return shared / (first.size + second.size - shared);
}

function sketchesOf(sets: readonly ArrayLike<number>[]): Uint8Array {
  const sketches = new Uint8Array(sets.length * sketchWidth);
  for (const [i, set] of sets.entries()) fillSketch(sketches.subarray(i * sketchWidth, (i + 1) * sketchWidth), set);
  return sketches;
}

/** Two sets of hashes with `all` members together and `shared` in both. */
function pairOf(shared: number, all: number, seed: number): [number[], number[]] {
  const random = createRandom(seed);
  const members = Array.from({ length: all }, () => random.below(2 ** 32) | 0);
  const both = members.slice(0, shared);
  const middle = shared + ((all - shared) >> 1);
  return [both.concat(members.slice(shared, middle)), both.concat(members.slice(middle))];
}

describe("a sketch", () => {
  test("estimates the Jaccard similarity within five standard deviations, for sets of any size", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (all, share, seed) => {
          const [a, b] = pairOf(Math.round(share * all), all, seed);
          fc.pre(a.length > 0 && b.length > 0);
          const exact = jaccard(a, b);
          const deviation = Math.sqrt((exact * (1 - exact)) / sketchWidth + 1 / 256 / sketchWidth);
          expect(Math.abs(similarity(sketchesOf([a, b]), 0, 1) - exact)).toBeLessThanOrEqual(5 * deviation + 0.005);
        },
      ),
      { seed: 11, numRuns: cases(2000) },
    );
  });

  test("has no bias: the mean of 400 pairs of similarity 0.6 is 0.6 ± 0.01", () => {
    const estimates = Array.from({ length: 400 }, (_, seed) => similarity(sketchesOf(pairOf(60, 100, seed)), 0, 1));
    expect(estimates.reduce((a, b) => a + b, 0) / 400).toBeCloseTo(0.6, 1.7);
  });

  test("depends only on the set, not on order or repeats; the empty set has no sketch", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 50 }), (set) => {
        const sketches = sketchesOf([set, [...set].reverse().concat(set)]);
        expect(similarity(sketches, 0, 1)).toBe(1);
      }),
      { seed: 12, numRuns: cases(2000) },
    );
    expect(fillSketch(new Uint8Array(sketchWidth), [])).toBe(false);
  });
});

/** The share of pairs of this similarity that the index reports; all in one index, so that few rows collide by chance. */
function reported(exact: number, count: number): number {
  const pairs = Array.from({ length: count }, (_, i) => pairOf(Math.round(exact * 200), 200, 1000 * exact + i));
  const index = new NearIndex(sketchesOf([...pairs.map(([a]) => a), ...pairs.map(([, b]) => b)]));
  for (let i = 0; i < count; i++) index.add(i);
  return pairs.filter((_, i) => index.find(count + i, () => true) === i).length / count;
}

describe("the index", () => {
  // Expected: 1 − (1 − J⁶)²¹ (the pair is compared) times the probability of an estimate ≥ 0.8.
  test.each([
    [0.5, 0, 0],
    [0.6, 0, 0.005],
    [0.7, 0, 0.03],
    [0.8, 0.4, 0.6],
    [0.85, 0.9, 0.99],
    [0.9, 0.998, 1],
    [0.97, 1, 1],
  ])("reports pairs of similarity %d with a probability from %d to %d", (exact, least, most) => {
    const share = reported(exact, 500);
    expect(share).toBeGreaterThanOrEqual(least);
    expect(share).toBeLessThanOrEqual(most);
  });

  test("compares a row with few others, even if many are equal", () => {
    const many = 5000;
    const index = new NearIndex(sketchesOf(Array.from({ length: many + 1 }, () => [1, 2, 3, 4])));
    for (let i = 0; i < many; i++) index.add(i);
    let compared = 0;
    const nobody = () => {
      compared++;
      return false;
    };
    expect(index.find(many, nobody)).toBe(-1);
    expect(compared).toBeLessThanOrEqual(21 * 16);
    expect(index.find(many, () => true)).toBeGreaterThanOrEqual(0);
  });

  test("reports no pair among 3,000 texts of random words", () => {
    const random = createRandom(5);
    const texts = Array.from({ length: 3000 }, () => [
      Array.from({ length: 40 }, () => `w${random.below(500)}`).join(" "),
    ]);
    const index = new NearIndex(sketchesOf(texts.map((text) => shingles(text).slice())));
    for (let i = 0; i < texts.length; i++) {
      expect(index.find(i, () => true)).toBe(-1);
      index.add(i);
    }
  });
});

describe("words", () => {
  test.each([
    ["", 0],
    ["  \n", 0],
    ["one", 1],
    ["Don't stop, now!", 4],
    ["3 + 4 = 7", 5],
    ["naïve Übergröße", 2],
    ["我喜欢茶。", 4],
    ["สวัสดี", 6],
    ["“quoted” — dash", 2],
  ])("%j has %d", (text, count) => {
    expect(countWords(text)).toBe(count);
  });

  const hashes = (texts: readonly string[]) => [...shingles(texts)];

  test("shingles are sequences of three words, also across texts; case and punctuation do not count", () => {
    const words = "the quick brown fox jumps";
    expect(hashes([words])).toHaveLength(3);
    expect(hashes(["The quick,", "BROWN fox -", "jumps!"].map((text) => text.replace(" -", "")))).toEqual(
      hashes([words]),
    );
    expect(hashes(["the quick brown", "fox jumps"])).toEqual(hashes([words]));
    expect(new Set([hashes(["a b"]), hashes(["b a"]), hashes(["a"]), hashes(["b"])].flat()).size).toBe(4);
    expect(hashes([" . "])).toEqual([]);
    expect(hashes(["What is 3 + 4?"])).not.toEqual(hashes(["What is 3 - 4?"]));
  });

  test("texts stay near with one of thirty words changed, not with one of ten. Oracle: the exact similarity", () => {
    const text = (count: number) => Array.from({ length: count }, (_, i) => `word${i}`);
    const changed = (count: number) => text(count).with(count >> 1, "other");
    const exact = (count: number) => jaccard(hashes([text(count).join(" ")]), hashes([changed(count).join(" ")]));
    expect(exact(30)).toBeGreaterThanOrEqual(nearEnough);
    expect(exact(10)).toBeLessThan(nearEnough);
  });
});
