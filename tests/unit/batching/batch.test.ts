/** Micro-batches. Oracle: a plain recount of the input. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeOrigin, makeBatch, packBatch, type TokenizedExample } from "../../../src/batching/batch.ts";
import { exampleLists, expectedLessons, lessonsOf, makeExample } from "../../support/examples.ts";
import { cases } from "../../support/long.ts";

describe("a batch", () => {
  test("supervises exactly the tokens of its examples, packed or not", () => {
    fc.assert(
      fc.property(exampleLists({ minLength: 1, maxLength: 6 }), (list) => {
        const total = list.reduce((sum, { ids }) => sum + ids.length, 0);
        const apart = makeBatch(list, { rows: 7, length: 100, supervised: 400 });
        const packed = packBatch([list], { rows: 2, length: total + 3, supervised: 400 });
        const expected = expectedLessons(list);
        const weight = list.reduce(
          (sum, { mask, weights }) => sum + weights.reduce((a, b, i) => (mask[i] === 1 ? a + b : a), 0),
          0,
        );
        for (const batch of [apart, packed]) {
          expect(lessonsOf(batch)).toEqual(expected);
          expect(batch.denominator).toBe(weight);
          expect(batch.lossWeights.reduce((a, b) => a + b, 0)).toBe(weight);
          expect(batch.supervised).toBe(expected.length);
          expect(batch.tokens).toBe(total);
          expect(batch.segmentIds.filter((segment) => segment > 0)).toHaveLength(total);
          expect(batch.origins).toEqual(list.map(({ origin }) => origin));
        }
      }),
      { seed: 6, numRuns: cases(2000) },
    );
  });

  test("has tokens, segments, positions and padding as the contract defines", () => {
    const groups = [[makeExample(0, 2, 1), makeExample(1, 3, 1)], [makeExample(2, 1, 0, 1)]];
    const batch = packBatch(groups, { rows: 3, length: 6, supervised: 4 });
    expect([...batch.inputIds]).toEqual([1000, 1001, 2000, 2001, 2002, 0, 3000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...batch.segmentIds]).toEqual([1, 1, 2, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...batch.positionIds]).toEqual([0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...batch.supervisedIndex]).toEqual([0, 3, 0, 0]);
    expect([...batch.targets]).toEqual([1001, 2002, 0, 0]);
    expect([...batch.lossWeights]).toEqual([0.5, 2, 0, 0]);
    expect([batch.supervised, batch.denominator]).toEqual([2, 2.5]);
    expect(batch.origins.map(describeOrigin)).toEqual([
      "alpaca.json line 2 (row 1)",
      "alpaca.json line 5 (row 2)",
      "chats.jsonl line 8 (row 3)",
    ]);
  });

  test("supervises by the mask only: also with fractional, zero and negative weights, and never without the mask", () => {
    const example = {
      ...makeExample(0, 6, 4),
      mask: Uint8Array.of(0, 0, 1, 1, 1, 0),
      weights: Float32Array.of(Number.NaN, 5, 0.25, 0, -1.5, 7),
    };
    const batch = makeBatch([example], { rows: 1, length: 8, supervised: 4 });
    expect(batch.supervised).toBe(3);
    expect([...batch.targets]).toEqual([1002, 1003, 1004, 0]);
    expect([...batch.lossWeights]).toEqual([0.25, 0, -1.5, 0]);
  });

  const shape = { rows: 1, length: 16, supervised: 4 };
  const first = { ...makeExample(7, 2, 1, 1), mask: Uint8Array.of(1, 1) };
  test.each<[string, TokenizedExample[], RegExp]>([
    ["too many rows", [makeExample(0, 1, 0), makeExample(1, 1, 0)], /2 rows do not fit a batch of 1/],
    [
      "too many tokens",
      [makeExample(0, 17, 0)],
      /^alpaca\.json line 2 \(row 1\): token 17 does not fit a length of 16/,
    ],
    [
      "too many supervised tokens",
      [makeExample(0, 16, 5)],
      /^alpaca\.json line 2 \(row 1\): the batch has more than 4 supervised tokens, its limit\./,
    ],
    ["a supervised first token", [first], /^chats\.jsonl line 23 \(row 8\): its first token is supervised/],
  ])("refuses %s", (_, list, message) => {
    expect(() => makeBatch(list, shape)).toThrow(message);
  });
});
