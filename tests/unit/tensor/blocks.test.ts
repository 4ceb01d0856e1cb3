/**
 * Weights in blocks. Oracles: gguf-py for int8 and int4, frozen by tests/golden/blocks; for uint4 and for values, the
 * formulas in float64.
 */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BlockStorage, type Blocks, blockSize, dequantise, quantise } from "../../../src/tensor/blocks.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { cases } from "../../support/long.ts";

interface Golden {
  readonly name: string;
  readonly columns: number;
  readonly values: string;
  readonly Q8_0: string;
  readonly Q4_0: string;
}

const golden: readonly Golden[] = JSON.parse(
  readFileSync(new URL("../../golden/blocks/golden.json", import.meta.url), "utf8"),
);

const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, "base64"));
const floatsOf = (base64: string) => new Float32Array(bytesOf(base64).buffer);
const storages: readonly BlockStorage[] = ["int8", "int4", "uint4"];

/** GGUF's bytes of the same numbers: scale, then int8 values, or nibbles with value i beside value i + 16. */
function asGguf(storage: "int8" | "int4", { data, scales }: Blocks): Uint8Array {
  const halves = float32ToFloat16(scales);
  const blocks = Array.from(halves, (scale, block) => {
    const own =
      storage === "int8"
        ? data.subarray(block * 32, (block + 1) * 32)
        : Array.from({ length: 32 }, (_, i) => ((data[block * 16 + (i >> 1)] as number) >> (4 * (i & 1))) & 15);
    const values = Array.from(own);
    const packed =
      storage === "int8"
        ? values.map((value) => (value - 128) & 255)
        : values.slice(0, 16).map((value, i) => value | ((values[i + 16] as number) << 4));
    return [scale & 255, scale >> 8, ...packed];
  });
  return Uint8Array.from(blocks.flat());
}

describe.each(golden)("as gguf-py: $name", ({ columns, values, Q8_0, Q4_0 }) => {
  it.each([
    ["int8", Q8_0],
    ["int4", Q4_0],
  ] as const)("%s", (storage, bytes) => {
    expect(asGguf(storage, quantise(storage, floatsOf(values), columns))).toEqual(bytesOf(bytes));
  });
});

/** The value of each element by the formula, from bytes alone. */
function valuesOf(storage: BlockStorage, blocks: Blocks, columns: number): number[] {
  const perRow = columns / blockSize;
  return Array.from({ length: blocks.scales.length * blockSize }, (_, at) => {
    const block = Math.floor(at / blockSize);
    const [row, column] = [Math.floor(block / perRow), block % perRow];
    const nibble = (bytes: Uint8Array, index: number) =>
      Math.floor((bytes[index >> 1] as number) / 16 ** (index % 2)) % 16;
    const zeros = blocks.zeroPoints?.subarray(row * Math.ceil(perRow / 2), (row + 1) * Math.ceil(perRow / 2));
    const zero = storage === "int8" ? 128 : zeros ? nibble(zeros, column) : 8;
    const q = storage === "int8" ? (blocks.data[at] as number) : nibble(blocks.data, at);
    return (q - zero) * (blocks.scales[block] as number);
  });
}

/** Rows of normal numbers; every third row of blocks is far from 0. */
function matrix(seed: number, rows: number, columns: number, size = 0.02): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const shift = Math.floor(i / columns) % 3 === 2 ? 1 : 0;
    return size * (random.normal() + 5 * shift);
  });
}

