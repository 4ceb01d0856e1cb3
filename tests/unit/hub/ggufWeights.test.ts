/**
 * GGUF tensors as one safetensors file. Oracles: safetensors' own reader, `decodeBlocks` of whole tensors (checked against
 * gguf-py), and the order of rows worked out one number at a time. Seed 18.
 */

import { describe, expect, it } from "vitest";
import { decodeBlocks } from "../../../src/gguf/blocks.ts";
import { type TensorType, tensorTypes } from "../../../src/gguf/types.ts";
import { cacheParts } from "../../../src/hub/bytes.ts";
import { type GgufPart, type GgufPlace, ggufWeights } from "../../../src/hub/ggufWeights.ts";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import { type ByteSource, bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const random = createRandom(18);
const types = Object.keys(tensorTypes) as TensorType[];

/** Bytes of any blocks whose scales are finite, at an odd place in their file. */
function placeOf(name: string, type: TensorType, shape: readonly number[]): GgufPlace {
  const { size, bytes } = tensorTypes[type];
  const length = (sizeOf(shape) / size) * bytes;
  const file = Uint8Array.from({ length: length + 7 }, () => random.below(0x38));
  return { name, type, shape, source: bytesFromMemory("x.gguf", file), start: 7 };
}

const part = (name: string, shape: readonly number[], change: Partial<GgufPart> = {}): GgufPart => ({
  ...{ name, shape, tensor: name, rows: null, add: 0, transposed: false },
  ...change,
});

async function numbersOf({ type, shape, source, start }: GgufPlace): Promise<Float32Array> {
  const { size, bytes } = tensorTypes[type];
  const stored = await source.slice(start, start + (sizeOf(shape) / size) * bytes);
  return decodeBlocks(type, stored, new Float32Array(sizeOf(shape)));
}

const reversed = (count: number) => (row: number) => count - 1 - row;

/** Each type in each order, with the numbers that a reader must get. */
async function cases() {
  const found: { part: GgufPart; place: GgufPlace; wanted: Float32Array }[] = [];
  for (const type of types) {
    const [rows, columns] = [6, 512];
    const place = placeOf(`${type} plain`, type, [rows, columns]);
    const values = await numbersOf(place);
    found.push({ part: part(place.name, [rows, columns]), place, wanted: values });
    found.push({
      part: part(`${type} moved`, [rows, columns], { rows: reversed(rows) }),
      place,
      wanted: values.map((_, i) => values[(rows - 1 - Math.floor(i / columns)) * columns + (i % columns)] as number),
    });
    found.push({
      part: part(`${type} transposed`, [columns, rows], { transposed: true }),
      place,
      wanted: values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number),
    });
    found.push({
      part: part(`${type} less`, [rows, columns], { add: -1 }),
      place,
      wanted: values.map((one) => one - 1),
    });
  }
  for (const type of ["F32", "F16", "BF16"] as const) {
    const place = placeOf(`${type} vector`, type, [33]);
    const values = await numbersOf(place);
    found.push({ part: part(place.name, [33], { rows: reversed(33) }), place, wanted: values.toReversed() });
  }
  return found;
}

describe("as one file", async () => {
  const all = await cases();
  const weights = ggufWeights(all.map(({ part: own, place }) => [own, place]));

  it("has a header that safetensors reads, with every tensor once", async () => {
    const { tensors } = await readSafetensors(weights);
    expect([...tensors.keys()].sort()).toEqual(all.map(({ part: own }) => own.name).sort());
    for (const { part: own, place } of all) {
      const isHalf = own.add === 0 && (place.type === "F16" || place.type === "BF16");
      expect(tensors.get(own.name)).toMatchObject({ shape: own.shape, dtype: isHalf ? place.type : "F32" });
      expect(weights.typeOf(own.name)).toBe(place.type);
    }
  });

  it.each(all.map((one) => [one.part.name, one] as const))(
    "%s has its numbers, whole and in any pieces",
    async (name, one) => {
      const entry = (await readSafetensors(weights)).tensors.get(name);
      if (!entry) throw new Error(`There is no ${name}.`);
      const { start, end, dtype } = entry;
      const whole = await weights.slice(start, end);
      const values = decodeBlocks(dtype as TensorType, whole.slice(), new Float32Array(one.wanted.length));
      expect([...values]).toEqual([...one.wanted]);
      for (let i = 0; i < 40; i++) {
        const from = start + random.below(end - start);
        const to = from + random.below(end - from + 1);
        expect(Buffer.from(await weights.slice(from, to)).equals(whole.subarray(from - start, to - start))).toBe(true);
      }
    },
  );

  it("has any bytes across tensors", async () => {
    const whole = await weights.slice(0, weights.byteLength);
    for (let i = 0; i < 60; i++) {
      const from = random.below(weights.byteLength);
      const to = from + random.below(Math.min(weights.byteLength - from, 60_000) + 1);
      expect(Buffer.from(await weights.slice(from, to)).equals(whole.subarray(from, to))).toBe(true);
    }
    await expect(weights.slice(0, weights.byteLength + 1)).rejects.toThrow(RangeError);
  });

  it("has blocks of Q8_0 and Q4_0 alone, in the model's order, and not of changed numbers", async () => {
    for (const { part: own, place } of all) {
      const isStored = place.type === "Q8_0" || place.type === "Q4_0";
      const raw = weights.blocksOf(own.name, own.transposed);
      expect(raw !== null, own.name).toBe(isStored && own.add === 0);
      expect(weights.blocksOf(own.name, !own.transposed)).toBe(null);
      if (!raw) continue;
      const { size, bytes } = tensorTypes[raw.type];
      const stride = (raw.columns / size) * bytes;
      const stored = await place.source.slice(place.start, place.start + raw.rows * stride);
      const read = await raw.read(1, 4);
      for (let row = 1; row < 4; row++) {
        const from = (own.rows?.(row) ?? row) * stride;
        expect(read.subarray((row - 1) * stride, row * stride)).toEqual(stored.subarray(from, from + stride));
      }
    }
  });

  it("names an unknown tensor", () => {
    expect(() => weights.typeOf("other")).toThrow('The file has no tensor "other".');
  });
});

describe("cached parts", () => {
  it("have the source's bytes, and request each once", async () => {
    const file = Uint8Array.from({ length: 5000 }, (_, i) => i * 31);
    const inner = bytesFromMemory("x", file);
    for (const limit of [0, 700, 1e9]) {
      const requested = new Uint8Array(file.length);
      let most = 0;
      const source: ByteSource = {
        ...inner,
        slice(start, end, signal) {
          for (let i = start; i < end; i++) {
            requested[i] = Math.min(255, (requested[i] ?? 0) + 1);
            most = Math.max(most, requested[i] ?? 0);
          }
          return inner.slice(start, end, signal);
        },
      };
      const cached = cacheParts(source, limit);
      for (let i = 0; i < 200; i++) {
        const start = random.below(file.length);
        const end = start + random.below(file.length - start + 1);
        expect(Buffer.from(await cached.slice(start, end)).equals(file.subarray(start, end))).toBe(true);
      }
      expect(most > 1).toBe(limit < file.length);
    }
  });
});
