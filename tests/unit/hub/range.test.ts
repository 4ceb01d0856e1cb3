/** Which weights float16 can represent. Oracles: the formats' own limits, and JavaScript's comparison for random bits (seed 3). */

import { expect, test } from "vitest";
import { decodeFloats, encodeFloats } from "../../../src/hub/elements.ts";
import { fitsFloat16 } from "../../../src/hub/range.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const bytesOf = (dtype: "F64" | "F32" | "BF16" | "F16", values: readonly number[]) =>
  encodeFloats(dtype, Float32Array.from(values));

test.each<["F64" | "F32" | "BF16" | "F16", number, boolean]>([
  ["F32", 65_504, true],
  ["F32", -65_504, true],
  ["F32", 65_505, false],
  ["F32", -1e30, false],
  ["F64", 65_504, true],
  ["F64", 65_536, false],
  ["BF16", 65_280, true],
  ["BF16", -65_280, true],
  ["BF16", 65_536, false],
  ["BF16", -65_536, false],
  ["BF16", 3e38, false],
  ["F16", 65_504, true],
])("%s %f: %s, at each place of an even and an odd number of elements", (dtype, value, fits) => {
  for (const length of [1, 2, 5, 8]) {
    for (let at = 0; at < length; at++) {
      const values = Array.from({ length }, (_, i) => (i === at ? value : 0.02 * (i - 3)));
      const bytes = bytesOf(dtype, values);
      expect(fitsFloat16(dtype, bytes)).toBe(fits);
      // As a header of odd length leaves them.
      const shifted = new Uint8Array(bytes.length + 1);
      shifted.set(bytes, 1);
      expect(fitsFloat16(dtype, shifted.subarray(1))).toBe(fits);
    }
  }
});

test("all pairs of BF16 by their exponents", () => {
  const random = createRandom(3);
  for (let i = 0; i < 2000; i++) {
    const bits = Uint16Array.from({ length: 2 }, () => random.below(2 ** 16));
    const bytes = new Uint8Array(bits.buffer);
    const floats = decodeFloats("BF16", bytes, new Float32Array(2));
    expect(fitsFloat16("BF16", bytes)).toBe(floats.every((value) => Math.abs(value) <= 65_504));
  }
});
