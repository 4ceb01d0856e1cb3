/** The note after a finished run states the validation loss truly. Oracle: the two losses themselves. */

import { describe, expect, test } from "vitest";
import { introWords } from "../../../src/ui/words/intro.ts";

describe("the validation loss after a run", () => {
  test.each([
    [3.688, 0.0832, "The validation loss fell from 3.688 to 0.08320."],
    [2, 1.999, "The validation loss fell from 2.000 to 1.999."],
    [1e-3, 1e-4, "The validation loss fell from "],
  ])("%d, then %d: it fell", (first, last, sentence) => {
    expect(introWords.validation(first, last)).toContain(sentence);
  });

  test.each([
    [2, 2],
    [2, 2.001],
    [0.5, 7.9],
    [2.3, 4000],
    [Number.NaN, 2],
  ])("%d, then %d: it did not fall", (first, last) => {
    const sentence = introWords.validation(first, last);
    expect(sentence).toMatch(/^The validation loss did not fall: .* before, .* after training\.$/);
    expect(sentence).not.toContain("fell");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "a last loss of %d: it diverged",
    (last) => {
      expect(introWords.validation(2, last)).toBe("The validation loss is not a number: training diverged.");
    },
  );
});

test("the title says finished and names the run", () => {
  expect(introWords.finished("second try")).toBe("Run finished: second try");
});
