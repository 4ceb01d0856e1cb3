/** ONNX Runtime's checkpoint. Oracles: the npm package flatbuffers for the encoding, and what was written. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Fields, rootTable, writeFlatbuffer } from "../../../src/onnx/flatbuffer.ts";
import { type OrtCheckpoint, readOrtCheckpoint, writeOrtCheckpoint } from "../../../src/onnx/ortCheckpoint.ts";

const tensors = fc.array(
  fc.record({
    name: fc.string({ maxLength: 20 }),
    values: fc.array(fc.float({ noNaN: true }), { maxLength: 40 }),
  }),
  { maxLength: 4 },
);

const tensorOf = ({ name, values }: { name: string; values: number[] }) => ({
  name,
  type: 1,
  shape: [values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

const checkpoints = fc
  .record({
    trainable: tensors,
    frozen: tensors,
    moments: tensors,
    step: fc.nat(),
    rate: fc.float({ noNaN: true }),
    ints: fc.dictionary(fc.string(), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { noNullPrototype: true }),
    strings: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
  })
  .map(
    ({ trainable, frozen, moments, step, rate, ints, strings }): OrtCheckpoint => ({
      trainable: trainable.map(tensorOf),
      frozen: frozen.map(tensorOf),
      nominal: false,
      groups: [
        {
          name: "group0",
          step,
          learningRate: rate,
          states: trainable.map(({ name }) => ({ name, optimizerMoments: moments.map(tensorOf) })),
        },
      ],
      ints: new Map(Object.entries(ints)),
      floats: new Map([["loss", Math.fround(0.1)]]),
      strings: new Map(Object.entries(strings)),
    }),
  );

describe("a checkpoint", () => {
  test("is read as it was written, in one file and in two; writing is deterministic", () => {
    fc.assert(
      fc.property(checkpoints, fc.boolean(), (checkpoint, outside) => {
        const written = writeOrtCheckpoint(checkpoint, outside);
        expect(written.data !== null).toBe(outside);
        const back = readOrtCheckpoint(written.checkpoint, written.data);
        expect(back).toEqual(checkpoint);
        expect(writeOrtCheckpoint(back, outside)).toEqual(written);
      }),
      { seed: 22, numRuns: 100 },
    );
  });

  const small = writeOrtCheckpoint(
    {
      trainable: [tensorOf({ name: "w", values: Array.from({ length: 40 }, (_, i) => i) })],
      frozen: [],
      nominal: false,
      groups: [],
      ints: new Map(),
      floats: new Map(),
      strings: new Map(),
    },
    true,
  );

  test("says what is missing", () => {
    expect(() => readOrtCheckpoint(small.checkpoint)).toThrow(/second file, <checkpoint>\.data/);
    expect(() => readOrtCheckpoint(small.checkpoint, new Uint8Array(8))).toThrow(
      /tensor w: bytes 0 to 160 lie outside the 8/,
    );
    expect(() => readOrtCheckpoint(Uint8Array.from({ length: 64 }, (_, i) => i))).toThrow(/not with ODTC/);
    expect(() => readOrtCheckpoint(small.checkpoint.slice(0, 40), small.data)).toThrow(/cannot be read|damaged/);
    expect(() => readOrtCheckpoint(new Uint8Array(0))).toThrow(/not with ODTC/);
  });
});

describe("a flatbuffer", () => {
  const fields: Fields = [
    { kind: "int32", value: -7 },
    null,
    { kind: "text", value: "héllo" },
    { kind: "int64", value: 2n ** 40n },
    { kind: "bytes", value: Uint8Array.of(1, 2, 3) },
    { kind: "int64s", value: [1n, -1n] },
    {
      kind: "table",
      value: [
        { kind: "float", value: 0.5 },
        { kind: "bool", value: 1 },
      ],
    },
    { kind: "tables", value: [[{ kind: "text", value: "a" }], [{ kind: "text", value: "b" }]] },
  ];
  const bytes = writeFlatbuffer(fields, "TEST");

  test("is read as it was written", () => {
    const table = rootTable(bytes, "TEST");
    expect([table.int32(0), table.int32(1), table.text(2), table.int64(3)]).toEqual([-7, 0, "héllo", 2n ** 40n]);
    expect([table.bytes(4), table.int64s(5)]).toEqual([Uint8Array.of(1, 2, 3), [1n, -1n]]);
    expect([table.table(6)?.float(0), table.table(6)?.bool(1), table.table(20)]).toEqual([0.5, true, null]);
    expect(table.tables(7).map((entry) => entry.text(0))).toEqual(["a", "b"]);
  });

  test("the package flatbuffers reads it too", async () => {
    const { ByteBuffer } = await import("flatbuffers");
    const buffer = new ByteBuffer(bytes);
    const root = buffer.readInt32(0);
    const field = (index: number) => root + buffer.__offset(root, 4 + 2 * index);
    expect(buffer.readInt32(field(0))).toBe(-7);
    expect(buffer.__offset(root, 6)).toBe(0);
    expect(buffer.__string(field(2))).toBe("héllo");
    expect(buffer.readInt64(field(3))).toBe(2n ** 40n);
    expect(buffer.__vector_len(field(4))).toBe(3);
    expect(buffer.readInt8(buffer.__vector(field(4)) + 2)).toBe(3);
    expect(buffer.readInt64(buffer.__vector(field(5)) + 8)).toBe(-1n);
  });

  test("a file that refers to one place many times costs no more than its size", () => {
    const list = writeFlatbuffer([{ kind: "tables", value: Array.from({ length: 5000 }, () => []) }], "TEST");
    const view = new DataView(list.buffer);
    const vector = rootVector(view);
    // Every entry refers to the last table.
    const last = vector + 4 + 4 * 4999;
    const target = last + view.getUint32(last, true);
    for (let i = 0; i < 5000; i++) view.setUint32(vector + 4 + 4 * i, target - (vector + 4 + 4 * i), true);
    expect(rootTable(list, "TEST").tables(0)).toHaveLength(5000);
    view.setUint32(vector, 2 ** 31, true);
    expect(() => rootTable(list, "TEST").tables(0)).toThrow(/again and again/);
  });
});

/** Position of the vector that is field 0 of the root. */
function rootVector(view: DataView): number {
  const root = view.getUint32(0, true);
  const at = root + view.getUint16(root - view.getInt32(root, true) + 4, true);
  return at + view.getUint32(at, true);
}
