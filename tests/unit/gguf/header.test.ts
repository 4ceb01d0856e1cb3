/**
 * The header of GGUF files. Oracle: gguf-py, which wrote and read tests/golden/gguf/header.json; for faults, the format's
 * text (ggml docs/gguf.md).
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readHeader, readNumbers, readTexts } from "../../../src/gguf/read.ts";
import { type ArrayPlace, type GgufData, GgufError, type TensorHead } from "../../../src/gguf/types.ts";
import { layoutGguf, paddingAfter } from "../../../src/gguf/write.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";

interface Golden {
  readonly file: string;
  readonly dataStart: number;
  readonly tensors: readonly { name: string; type: string; shape: number[]; start: number; byteLength: number }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL("../../golden/gguf/header.json", import.meta.url), "utf8"));
const goldenFile = new Uint8Array(Buffer.from(golden.file, "base64"));

const sourceOf = (bytes: Uint8Array<ArrayBuffer>) => bytesFromMemory("small.gguf", bytes);

/** A file with its data; each tensor's bytes are its number in the table, from 1. */
function fileOf(
  keys: Readonly<Record<string, GgufData>>,
  tensors: readonly TensorHead[] = [],
): Uint8Array<ArrayBuffer> {
  const layout = layoutGguf(new Map(Object.entries(keys)), tensors);
  const file = new Uint8Array(layout.byteLength);
  file.set(layout.head);
  for (const [i, { start, end }] of layout.tensors.entries()) file.fill(i + 1, start, end);
  return file;
}

describe("a file of gguf-py", () => {
  it("has the values that were written", async () => {
    const source = sourceOf(goldenFile);
    const { version, keys } = await readHeader(source);
    expect(version).toBe(3);
    const plain = new Map<string, unknown>();
    for (const [key, value] of keys) {
      if (value.type !== "array") plain.set(key, value.value);
      else if (value.items === "string") plain.set(key, await readTexts(source, key, value));
      else if (value.items !== "bool") plain.set(key, await readNumbers(source, key, value));
      else plain.set(key, value.count);
    }
    expect(Object.fromEntries(plain)).toEqual({
      "general.architecture": "llama",
      "test.uint8": 255,
      "test.int8": -128,
      "test.uint16": 65_535,
      "test.int16": -32_768,
      "test.uint32": 4_294_967_295,
      "test.int32": -2_147_483_648,
      "test.float32": Math.fround(0.1),
      "test.true": true,
      "test.false": false,
      "test.string": "Grüße, 世界 🌍\n",
      "test.uint64": Number.MAX_SAFE_INTEGER,
      "test.beyond": 2n ** 64n - 1n,
      "test.int64": Number.MIN_SAFE_INTEGER,
      "test.float64": 0.1,
      "test.strings": ["a", "", "日本", "\ufeffmark", "Ġthe"],
      "test.ints": [1, -2, 3],
      "test.floats": [0.5, Math.fround(-1e30), 3],
      "test.truths": 3,
    });
  });

  it("has gguf-py's tensors", async () => {
    const { tensors, dataStart } = await readHeader(sourceOf(goldenFile));
    expect(dataStart).toBe(golden.dataStart);
    expect([...tensors.values()]).toEqual(
      golden.tensors.map(({ byteLength, ...tensor }) => ({ ...tensor, end: tensor.start + byteLength })),
    );
  });
});

