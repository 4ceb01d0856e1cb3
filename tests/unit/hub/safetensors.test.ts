/** Oracles: parse(write(x)) = x; a file written byte by byte by hand from the format's description; rows of damage. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { cases } from "../../support/long.ts";
import { test } from "../../support/shared.ts";
import { refusal } from "./tiny.ts";

const read = (bytes: Uint8Array<ArrayBuffer>) => readSafetensors(bytesFromMemory("model.safetensors", bytes));

/** A file by the format's description: length, header text, data. */
function byHand(header: string, data: number | Uint8Array, declared = BigInt(new TextEncoder().encode(header).length)) {
  const text = new TextEncoder().encode(header);
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + text.length + body.length);
  new DataView(file.buffer).setBigUint64(0, declared, true);
  file.set(text, 8);
  file.set(body, 8 + text.length);
  return file;
}

describe("reading", () => {
  it("reads a file written by hand, padding and metadata included", async () => {
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},' +
      '"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]},"empty":{"dtype":"I64","shape":[3,0],"data_offsets":[4,4]}}   ';
    const { tensors, metadata } = await read(byHand(header, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
    expect(metadata).toEqual({ format: "pt" });
    expect([...tensors.keys()]).toEqual(["b", "empty", "a"]);
    expect(tensors.get("b")).toMatchObject({ dtype: "BF16", shape: [2] });
    const { source, start, end, shape } = tensors.get("a") as NonNullable<ReturnType<typeof tensors.get>>;
    expect(shape).toEqual([]);
    expect([...(await source.slice(start, end))]).toEqual([5, 6, 7, 8]);
  });

  it("takes a header whose length begins with the byte of '<'", async () => {
    const header = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.padEnd(0x3c);
    expect((await read(byHand(header, 1))).tensors.size).toBe(1);
  });

  const entry = (fields: string) => `{"a":${fields}}`;
  const rows: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
    ["an empty file", new Uint8Array(0), "model.safetensors has 0 bytes, too few"],
    ["a header of 2^60 bytes", byHand("{}", 0, 2n ** 60n), "declares a header of 1152921504606846976 bytes"],
    ["a header of 2^64 − 1 bytes", byHand("{}", 0, 2n ** 64n - 1n), "above the limit of 100000000"],
    ["a header longer than the file", byHand("{}", 0, 5000n), "its header alone requires 5008 bytes, but it has 10"],
    ["a header that is no JSON", byHand("{oops", 0), "its header is not valid JSON"],
    ["a header of bad UTF-8", byHand("{}", Uint8Array.of(0xff), 3n), "its header is not valid JSON"],
    ["a header that is a list", byHand("[]", 0), "a header that is not an object"],
    ["metadata that are no texts", byHand('{"__metadata__":{"n":1}}', 0), '"__metadata__" must map names to texts'],
    ["an entry that is a number", byHand(entry("3"), 0), 'tensor "a" is not described by an object'],
    ["an unknown type", byHand(entry('{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}'), 1), 'the unknown type "Q4"'],
    ["the type toString", byHand(entry('{"dtype":"toString","shape":[1],"data_offsets":[0,1]}'), 1), "unknown type"],
    ["no shape", byHand(entry('{"dtype":"F32","data_offsets":[0,4]}'), 4), "has the shape nothing"],
    ["a negative dimension", byHand(entry('{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}'), 4), "the shape [-1]"],
    ["a broken dimension", byHand(entry('{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}'), 6), "the shape [1.5]"],
    [
      "a shape beyond exact numbers",
      byHand(entry('{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}'), 4),
      "no whole number of bytes",
    ],
    ["one offset", byHand(entry('{"dtype":"F32","shape":[1],"data_offsets":[4]}'), 4), "the data_offsets [4]"],
    [
      "offsets backwards",
      byHand(entry('{"dtype":"F32","shape":[1],"data_offsets":[4,0]}'), 4),
      "takes bytes 4 to 0, -4 of them, but F32[1] needs 4",
    ],
    [
      "a length unlike type and shape",
      byHand(entry('{"dtype":"F16","shape":[2,3],"data_offsets":[0,24]}'), 24),
      'tensor "a" takes bytes 0 to 24, 24 of them, but F16[2, 3] needs 12',
    ],
    [
      "a gap after the header",
      byHand(entry('{"dtype":"F32","shape":[1],"data_offsets":[4,8]}'), 8),
      "but the header ends at byte 62, so they leave a gap",
    ],
    [
      "an overlap",
      byHand(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        12,
      ),
      'but tensor "a" ends at byte 124, so they overlap',
    ],
    [
      "a file that is cut off",
      byHand(entry('{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'), 10),
      "is cut off: its header requires 79 bytes, but it has 73",
    ],
    [
      "bytes after the end",
      byHand(entry('{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'), 9),
      "has 71 bytes, but its header describes only 66",
    ],
    ["a web page", new TextEncoder().encode("<!DOCTYPE html><html></html>"), "not a safetensors file but a web page"],
    [
      "a Git LFS pointer",
      new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:00"),
      "a Git LFS pointer",
    ],
    ["a GGUF file", new TextEncoder().encode("GGUF\u0003\u0000\u0000\u0000\u0001\u0000\u0000\u0000"), "a GGUF file"],
    [
      "a ZIP archive",
      new TextEncoder().encode("PK\u0003\u0004\u0000\u0000\u0008\u0008archive/data.pkl"),
      "a ZIP archive",
    ],
  ];

  it.each(rows)("refuses %s", async (_, bytes, message) => {
    expect(await refusal(read(bytes))).toContain(message);
  });

  it("reads nothing but the first bytes when the header's length is impossible", async () => {
    const slices: [number, number][] = [];
    const inner = bytesFromMemory("model.safetensors", byHand("{}", 1000, 2n ** 60n));
    const watched = {
      ...inner,
      slice(start: number, end: number) {
        slices.push([start, end]);
        return inner.slice(start, end);
      },
    };
    await refusal(readSafetensors(watched));
    expect(slices).toEqual([[0, 48]]);
  });
});

