/** Repetitive texts: their sketches take linear time and depend only on the distinct shingles. */

import { describe, expect, test } from "vitest";
import { createRepeats } from "../../../src/quality/repeats.ts";
import { fillSketch, shingles, sketchWidth } from "../../../src/quality/similarity.ts";
import { cpuTime } from "../../support/cpuTime.ts";

const longestWait = 10_000;

describe("a repetitive text", () => {
  const count = 300_000;
  const units = ["a ", "a b ", "a b c ", "字", "- ", "1 2 3 4 5 ", "É ", "\u{1f600} ", "word\n", "a b c d e f g "];
  test.each(units)("%j", (unit) => {
    const text = unit.repeat(count);
    const [long, short] = [new Uint8Array(sketchWidth), new Uint8Array(sketchWidth)];
    const began = cpuTime();
    expect(fillSketch(long, shingles([text]))).toBe(true);
    expect(cpuTime() - began).toBeLessThan(longestWait);
    // Repeats do not count: a few repeats of the unit have all sequences of three words.
    fillSketch(short, shingles([unit.repeat(12)]));
    expect(long).toEqual(short);
  });
});

test("thirty thousand equal or nearly equal rows", () => {
  const repeats = createRepeats();
  const began = cpuTime();
  const count = 30_000;
  for (let row = 0; row < count; row++) {
    const text = `the quick brown fox jumps over the lazy dog again and again ${row % 2 ? "today" : `on day ${row % 7}`}`;
    repeats.add({ kind: "text", text, row, line: row + 1 });
  }
  const { exact, near } = repeats.find({ isHeldOut: (row) => row % 10 === 0, isSameRecord: () => false });
  expect(cpuTime() - began).toBeLessThan(longestWait);
  expect(exact.length + near.length).toBeGreaterThan(count - 20);
});