describe("a file of Hone", () => {
  const keys: Readonly<Record<string, GgufData>> = {
    "general.architecture": { type: "string", value: "llama" },
    small: { type: "uint8", value: 7 },
    negative: { type: "int16", value: -300 },
    large: { type: "uint64", value: 2n ** 63n },
    below: { type: "int64", value: -(2n ** 63n) },
    real: { type: "float32", value: 1e-5 },
    yes: { type: "bool", value: true },
    texts: { type: "array", items: "string", values: ["", "ß", "\ufeff"] },
    numbers: { type: "array", items: "float32", values: Float32Array.of(0.5, -1) },
    ids: { type: "array", items: "int32", values: [3, -4] },
    truths: { type: "array", items: "bool", values: [true, false] },
    none: { type: "array", items: "string", values: [] },
  };
  const tensors: readonly TensorHead[] = [
    { name: "a", type: "F16", shape: [3] },
    { name: "b", type: "Q8_0", shape: [2, 64] },
    { name: "empty", type: "F32", shape: [0, 4] },
    { name: "c", type: "F32", shape: [2, 3, 5] },
    { name: "scalar", type: "F32", shape: [] },
  ];

  it("is read as it was written", async () => {
    const file = fileOf(keys, tensors);
    const source = sourceOf(file);
    const header = await readHeader(source);
    for (const [key, data] of Object.entries(keys)) {
      const value = header.keys.get(key);
      if (data.type !== "array")
        expect(value).toEqual(data.type === "float32" ? { ...data, value: Math.fround(1e-5) } : data);
      else expect(value).toMatchObject({ type: "array", items: data.items, count: data.values.length });
    }
    expect(await readTexts(source, "texts", header.keys.get("texts") as ArrayPlace)).toEqual(["", "ß", "\ufeff"]);
    expect(await readNumbers(source, "ids", header.keys.get("ids") as ArrayPlace)).toEqual([3, -4]);
    expect(header.tensors.size).toBe(tensors.length);
    let number = 0;
    for (const { name, start, end } of header.tensors.values()) {
      expect(start % 32, name).toBe(0);
      number += 1;
      expect([...new Set(file.subarray(start, end))], name).toEqual(start === end ? [] : [number]);
    }
    expect(header.tensors.get("c")).toMatchObject({ type: "F32", shape: [2, 3, 5] });
    expect([0, 1, 31, 32, 33].map(paddingAfter)).toEqual([0, 31, 1, 0, 31]);
  });

  it.each<[string, Readonly<Record<string, GgufData>>, readonly TensorHead[], string]>([
    ["a tensor twice", {}, [tensors[0], tensors[0]] as TensorHead[], "appears twice"],
    ["rows that are no whole blocks", {}, [{ name: "w", type: "Q4_0", shape: [2, 33] }], "no blocks of 32"],
    ["five dimensions", {}, [{ name: "w", type: "F32", shape: [1, 1, 1, 1, 1] }], "above GGUF's 4"],
    ["a long name", {}, [{ name: "w".repeat(64), type: "F32", shape: [1] }], "64 bytes, above ggml's 63"],
    ["a number outside its type", { k: { type: "uint8", value: 256 } }, [], "k: 256 is outside uint8"],
    ["a negative unsigned number", { k: { type: "uint64", value: -1 } }, [], "k: -1 is outside uint64"],
    ["half a number", { k: { type: "array", items: "int32", values: [0.5] } }, [], "k: 0.5 is no exact whole number"],
    ["another alignment", { "general.alignment": { type: "uint32", value: 64 } }, [], "always 32"],
  ])("refuses to write %s", (_name, own, heads, message) => {
    expect(() => layoutGguf(new Map(Object.entries(own)), heads)).toThrow(message);
  });
});

/** Little-endian bytes of a header by hand. */
const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
const u64 = (value: number | bigint) => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)];
const text = (value: string) => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...u64(bytes.length), ...bytes];
};
const head = (tensors: number | bigint, keys: number | bigint, version = 3) => [
  ...new TextEncoder().encode("GGUF"),
  ...u32(version),
  ...u64(tensors),
  ...u64(keys),
];
const key = (name: string, type: number, ...value: number[]) => [...text(name), ...u32(type), ...value];
const tensor = (name: string, sizes: readonly (number | bigint)[], type: number, offset: number | bigint) => [
  ...text(name),
  ...u32(sizes.length),
  ...sizes.flatMap(u64),
  ...u32(type),
  ...u64(offset),
];
/** With data of so many bytes after the padded header. */
const withData = (bytes: readonly number[], data = 0) => [
  ...bytes,
  ...new Uint8Array(Math.ceil(bytes.length / 32) * 32 - bytes.length + data),
];

