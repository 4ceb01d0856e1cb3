/** Texts that repeat themselves: sketches of them take linear work, and are those of their different words. */

import { describe, expect, test } from "vitest";
import { createRepeats } from "../../../src/quality/repeats.ts";
import { fillSketch, shingles, sketchWidth } from "../../../src/quality/similarity.ts";
import { cpuTime } from "../../support/cpuTime.ts";

const longestWait = 10_000;

describe("a text that says the same over and over", () => {
  const count = 300_000;
  const units = ["a ", "a b ", "a b c ", "字", "- ", "1 2 3 4 5 ", "É ", "\u{1f600} ", "word\n", "a b c d e f g "];
  test.each(units)("%j", (unit) => {
    const text = unit.repeat(count);
    const [long, short] = [new Uint8Array(sketchWidth), new Uint8Array(sketchWidth)];
    const began = cpuTime();
    expect(fillSketch(long, shingles([text]))).toBe(true);
    expect(cpuTime() - began).toBeLessThan(longestWait);
    // Repeats do not count: some rounds of the unit have all runs of three words.
    fillSketch(short, shingles([unit.repeat(12)]));
    expect(long).toEqual(short);
  });
});

test("thirty thousand rows that are the same, or nearly", () => {
  const repeats = createRepeats();
  const began = cpuTime();
  const count = 30_000;
  for (let row = 0; row < count; row++) {
    const text = `the quick brown fox jumps over the lazy dog again and again ${row % 2 ? "today" : `on day ${row % 7}`}`;
    repeats.add({ kind: "text", text, row, line: row + 1 });
  }
  const { exact, near } = repeats.find({ isHeld: (row) => row % 10 === 0, isSameRecord: () => false });
  expect(cpuTime() - began).toBeLessThan(longestWait);
  expect(exact.length + near.length).toBeGreaterThan(count - 20);
});