const storedTensor: fc.Arbitrary<Omit<StoredTensor, "name">> = fc
  .tuple(
    fc.constantFrom("F32", "F16", "BF16", "I64", "U8", "F64", "BOOL"),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    fc.integer(),
  )
  .map(([dtype, shape, seed]) => {
    const bytes = { F32: 4, F16: 2, BF16: 2, I64: 8, U8: 1, F64: 8, BOOL: 1 }[dtype];
    const size = shape.reduce((a, b) => a * b, 1) * bytes;
    return { dtype, shape, data: Uint8Array.from({ length: size }, (_, i) => (i * 37 + seed) & 0xff) };
  });

/** Hostile names. */
const tensorName = fc
  .oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor", "0", "1", "model.layers.0.weight"))
  .filter((name) => name !== "__metadata__");

const tensorSet = fc
  .uniqueArray(tensorName, { maxLength: 6 })
  .chain((names) => fc.tuple(...names.map((name) => storedTensor.map((tensor) => ({ name, ...tensor })))));

describe("writing", () => {
  it("reads what it wrote (property)", async () => {
    await fc.assert(
      fc.asyncProperty(tensorSet, fc.dictionary(fc.string(), fc.string()), async (tensors, metadata) => {
        const file = await read(writeSafetensors(tensors, metadata));
        expect(file.tensors.size).toBe(tensors.length);
        expect({ ...file.metadata }).toEqual({ ...metadata });
        for (const { name, dtype, shape, data } of tensors) {
          const entry = file.tensors.get(name);
          expect(entry).toMatchObject({ name, dtype, shape });
          expect(await entry?.source.slice(entry.start, entry.end)).toEqual(data);
        }
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  it("aligns every tensor to its element, the widest first", async () => {
    const tensors: StoredTensor[] = [
      { name: "byte", dtype: "U8", shape: [3], data: new Uint8Array(3) },
      { name: "half", dtype: "F16", shape: [3], data: new Uint16Array(3) },
      { name: "float", dtype: "F32", shape: [1], data: new Float32Array(1) },
    ];
    const file = await read(writeSafetensors(tensors));
    expect([...file.tensors.keys()]).toEqual(["float", "half", "byte"]);
    expect([...file.tensors.values()].map(({ start }, i) => start % ([4, 2, 1][i] as number))).toEqual([0, 0, 0]);
  });

  it("refuses data of another length, and a name given twice", () => {
    const tensor: StoredTensor = { name: "a", dtype: "F32", shape: [2], data: new Float32Array(3) };
    expect(() => writeSafetensors([tensor])).toThrow('Tensor "a", F32[2], needs 8 bytes, but its data have 12.');
    const right = { ...tensor, data: new Float32Array(2) };
    expect(() => writeSafetensors([right, right])).toThrow('The tensor name "a" is already used.');
  });
});

describe("damage", () => {
  const whole = writeSafetensors(
    [
      { name: "embed.weight", dtype: "F32", shape: [4, 3], data: new Float32Array(12) },
      { name: "norm.weight", dtype: "BF16", shape: [3], data: new Uint16Array(3) },
    ],
    { format: "pt" },
  );
  const headerEnd = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));

  /** A file that is accepted must be sound: entries inside of it, of the right lengths, side by side. */
  async function readsOrRefuses(bytes: Uint8Array<ArrayBuffer>): Promise<"read" | "refused"> {
    try {
      const { tensors } = await read(bytes);
      let covered = 0;
      for (const { start, end } of tensors.values()) {
        expect(start).toBeGreaterThanOrEqual(8);
        expect(end).toBeLessThanOrEqual(bytes.length);
        covered += end - start;
      }
      const declared = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      expect(8 + declared + covered).toBe(bytes.length);
      return "read";
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "ModelError") throw error;
      expect(error.message).toMatch(/^model\.safetensors\b.*[:;] .*\.$/);
      return "refused";
    }
  }

  it("never ends in anything but a sound file or a readable refusal: changed bytes (property)", async () => {
    const change = fc.tuple(fc.integer({ min: 0, max: headerEnd + 4 }), fc.integer({ min: 0, max: 255 }));
    const seen = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        seen[await readsOrRefuses(bytes)]++;
      }),
      { numRuns: cases(2000), seed: 4 },
    );
    expect(seen.refused).toBeGreaterThan(cases(500));
  });

  it("… cut or lengthened at any byte", async () => {
    for (let length = 0; length < whole.length; length++) {
      expect(await readsOrRefuses(whole.slice(0, length))).toBe("refused");
    }
    const longer = new Uint8Array(whole.length + 1);
    longer.set(whole);
    expect(await readsOrRefuses(longer)).toBe("refused");
  });

  it("… any JSON in the place of an entry or of one of its fields (property)", async () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 4, 12, 48, 2 ** 53, -1, 1e300));
    const field = fc.oneof(fc.array(number, { maxLength: 3 }), fc.jsonValue());
    const wild = fc.record(
      { dtype: fc.oneof(fc.constantFrom("F32", "F4", "F6_E2M3", "I8"), field), shape: field, data_offsets: field },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.oneof(wild, fc.jsonValue()), { minKeys: 1, maxKeys: 4 }),
        fc.integer({ min: 0, max: 64 }),
        async (header, data) => {
          await readsOrRefuses(byHand(JSON.stringify(header), data));
        },
      ),
      { numRuns: cases(1500), seed: 5 },
    );
  });
});

describe("a real file", () => {
  test("stories260K has 260,032 parameters in 47 tensors", async ({ shared }) => {
    const bytes = await shared.bytes("models/stories260K/model.safetensors");
    const { tensors } = await read(bytes);
    const sizes = [...tensors.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    // 512·64 + 5 · (64·64 + 2·32·64 + 64·64 + 3·172·64 + 2·64) + 64; the head is the embedding.
    const formula = 512 * 64 + 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64 + 2 * 64) + 64;
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(formula);
    expect(tensors.size).toBe(47);
    expect(formula).toBe(260_032);
  });
});
