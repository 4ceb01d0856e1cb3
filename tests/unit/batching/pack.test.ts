/** Best-fit packing. Oracles: plain best-fit and next-fit, and the definition of a packing. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packExamples, packingEfficiency } from "../../../src/batching/pack.ts";
import { cases } from "../../support/long.ts";

const instances = fc
  .integer({ min: 1, max: 130 })
  .chain((length) => fc.tuple(fc.array(fc.integer({ min: 1, max: length }), { maxLength: 60 }), fc.constant(length)));

const descending = (lengths: readonly number[]) =>
  lengths.map((_, i) => i).sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
const filled = (group: readonly number[], lengths: readonly number[]) =>
  group.reduce((sum, index) => sum + (lengths[index] ?? 0), 0);

/** Oracle: best-fit decreasing with a search of all rows. */
function plainBestFit(lengths: readonly number[], length: number): number[] {
  const rooms: number[] = [];
  for (const index of descending(lengths)) {
    const size = lengths[index] ?? 0;
    let best = -1;
    rooms.forEach((room, row) => {
      if (room >= size && (best < 0 || room < (rooms[best] ?? 0))) best = row;
    });
    if (best < 0) rooms.push(length - size);
    else rooms[best] = (rooms[best] ?? 0) - size;
  }
  return rooms;
}

function nextFitRows(lengths: readonly number[], length: number): number {
  let rows = 0;
  let room = -1;
  for (const index of descending(lengths)) {
    const size = lengths[index] ?? 0;
    if (size > room) {
      rows++;
      room = length;
    }
    room -= size;
  }
  return rows;
}

describe("packing", () => {
  test("puts every example into one row within its length, always in the same way", () => {
    fc.assert(
      fc.property(instances, ([lengths, length]) => {
        const groups = packExamples(lengths, length);
        expect(groups.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const group of groups) {
          expect(group.length).toBeGreaterThan(0);
          expect(filled(group, lengths)).toBeLessThanOrEqual(length);
        }
        expect(packExamples(Int32Array.from(lengths), length)).toEqual(groups);
        const tokens = lengths.reduce((a, b) => a + b, 0);
        expect(packingEfficiency(groups, lengths, length) * Math.max(1, groups.length) * length).toBeCloseTo(
          groups.length === 0 ? length : tokens,
        );
      }),
      { seed: 14, numRuns: cases(2000) },
    );
  });

  test("leaves the same room as best-fit decreasing: no two rows fit in one, and no more rows than next-fit", () => {
    fc.assert(
      fc.property(instances, ([lengths, length]) => {
        const groups = packExamples(lengths, length);
        const sums = groups.map((group) => filled(group, lengths)).sort((a, b) => a - b);
        const rooms = plainBestFit(lengths, length);
        expect(sums).toEqual(rooms.map((room) => length - room).sort((a, b) => a - b));
        expect(groups.length).toBeLessThanOrEqual(nextFitRows(lengths, length));
        if (sums.length > 1) expect((sums[0] ?? 0) + (sums[1] ?? 0)).toBeGreaterThan(length);
      }),
      { seed: 15, numRuns: cases(2000) },
    );
  });

  test("many examples with lengths like a dataset's fill their rows", () => {
    const lengths = Array.from({ length: 20_000 }, (_, i) => 20 + ((i * 7919) % 560));
    const groups = packExamples(lengths, 1024);
    expect(packingEfficiency(groups, lengths, 1024)).toBeGreaterThan(0.99);
  });

  test("an example longer than a row is refused with its number", () => {
    expect(() => packExamples([3, 17], 16)).toThrow("Example 2 has 17 tokens, but a packed row has 16");
  });
});
