/**
 * Oracles: the value formulas of IEEE 754 in float64 (every float16 and bfloat16 value is exact there), and for
 * rounding an independent search for the nearest representable value. Chromium runs these tests as well
 * (tests/browser/convert.test.ts): it has Float16Array, and Node 20 has not.
 */

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  areFiniteHalves,
  bfloat16ToFloat16,
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../../src/tensor/convert.ts";
import { cases } from "../../support/long.ts";

interface Format {
  readonly name: string;
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly decode: (bits: Uint16Array) => Float32Array;
  readonly encode: (values: Float32Array) => Uint16Array;
}

const formats: readonly [Format, Format] = [
  { name: "float16", exponentBits: 5, fractionBits: 10, decode: float16ToFloat32, encode: float32ToFloat16 },
  { name: "bfloat16", exponentBits: 8, fractionBits: 7, decode: bfloat16ToFloat32, encode: float32ToBfloat16 },
];

/** (−1)^s · 2^(e − bias) · 1.f, or 0.f · 2^(1 − bias) for subnormals. */
function valueOfPattern(bits: number, { exponentBits, fractionBits }: Format): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor((bits % 0x8000) / 2 ** fractionBits);
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** Positive finite patterns rise with their values: bisect for the neighbours, compare the distances in float64. */
function nearest(value: number, format: Format): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const infinity = (2 ** format.exponentBits - 1) * 2 ** format.fractionBits;
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (valueOfPattern(middle, format) <= magnitude) low = middle;
    else high = middle;
  }
  // IEEE 754 rounds to infinity as if the format went on: the next value would be one step above the largest.
  const below = valueOfPattern(low, format);
  const above = high === infinity ? 2 * below - valueOfPattern(low - 1, format) : valueOfPattern(high, format);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const [down, up] = [magnitude - below, above - magnitude];
  return sign | (down < up || (down === up && low % 2 === 0) ? low : high);
}

const everyPattern = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const patternOf = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0] as number;
const fromPattern = (pattern: number) => new Float32Array(Uint32Array.of(pattern).buffer);

const [float16, bfloat16] = formats;
const native = globalThis.Float16Array as typeof Float16Array | undefined;
const rows = [
  { ...float16, way: "by arithmetic", given: undefined },
  ...(native ? [{ ...float16, way: "by Float16Array", given: native }] : []),
  { ...bfloat16, way: "by arithmetic", given: native },
];

describe.each(rows)("$name $way", ({ given, ...format }) => {
  beforeAll(() => void vi.stubGlobal("Float16Array", given));
  afterAll(() => void vi.unstubAllGlobals());

  it("decodes all 65,536 patterns to the value of the formula", () => {
    const values = format.decode(everyPattern);
    const wrong = [...everyPattern].filter((bits) => !Object.is(values[bits], valueOfPattern(bits, format)));
    expect(wrong).toEqual([]);
  });

  it("gives all 65,536 patterns back, NaN payloads included", () => {
    expect(format.encode(format.decode(everyPattern))).toEqual(everyPattern);
  });

  it("puts every payload of a NaN in the upper bits of the float32's", () => {
    const { fractionBits } = format;
    const patterns = new Uint32Array(format.decode(everyPattern).buffer);
    const nonFinite = everyPattern.filter((bits) => !Number.isFinite(valueOfPattern(bits, format)));
    expect(nonFinite).toHaveLength(2 ** (fractionBits + 1));
    const wanted = (bits: number) => {
      const sign = bits >= 0x8000 ? 2 ** 31 : 0;
      return sign + 0x7f800000 + (bits % 2 ** fractionBits) * 2 ** (23 - fractionBits);
    };
    expect([...nonFinite].filter((bits) => patterns[bits] !== wanted(bits))).toEqual([]);
  });

  it("rounds every midpoint between neighbours to the even one, and its two sides to the nearer one", () => {
    const wrong: string[] = [];
    const infinity = (2 ** format.exponentBits - 1) * 2 ** format.fractionBits;
    for (let bits = 0; bits < infinity; bits++) {
      const below = valueOfPattern(bits, format);
      const above =
        bits + 1 === infinity ? 2 * below - valueOfPattern(bits - 1, format) : valueOfPattern(bits + 1, format);
      // Exact in float32 but for bfloat16's overflow midpoint, which is exact as well: 2¹²⁸ − 2¹¹⁹.
      const tie = patternOf((below + above) / 2);
      const even = bits % 2 === 0 ? bits : bits + 1;
      const around = format.encode(new Float32Array(Uint32Array.of(tie - 1, tie, tie + 1).buffer));
      const expected = [bits, even, bits + 1];
      if (around.some((half, i) => half !== expected[i])) wrong.push(`${bits}: ${[...around]} instead of ${expected}`);
      const negative = format.encode(new Float32Array(Uint32Array.of(tie + 0x80000000).buffer))[0];
      if (negative !== even + 0x8000) wrong.push(`−${bits}: ${negative} instead of ${even + 0x8000}`);
    }
    expect(wrong).toEqual([]);
  });

  it("rounds any float32 to the nearest value (property)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (pattern) => {
        const values = fromPattern(pattern);
        const value = values[0] as number;
        const half = format.encode(values)[0] as number;
        if (Number.isNaN(value)) expect(valueOfPattern(half, format)).toBeNaN();
        else expect(half).toBe(nearest(value, format));
      }),
      { numRuns: cases(20_000), seed: 1 },
    );
  });

  it("rounds small float32 values near the subnormal range (property)", () => {
    fc.assert(
      fc.property(fc.float({ min: -(2 ** -13), max: 2 ** -13, noNaN: true }), (value) => {
        expect(format.encode(Float32Array.of(value))[0]).toBe(nearest(value, format));
      }),
      { numRuns: cases(20_000), seed: 2 },
    );
  });

  it("keeps a NaN whose payload lies only in the bits that are cut off", () => {
    const half = format.encode(fromPattern(0x7f800001))[0] as number;
    expect(valueOfPattern(half, format)).toBeNaN();
  });

  it("writes into the array given, at its offset, and refuses one of another length", () => {
    const room = new Float32Array(4).fill(7);
    const one = format.encode(Float32Array.of(1, -2));
    const decode = format.name === "float16" ? float16ToFloat32 : bfloat16ToFloat32;
    expect(decode(one, room.subarray(1, 3))).toBeInstanceOf(Float32Array);
    expect([...room]).toEqual([7, 1, -2, 7]);
    expect(() => decode(one, room)).toThrow("The output holds 4 elements, but the input has 2.");
  });
});

