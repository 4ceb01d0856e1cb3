/** The sentence of the base's loss. Oracle: the figures of each row, rounded by hand. */

import { expect, test } from "vitest";
import { baseLossWords } from "../../../src/ui/words/train.ts";

test.each([
  [3.4121, 3.4309, "3.412 in 32 bits, 3.431 in 4 bits (+0.019)."],
  // The difference is that of the figures beside it.
  [3.6884, 3.6836, "3.688 in 32 bits, 3.684 in 4 bits (−0.004)."],
  [2.0001, 2.0004, "2.000 in 32 bits, 2.000 in 4 bits (±0.000)."],
  [2.0001, 1.9999, "2.000 in 32 bits, 2.000 in 4 bits (±0.000)."],
] as const)("%f and %f", (file, stored, words) => {
  const found = { rows: 32, weights: "int4", loss: stored, reference: { weights: "float32", loss: file } } as const;
  expect(baseLossWords.result(found)).toBe(`Loss of the base on 32 rows: ${words}`);
});

test("without a reference the sentence says that it does not fit", () => {
  expect(baseLossWords.result({ rows: 1, weights: "int8", loss: 2, reference: null })).toBe(
    "Loss of the base on 1 row: 2.000 in 8 bits. In more bits it does not fit this device.",
  );
});
