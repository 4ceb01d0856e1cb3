/** Oracle: the products of one step counted by hand from the widths of the layers. */

import { describe, expect, it } from "vitest";
import { rotaryTables, squareMatrix } from "../../../bench/step/engine.ts";
import { matrixOperations, problemOf } from "../../../bench/step/problem.ts";

/** Tiny: 5 layers of width 64, 172 within, 8 heads of 8 with 4 key heads, 512 words; 4 rows of 128, 4 · 64 supervised. */
const linear = 64 * 64 + 64 * 32 + 64 * 32 + 64 * 64 + 3 * 64 * 172;
const attention = 5 * 2 * (128 * 64) * 512;

describe("matrixOperations", () => {
  it("counts three products for each trained matrix, and the head at supervised positions only", () => {
    const expected = 2 * 3 * (512 * 5 * linear + 256 * 512 * 64 + attention);
    expect(matrixOperations(problemOf("tiny", "full"))).toBe(expected);
  });

  it("counts two for a frozen matrix and three for an adapter's", () => {
    const adapter = 8 * (2 * (64 + 64) + 2 * (64 + 32) + 2 * (64 + 172) + (172 + 64));
    const expected = 2 * (2 * (512 * 5 * linear + 256 * 512 * 64) + 3 * (512 * 5 * adapter + attention));
    expect(matrixOperations(problemOf("tiny", "lora"))).toBe(expected);
  });
});

describe("problemOf", () => {
  it("draws the same values and the same batch each time", () => {
    const [a, b] = [problemOf("tiny", "lora"), problemOf("tiny", "lora")];
    expect(a.batch).toEqual(b.batch);
    const other = b.values();
    for (const [name, value] of a.values()) {
      expect(Buffer.from(value.buffer).equals(Buffer.from(other.get(name)?.buffer ?? new ArrayBuffer(0))), name).toBe(
        true,
      );
    }
  });

  it("changes what a curve of growth changes, and nothing else", () => {
    const { shape, batch, config } = problemOf("tiny", "full", { rows: 2, length: 64, layers: 3, supervised: 1 });
    expect(shape).toEqual({ rows: 2, length: 64, supervised: 2 * 63 });
    expect(batch.supervised).toBe(2 * 63);
    expect(config).toMatchObject({ num_hidden_layers: 3, vocab_size: 512, hidden_size: 64 });
  });
});

describe("what engines are given", () => {
  it("multiplies by a matrix that keeps the size of rows", () => {
    const n = 64;
    const matrix = squareMatrix(n);
    const meanSquare = matrix.reduce((sum, value) => sum + value * value, 0) / matrix.length;
    expect(n * meanSquare).toBeGreaterThan(0.5);
    expect(n * meanSquare).toBeLessThan(2);
  });

  it("has a row of cosines and sines for each position", () => {
    const { cos, sin } = rotaryTables([1, 0.5], 3);
    expect(Array.from(cos)).toEqual([1, 1, Math.cos(1), Math.cos(0.5), Math.cos(2), Math.cos(1)].map(Math.fround));
    expect(Array.from(sin)).toEqual([0, 0, Math.sin(1), Math.sin(0.5), Math.sin(2), Math.sin(1)].map(Math.fround));
  });
});
