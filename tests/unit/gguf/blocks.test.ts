/**
 * Blocks of every tensor type. Oracle: gguf-py, frozen by tests/golden/gguf (numbers of blocks) and tests/golden/blocks
 * (blocks of numbers). Seeds 18 and 17.
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeBlocks, encodeBlocks, fromStored, toStored } from "../../../src/gguf/blocks.ts";
import { type TensorType, tensorTypes } from "../../../src/gguf/types.ts";
import { dequantise } from "../../../src/tensor/blocks.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../golden/${file}`, import.meta.url), "utf8"));
const bytesOf = (base64: string) => new Uint8Array(Uint8Array.from(Buffer.from(base64, "base64")));
const floatsOf = (base64: string) => new Float32Array(bytesOf(base64).buffer);
/** Bit patterns: -0 and 0 differ. */
const bitsOf = (values: Float32Array) => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

interface Row {
  readonly type: TensorType;
  readonly scales: string;
  readonly bytes: string;
  readonly values: string;
}
const rows: readonly Row[] = read("gguf/blocks.json");

interface Written {
  readonly name: string;
  readonly columns: number;
  readonly values: string;
  readonly Q8_0: string;
  readonly Q4_0: string;
}
const written: readonly Written[] = read("blocks/golden.json");

it("has every type that Hone reads", () => {
  expect([...new Set(rows.map(({ type }) => type))].sort()).toEqual(Object.keys(tensorTypes).sort());
});

describe.each(rows)("$type, $scales scales", ({ type, bytes, values }) => {
  it("decodes to gguf-py's numbers, bit for bit", () => {
    const wanted = floatsOf(values);
    expect(bitsOf(decodeBlocks(type, bytesOf(bytes), new Float32Array(wanted.length)))).toEqual(bitsOf(wanted));
  });

  it("decodes each block to the numbers that it has alone, at any offset in a buffer", () => {
    const wanted = floatsOf(values);
    const { size, bytes: stride } = tensorTypes[type];
    const shifted = new Uint8Array([7, ...bytesOf(bytes)]).subarray(1);
    for (let block = 0; block < wanted.length / size; block++) {
      const own = shifted.subarray(block * stride, (block + 1) * stride);
      const numbers = wanted.slice(block * size, (block + 1) * size);
      expect(bitsOf(decodeBlocks(type, own, new Float32Array(size)))).toEqual(bitsOf(numbers));
    }
  });

  it("refuses another number of bytes", () => {
    const out = new Float32Array(floatsOf(values).length);
    expect(() => decodeBlocks(type, bytesOf(bytes).slice(1), out)).toThrow("are not");
    expect(() => decodeBlocks(type, bytesOf(bytes), new Float32Array(out.length + 1))).toThrow("are not");
  });
});

describe.each(written)("as gguf-py: $name", ({ columns, values, ...golden }) => {
  it.each(["Q8_0", "Q4_0"] as const)("%s", (type) => {
    expect(encodeBlocks(type, floatsOf(values), columns)).toEqual(bytesOf(golden[type]));
  });
});

it("encodes F32 and F16", () => {
  expect([...encodeBlocks("F32", Float32Array.of(1, -0), 2)]).toEqual([0, 0, 128, 63, 0, 0, 0, 128]);
  expect([...encodeBlocks("F16", Float32Array.of(1, -0), 2)]).toEqual([0, 60, 0, 128]);
});

describe("Hone's own blocks", () => {
  /** Blocks that no encoder writes: scales of both signs, the largest value in any block. */
  function anyBlocks(type: "Q8_0" | "Q4_0", seed: number): Uint8Array<ArrayBuffer> {
    const random = createRandom(seed);
    const { bytes: stride } = tensorTypes[type];
    const bytes = Uint8Array.from({ length: 12 * stride }, () => Math.floor(256 * random.next()));
    // Exponents below 31 are finite.
    for (let at = 1; at < bytes.length; at += stride) bytes[at] = (bytes[at] as number) & 0xbb;
    return bytes;
  }

  it.each([
    ["Q8_0", "int8"],
    ["Q4_0", "int4"],
    ["Q4_0", "int8"],
  ] as const)("%s as %s has the file's numbers", (type, storage) => {
    for (let seed = 1; seed <= 20; seed++) {
      const bytes = anyBlocks(type, seed);
      const wanted = decodeBlocks(type, bytes, new Float32Array(12 * 32));
      const stored = toStored(type, bytes, storage);
      expect(bitsOf(dequantise(storage, stored, 64).map((value) => value + 0))).toEqual(
        bitsOf(wanted.map((value) => value + 0)),
      );
      if (storage === (type === "Q8_0" ? "int8" : "int4")) expect(fromStored(type, stored)).toEqual(bytes);
    }
  });

  it("refuses scales that are infinite or not a number", () => {
    const bytes = anyBlocks("Q8_0", 1);
    bytes.set([0, 0x7c], 34);
    expect(() => toStored("Q8_0", bytes, "int8")).toThrow("a block with the scale Infinity");
  });
});