describe("refuses by name", () => {
  const most = 2n ** 64n - 1n;
  it.each<[string, readonly number[], string]>([
    ["an empty file", [], "small.gguf is no GGUF file: it is empty"],
    ["another file", [123, 34, 97, 34], "begins with the bytes 123, 34, 97, 34"],
    ["a beginning alone", [71, 71, 85, 70], "ends at byte 4, but the version needs 4 bytes"],
    ["version 1", head(0, 0, 1), "GGUF's version 1"],
    ["version 4", head(0, 0, 4), "GGUF's version 4"],
    ["big-endian", head(0, 0, 3 * 2 ** 24), "big-endian"],
    ["tensors without end", head(most, 0), `the number of tensors is ${most}, above the limit`],
    ["keys without end", head(0, most), `the number of keys is ${most}, above the limit`],
    ["keys that are absent", head(0, 5), "the length of the name of key 1 of 5 needs 8 bytes"],
    ["a key of another type", [...head(0, 1), ...key("k", 99)], 'the unknown type 99 at the key "k"'],
    ["a key twice", [...head(0, 2), ...key("k", 0, 1), ...key("k", 0, 1)], 'the key "k" twice'],
    ["a key that is no UTF-8", [...head(0, 1), ...u64(1), 255, ...u32(0), 1], "the name of key 1 of 1 is no UTF-8"],
    ["a text beyond the file", [...head(0, 1), ...key("k", 8, ...u64(100), 1)], 'the value of "k" needs 100 bytes'],
    ["a text without end", [...head(0, 1), ...key("k", 8, ...u64(most))], `the length of the value of "k" is ${most}`],
    ["arrays in an array", [...head(0, 1), ...key("k", 9, ...u32(9), ...u64(1))], 'arrays in the array "k"'],
    ["an array of another type", [...head(0, 1), ...key("k", 9, ...u32(77), ...u64(0))], "unknown type 77"],
    ["an array beyond the file", [...head(0, 1), ...key("k", 9, ...u32(4), ...u64(9))], 'the array "k" needs 36 bytes'],
    [
      "an array without end",
      [...head(0, 1), ...key("k", 9, ...u32(4), ...u64(most))],
      'the length of the array "k" is',
    ],
    [
      "texts beyond the file",
      [...head(0, 1), ...key("k", 9, ...u32(8), ...u64(2), ...text("a"))],
      'the array "k" needs 8',
    ],
    [
      "a text of an array beyond",
      [...head(0, 1), ...key("k", 9, ...u32(8), ...u64(1), ...u64(most))],
      "needs 18446744073709552000",
    ],
    [
      "an alignment of 0",
      [...head(0, 1), ...key("general.alignment", 4, ...u32(0))],
      "has uint32 0 at general.alignment",
    ],
    ["an alignment of 48", [...head(0, 1), ...key("general.alignment", 4, ...u32(48))], "not a power of two"],
    ["an alignment as text", [...head(0, 1), ...key("general.alignment", 8, ...text("32"))], 'has string "32"'],
    ["five dimensions", [...head(1, 0), ...tensor("w", [1, 1, 1, 1, 1], 0, 0)], "has 5 dimensions"],
    ["a size without end", [...head(1, 0), ...tensor("w", [most], 0, 0)], 'size 1 of tensor "w" is'],
    ["a product without end", [...head(1, 0), ...tensor("w", [2 ** 40, 2 ** 40], 0, 0)], 'has tensor "w" as F32['],
    ["a type of the future", [...head(1, 0), ...tensor("w", [32], 99, 0)], 'tensor "w" has type 99'],
    ["a removed type", [...head(1, 0), ...tensor("w", [32], 4, 0)], 'tensor "w" has type 4'],
    ["half a block", [...head(1, 0), ...tensor("w", [48, 2], 8, 0)], "Q8_0 needs rows of whole blocks of 32"],
    ["an odd offset", withData([...head(1, 0), ...tensor("w", [4], 0, 8)], 64), "offset 8, which is no multiple of 32"],
    [
      "a cut-off file",
      withData([...head(1, 0), ...tensor("w", [4], 0, 0)], 15),
      'cut off: tensor "w" ends at byte 80, but the file has 79 bytes',
    ],
    [
      "an offset without end",
      withData([...head(1, 0), ...tensor("w", [4], 0, most)], 64),
      'the offset of tensor "w" is',
    ],
    [
      "a tensor twice",
      withData([...head(2, 0), ...tensor("w", [4], 0, 0), ...tensor("w", [4], 0, 32)], 64),
      'the tensor "w" twice',
    ],
    [
      "tensors in the same bytes",
      withData([...head(2, 0), ...tensor("v", [16], 0, 0), ...tensor("w", [4], 0, 32)], 64),
      'tensors "v" and "w" in the same bytes',
    ],
  ])("%s", async (_name, bytes, message) => {
    const source = sourceOf(Uint8Array.from(bytes));
    const error = await readHeader(source).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GgufError);
    const { message: actual } = error as Error;
    expect(actual).toContain(message);
    expect(actual.length).toBeLessThan(300);
  });

  it("texts of an array that are no UTF-8, and arrays of another type", async () => {
    const bytes = [...head(0, 1), ...key("k", 9, ...u32(8), ...u64(2), ...text("a"), ...u64(2), 0xc3, 0x28)];
    const source = sourceOf(Uint8Array.from(bytes));
    const value = (await readHeader(source)).keys.get("k") as ArrayPlace;
    await expect(readTexts(source, "k", value)).rejects.toThrow('text 1 of the array "k" is no UTF-8');
    await expect(readNumbers(source, "k", value)).rejects.toThrow('texts in the array "k", not numbers');
  });
});

it("reads version 2, other alignments, gaps, and bytes after the last tensor", async () => {
  const bytes = [...head(1, 1, 2), ...key("general.alignment", 4, ...u32(8)), ...tensor("w", [2], 0, 16)];
  const padded = [...bytes, ...new Uint8Array(Math.ceil(bytes.length / 8) * 8 - bytes.length + 16 + 8 + 5)];
  const { tensors, dataStart } = await readHeader(sourceOf(Uint8Array.from(padded)));
  expect(dataStart % 8).toBe(0);
  expect(tensors.get("w")).toMatchObject({ start: dataStart + 16, end: dataStart + 24 });
});

it("forwards the signal", async () => {
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  await expect(readHeader(sourceOf(goldenFile), stop.signal)).rejects.toThrow("stopped");
});
