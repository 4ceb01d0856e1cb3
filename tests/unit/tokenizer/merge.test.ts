/** Byte-pair merging; oracle: the definition, which searches all pairs for the best one again after each merge. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeSymbols } from "../../../src/tokenizer/merge.ts";
import { MergeTable } from "../../../src/tokenizer/mergeTable.ts";
import { cases } from "../../support/long.ts";

type Merge = readonly [left: number, right: number, merged: number];

function tableOf(merges: readonly Merge[]): MergeTable {
  const table = new MergeTable(merges.length);
  merges.forEach(([left, right, merged], rank) => {
    table.set(left, right, rank, merged);
  });
  return table;
}

/** Of two merges with the same pair the last counts. */
function byDefinition(symbols: readonly number[], merges: readonly Merge[]): number[] {
  const known = new Map(merges.map(([left, right, merged], rank) => [`${left},${right}`, { rank, merged }]));
  let ids = [...symbols];
  for (;;) {
    const found = ids
      .slice(1)
      .map((right, at) => ({ at, ...known.get(`${ids[at]},${right}`) }))
      .filter(({ rank }) => rank !== undefined)
      .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0) || a.at - b.at);
    const [best] = found;
    if (!best) return ids;
    ids = [...ids.slice(0, best.at), best.merged ?? -1, ...ids.slice(best.at + 2)];
  }
}

/** Merges as a file may have them: each makes a new token, or one that an earlier merge made. */
const merges = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { maxLength: 30 }).map((choices) => {
  const list: Merge[] = [];
  let next = 4;
  for (const [left, right, again] of choices)
    list.push([left % next, right % next, again && next > 4 ? 4 + (left % (next - 4)) : next++]);
  return list;
});

test("any symbols and merges", () => {
  let merged = 0;
  fc.assert(
    fc.property(merges, fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 24 }), (list, symbols) => {
      const expected = byDefinition(symbols, list);
      expect(mergeSymbols([...symbols], tableOf(list))).toEqual(expected);
      if (expected.length < symbols.length) merged++;
    }),
    { seed: 16, numRuns: cases(3000) },
  );
  expect(merged).toBeGreaterThan(cases(500));
});

describe("by hand", () => {
  test("the lowest rank first, of equal ones the leftmost", () => {
    const table = tableOf([
      [1, 2, 5],
      [0, 1, 6],
      [0, 0, 7],
    ]);
    expect(mergeSymbols([0, 1, 2], table)).toEqual([0, 5]);
    expect(mergeSymbols([0, 0, 0], table)).toEqual([7, 0]);
    expect(mergeSymbols([0, 1, 0, 1, 2], table)).toEqual([6, 0, 5]);
  });

  test("nothing to merge", () => {
    expect(mergeSymbols([], tableOf([]))).toEqual([]);
    expect(mergeSymbols([3], tableOf([]))).toEqual([3]);
    expect(mergeSymbols([-1, -1], tableOf([[0, 0, 4]]))).toEqual([-1, -1]);
  });

  test("a million equal symbols take seconds at most", () => {
    const table = tableOf(Array.from({ length: 16 }, (_, i): Merge => [i, i, i + 1]));
    expect(mergeSymbols(new Array<number>(2 ** 20).fill(0), table)).toEqual(new Array<number>(16).fill(16));
  }, 20_000);
});

test("a full table finds each of its pairs, and no other", () => {
  const count = 20_000;
  const pairs = Array.from({ length: count }, (_, i): Merge => [(i * 7919) % 262_144, (i * 104_729) % 262_144, i]);
  const table = tableOf(pairs);
  const last = new Map(pairs.map(([left, right], i) => [`${left},${right}`, i]));
  for (const [left, right] of pairs) {
    const found = table.find(left, right);
    expect(table.rank(found)).toBe(last.get(`${left},${right}`));
    expect(table.merged(found)).toBe(last.get(`${left},${right}`));
  }
  expect(table.find(262_143, 262_142)).toBe(-1);
});
