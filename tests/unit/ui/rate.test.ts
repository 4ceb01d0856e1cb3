/** The speed of a fetch. Oracle: lines of a known speed. */

import { expect, test } from "vitest";
import { rateOf, type Seen, withSeen } from "../../../src/ui/model/rate.ts";

const line = (bytesPerSecond: number, every: number, count: number, from: Seen = { at: 0, done: 0 }): Seen[] =>
  Array.from({ length: count }, (_, i) => ({
    at: from.at + i * every,
    done: from.done + (bytesPerSecond * i * every) / 1000,
  }));

const watch = (seen: readonly Seen[]) => seen.reduce<Seen[]>((before, next) => withSeen(before, next), []);

test.each([
  ["a steady line", line(2e6, 100, 80), 2e6],
  ["a slow line, told of every ten seconds", line(1e5, 10_000, 5), 1e5],
  [
    "one that became faster: what is long ago does not count",
    [...line(1e5, 100, 50), ...line(4e6, 100, 100, { at: 5000, done: 5e5 })],
    4e6,
  ],
  ["nothing yet", [], null],
  ["one moment", line(1e6, 100, 2), null],
  ["a line that stands still", line(0, 200, 40), 0],
  ["what was kept before it began", line(1e6, 100, 60, { at: 0, done: 9e7 }), 1e6],
])("%s", (_what, seen, expected) => {
  const rate = rateOf(watch(seen));
  if (expected === null) expect(rate).toBe(null);
  else expect(rate).toBeCloseTo(expected, 3);
});

test("another fetch begins anew, and no more is kept than is needed", () => {
  const seen = watch([...line(1e6, 100, 200), { at: 20_000, done: 0 }]);
  expect(seen).toEqual([{ at: 20_000, done: 0 }]);
  expect(watch(line(1e6, 100, 500)).length).toBeLessThan(60);
});