describe("bfloat16 to float16", () => {
  const [half, brain] = formats;

  it("gives all 65,536 patterns the nearest float16", () => {
    const halves = bfloat16ToFloat16(everyPattern);
    const wrong = everyPattern.filter((bits) => {
      const value = valueOfPattern(bits, brain);
      const own = halves[bits] as number;
      return Number.isNaN(value)
        ? !Number.isNaN(valueOfPattern(own, half))
        : own !== nearest(bits === 0x8000 ? -0 : value, half);
    });
    expect([...wrong]).toEqual([]);
  });

  it("gives the same at any offset and length", () => {
    const whole = bfloat16ToFloat16(everyPattern);
    for (const [from, to] of [0, 1, 2, 3].flatMap((from) => [0, 1].map((to) => [from, to] as const))) {
      for (const length of [0, 1, 2, 5, 1001]) {
        const first = 0x3a00 + from;
        const out = new Uint16Array(length + to).subarray(to);
        const given = everyPattern.subarray(first, first + length);
        expect(bfloat16ToFloat16(given, out)).toEqual(whole.subarray(first, first + length));
      }
    }
  });

  it("writes into the array given, at its offset, and refuses one of another length", () => {
    const out = new Uint16Array(4);
    expect(bfloat16ToFloat16(Uint16Array.of(0x3f80, 0xc000), out.subarray(1, 3))).toEqual(
      Uint16Array.of(0x3c00, 0xc000),
    );
    expect(out).toEqual(Uint16Array.of(0, 0x3c00, 0xc000, 0));
    expect(() => bfloat16ToFloat16(new Uint16Array(2), out)).toThrow("holds 4 elements, but the input has 2");
  });
});

it("finds every float16 that is not finite, alone among others", () => {
  const finite = everyPattern.filter((bits) => (bits & 0x7fff) < 0x7c00);
  expect(areFiniteHalves(finite)).toBe(true);
  expect(areFiniteHalves(new Uint16Array(0))).toBe(true);
  const few = finite.slice(0, 5);
  for (const bits of everyPattern) {
    if ((bits & 0x7fff) < 0x7c00) continue;
    for (const at of [1, 2, 4]) {
      const [aligned, moved] = [few.slice(), few.subarray(1).slice()];
      aligned[at] = bits;
      moved[at - 1] = bits;
      const shifted = aligned.subarray(1);
      if ([aligned, moved, shifted].some(areFiniteHalves)) expect.fail(`${bits} at ${at} counts as finite`);
    }
  }
});
