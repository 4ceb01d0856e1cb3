/** The shapes of batches. Oracles: batches as full as possible, and every other choice of lengths. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeBatch, packBatch, type TokenizedExample } from "../../../src/batching/batch.ts";
import { bucketFor, chooseBuckets, choosePackedBuckets } from "../../../src/batching/buckets.ts";
import { packExamples } from "../../../src/batching/pack.ts";
import { exampleLists, makeExample, supervisedOf } from "../../support/examples.ts";
import { cases } from "../../support/long.ts";

const supervisedIn = (list: readonly TokenizedExample[]) =>
  list.reduce((sum, example) => sum + supervisedOf(example), 0);
const lists = exampleLists({ minLength: 1, maxLength: 40 });

test("a bucket of more positions is chosen where a shorter one has too few rows", () => {
  // Chats of one stage, and the pairs of answers of another.
  const buckets = [
    { rows: 2, length: 48, supervised: 64 },
    { rows: 4, length: 32, supervised: 64 },
    { rows: 4, length: 96, supervised: 64 },
  ];
  const rows = (count: number, length: number) => Array.from({ length: count }, (_, i) => [makeExample(i, length, 1)]);
  expect(bucketFor(buckets, rows(2, 20))).toBe(buckets[0]);
  expect(bucketFor(buckets, rows(3, 20))).toBe(buckets[1]);
  expect(bucketFor(buckets, rows(4, 40))).toBe(buckets[2]);
  expect(() => bucketFor(buckets, rows(5, 20))).toThrow("No bucket fits 5 rows of at most 20 tokens");
});

describe("buckets of unpacked rows", () => {
  test("any batch of rows fits its bucket; at most four, ascending, in steps of 16", () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 8 }), (list, size) => {
        const buckets = chooseBuckets(list, size, { repeats: false });
        expect(buckets.length).toBeLessThanOrEqual(4);
        buckets.forEach((bucket, i) => {
          expect(bucket.length).toBeGreaterThan(buckets[i - 1]?.length ?? 0);
          expect([bucket.length % 16, bucket.supervised % 16, bucket.rows]).toEqual([0, 0, size]);
          const fitting = list.filter(({ ids }) => ids.length <= bucket.length);
          const fullest = fitting.sort((a, b) => supervisedOf(b) - supervisedOf(a)).slice(0, size);
          const need = supervisedIn(fullest);
          expect(bucket.supervised).toBe(Math.max(16, Math.ceil(need / 16) * 16));
          expect(makeBatch(fullest, bucket).supervised).toBe(need);
        });
        const longest = Math.max(...list.map(({ ids }) => ids.length));
        expect(buckets.at(-1)?.length).toBe(Math.ceil(longest / 16) * 16);
      }),
      { seed: 7, numRuns: cases(2000) },
    );
  });

  test("with repeats, a batch of one repeated example also fits", () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 8 }), fc.nat(), (list, size, at) => {
        const buckets = chooseBuckets(list, size, { repeats: true });
        const rows = Array.from({ length: size }, () => [list[at % list.length] as TokenizedExample]);
        const bucket = bucketFor(buckets, rows);
        expect(packBatch(rows, bucket).tokens).toBe(size * (rows[0]?.[0]?.ids.length ?? 0));
      }),
      { seed: 12, numRuns: cases(2000) },
    );
  });

  test("they pad no more than any other choice of up to four lengths, within 5 % per bucket", () => {
    const padded = (lengths: readonly number[], ends: readonly number[]) =>
      lengths.reduce((sum, length) => sum + (ends.find((end) => end >= length) ?? Infinity), 0);
    const subsets = (items: readonly number[]): number[][] =>
      items.reduce<number[][]>((all, item) => all.concat(all.map((set) => set.concat(item))), [[]]);
    const choices = subsets([16, 32, 48, 64, 80, 96, 112]).filter((set) => set.length <= 4);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 }), (lengths) => {
        const list = lengths.map((length, row) => makeExample(row, length, 1));
        const ends = chooseBuckets(list, 4, { repeats: false }).map(({ length }) => length);
        const least = Math.min(...choices.map((set) => padded(lengths, set)));
        // Up to three buckets may be missing if each saves less than 5 %.
        expect(padded(lengths, ends) * 0.95 ** 3).toBeLessThanOrEqual(least);
      }),
      { seed: 8, numRuns: cases(2000) },
    );
  });

  test("equal lengths need one bucket", () => {
    const list = Array.from({ length: 9 }, (_, row) => makeExample(row, 20, 3));
    const buckets = chooseBuckets(list, 4, { repeats: false });
    expect(buckets).toEqual([{ rows: 4, length: 32, supervised: 16 }]);
    expect(() => bucketFor(buckets, [[makeExample(0, 33, 1)]])).toThrow(
      "No bucket fits 1 rows of at most 33 tokens with 1 supervised ones in the batch; the largest has room for 4, 32 and 16.",
    );
  });
});

describe("buckets of packed rows", () => {
  test("fit the fullest groups in the first shape, and any grouping in the last", () => {
    const sizes = fc.record({ size: fc.integer({ min: 1, max: 6 }), more: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(lists, sizes, fc.nat(), (list, { size, more }, turn) => {
        const lengths = list.map(({ ids }) => ids.length);
        const length = Math.max(...lengths) + more;
        const groups = packExamples(lengths, length);
        const buckets = choosePackedBuckets(list, groups, { batchSize: size, length });
        const counts = groups.map((group) => supervisedIn(group.map((index) => list[index] as TokenizedExample)));
        const fullest = counts.sort((a, b) => b - a).slice(0, size);
        const need = fullest.reduce((a, b) => a + b, 0);
        expect(buckets[0]?.supervised).toBeGreaterThanOrEqual(need);
        if (buckets.length === 2) expect(buckets[0]?.supervised).toBe(Math.max(16, Math.ceil(need / 16) * 16));
        expect(new Set(buckets.map((bucket) => bucket.length))).toEqual(new Set([Math.ceil(length / 16) * 16]));

        // The worst row: the densest example as often as it fits, then any other.
        const dense = [...list].sort((a, b) => supervisedOf(b) / b.ids.length - supervisedOf(a) / a.ids.length);
        const worst = dense[turn % dense.length] as TokenizedExample;
        const row = Array.from({ length: Math.floor(length / worst.ids.length) }, () => worst);
        let room = length - row.length * worst.ids.length;
        for (const example of dense) {
          if (example.ids.length > room) continue;
          row.push(example);
          room -= example.ids.length;
        }
        const rows = Array.from({ length: size }, () => row);
        expect(packBatch(rows, bucketFor(buckets, rows)).tokens).toBe(size * (length - room));
      }),
      { seed: 13, numRuns: cases(2000) },
    );
  });

  test("use the second shape only if the first has no room", () => {
    const list = [makeExample(0, 16, 15), ...Array.from({ length: 15 }, (_, row) => makeExample(row + 1, 16, 1))];
    const groups = Array.from({ length: 4 }, (_, i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]);
    const buckets = choosePackedBuckets(list, groups, { batchSize: 2, length: 64 });
    expect(buckets).toEqual([
      { rows: 2, length: 64, supervised: 32 },
      { rows: 2, length: 64, supervised: 128 },
    ]);
    const at = (indices: number[]) => indices.map((index) => list[index] as TokenizedExample);
    expect(bucketFor(buckets, groups.slice(0, 2).map(at))).toBe(buckets[0]);
    expect(bucketFor(buckets, [at([0, 0, 0, 0]), at([1])])).toBe(buckets[1]);
  });
});