describe.each(storages)("%s", (storage) => {
  it.each([32, 64, 96, 1024])("dequantises rows of %i columns to the formula's values", (columns) => {
    const blocks = quantise(storage, matrix(3, 5, columns), columns);
    expect(blocks.data.length).toBe((5 * columns) / (storage === "int8" ? 1 : 2));
    expect(blocks.zeroPoints?.length ?? null).toBe(storage === "uint4" ? 5 * Math.ceil(columns / 64) : null);
    expect(Array.from(dequantise(storage, blocks, columns), (value) => value + 0)).toEqual(
      valuesOf(storage, blocks, columns).map((value) => value + 0),
    );
  });

  it("gives each row the bytes that it has alone", () => {
    const [values, columns] = [matrix(4, 6, 96), 96];
    const whole = quantise(storage, values, columns);
    const parts = [values.subarray(0, 96), values.subarray(96, 4 * 96), values.subarray(4 * 96)].map((part) =>
      quantise(storage, part, columns),
    );
    expect(parts.flatMap(({ data }) => [...data])).toEqual([...whole.data]);
    expect(parts.flatMap(({ scales }) => [...scales])).toEqual([...whole.scales]);
    expect(parts.flatMap(({ zeroPoints }) => [...(zeroPoints ?? [])])).toEqual([...(whole.zeroPoints ?? [])]);
  });

  it("errs by half a step, and at the ends by the rounding of the scale", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 32, maxLength: 32 }),
        (numbers) => {
          const values = Float32Array.from(numbers);
          const blocks = quantise(storage, values, 32);
          const scale = Math.abs(blocks.scales[0] as number);
          // Half of float16's unit in the last place, at most 2⁻¹¹ of the scale or 2⁻²⁵.
          const rounding = Math.max(scale * 2 ** -11, 2 ** -25);
          const steps = storage === "int8" ? 127 : 15;
          // int4 has 7 steps on the side that does not have the largest magnitude, so an end there errs by up to one.
          const half = storage === "int4" ? 1 : 0.5;
          dequantise(storage, blocks, 32).forEach((value, i) => {
            const error = Math.abs(value - (values[i] as number));
            expect(error).toBeLessThanOrEqual(half * scale * (1 + 1e-6) + (steps + 1) * rounding);
          });
        },
      ),
      { numRuns: cases(800), seed: 17 },
    );
  });

  it("stores what it dequantised again without a change", () => {
    const values = matrix(5, 6, 64);
    const once = dequantise(storage, quantise(storage, values, 64), 64);
    const blocks = quantise(storage, once, 64);
    // uint4 may choose another step where a block does not use all 16 values.
    if (storage !== "uint4") expect(dequantise(storage, blocks, 64)).toEqual(once);
    else
      dequantise(storage, blocks, 64).forEach((value, i) => {
        expect(Math.abs(value - (once[i] as number))).toBeLessThanOrEqual(0.51 * Math.max(...blocks.scales));
      });
  });

  it("stores zeros of both signs as zero", () => {
    const values = Float32Array.from({ length: 64 }, (_, i) => (i % 5 === 0 ? -0 : 0));
    expect([...dequantise(storage, quantise(storage, values, 64), 64)].every((value) => value === 0)).toBe(true);
  });

  it.each([
    ["subnormal float32", 1e-40],
    ["below half of float16's smallest", 1e-9],
  ])("stores %s values as zero", (_name, value) => {
    const blocks = quantise(storage, new Float32Array(32).fill(value), 32);
    expect([...dequantise(storage, blocks, 32)].every((stored) => stored === 0)).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuses %d", (value) => {
    const values = matrix(6, 3, 64);
    values[101] = value;
    expect(() => quantise(storage, values, 64)).toThrow(`The weights contain ${value}, which ${storage} cannot store`);
  });

  it("refuses weights whose scale exceeds float16 and accepts the largest below", () => {
    const steps = { int8: 127, int4: 8, uint4: 15 }[storage];
    const values = new Float32Array(64);
    values[40] = 65_504 * steps;
    expect(dequantise(storage, quantise(storage, values, 64), 64)[40]).toBe(65_504 * steps);
    values[40] = 65_520 * steps;
    expect(() => quantise(storage, values, 64)).toThrow(/float32\.$/);
  });

  it.each([
    [31, 31],
    [33, 33],
    [0, 0],
    [48, 32],
    [64, 48],
  ])("refuses %i values in rows of %i", (length, columns) => {
    expect(() => quantise(storage, new Float32Array(length), columns)).toThrow(
      `${length} values in rows of ${columns} were given`,
    );
  });

  it("reads a part of a larger array", () => {
    const values = matrix(7, 4, 64);
    const part = values.subarray(64, 192);
    expect(quantise(storage, part, 64)).toEqual(quantise(storage, part.slice(), 64));
  });
});

describe("uint4", () => {
  const half = (value: number) => float16ToFloat32(float32ToFloat16(Float32Array.of(value)))[0] as number;

  it("has the nearest of its 16 values, from min to max", () => {
    for (const size of [0.02, 3, 1e-5, 2e-7]) {
      const values = matrix(8, 9, 64, size);
      const { data, scales, zeroPoints } = quantise("uint4", values, 64);
      const stored = dequantise("uint4", { data, scales, zeroPoints }, 64);
      scales.forEach((scale, block) => {
        const own = values.subarray(block * 32, (block + 1) * 32);
        const [low, high] = [Math.min(0, ...own), Math.max(0, ...own)];
        expect(scale).toBe(half((high - low) / 15));
        const zero = ((zeroPoints?.[block >> 1] as number) >> (4 * (block & 1))) & 15;
        expect(Math.abs(zero - Math.min(15, -low / scale))).toBeLessThanOrEqual(0.5 + 1e-6);
        own.forEach((value, i) => {
          const choices = Array.from({ length: 16 }, (_, q) => Math.abs((q - zero) * scale - value));
          const error = Math.abs((stored[block * 32 + i] as number) - value);
          expect(error).toBeLessThanOrEqual(Math.min(...choices) + 1e-6 * scale);
        });
      });
    }
  });

  it("keeps a zero exactly", () => {
    const values = matrix(9, 6, 64);
    for (let i = 0; i < values.length; i += 7) values[i] = 0;
    const stored = dequantise("uint4", quantise("uint4", values, 64), 64);
    expect(values.every((value, i) => value !== 0 || stored[i] === 0)).toBe(true);
  });
});
