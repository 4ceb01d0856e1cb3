/** Numbers that float16 cannot have. Oracle: the numbers' own float16, from the conversion that has its own tests. */

import { describe, expect, test } from "vitest";
import { createLibrary } from "../../../src/engine/library.ts";
import type { FloatDType } from "../../../src/hub/elements.ts";
import { countHalf } from "../../../src/hub/half.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../../src/tensor/convert.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { asFiles, tinyModel, tinyTensors } from "../../support/tinyLlama.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

function wanted(values: Float32Array) {
  const halves = float16ToFloat32(float32ToFloat16(values));
  const count = (test: (value: number, half: number) => boolean) =>
    values.reduce((sum, value, i) => sum + Number(test(value, halves[i] as number)), 0);
  return {
    over: count((_, half) => !Number.isFinite(half)),
    lost: count((value, half) => value !== 0 && half === 0),
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>) =>
  new Uint8Array(buffer, byteOffset, byteLength);

describe("are counted", () => {
  test("among all finite bfloat16 patterns", () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).filter((i) => (i & 0x7f80) !== 0x7f80);
    const count = countHalf("BF16", bytesOf(bits));
    expect(count).toEqual(wanted(bfloat16ToFloat32(bits)));
    expect(Math.min(count.over, count.lost)).toBeGreaterThan(1000);
  });

  // 65,504 is float16's largest number, 65,520 rounds to infinity; 2^-25 rounds to zero, 2^-24 is its smallest number.
  const borders = [0, 1, 65504, 65519.99, 65520, 65536, 1e38, 2 ** -24, 2 ** -25, 2 ** -25 * 1.0000002, 1e-38, 1e-45];
  const random = createRandom(3);
  const values = Float32Array.from([
    ...borders,
    ...borders.map((value) => -value),
    ...Array.from({ length: 5000 }, () => (random.next() - 0.5) * 2 ** (random.below(80) - 40)),
  ]);

  test.each<[FloatDType, ArrayBufferView<ArrayBuffer>, Float32Array]>([
    ["F32", values, values],
    ["F64", new Float64Array(values), values],
    ["BF16", float32ToBfloat16(values) as Uint16Array<ArrayBuffer>, bfloat16ToFloat32(float32ToBfloat16(values))],
  ])("of %s at the borders and between, aligned or not", (dtype, stored, numbers) => {
    const bytes = bytesOf(stored);
    const count = countHalf(dtype, bytes);
    expect(count).toEqual(wanted(numbers));
    expect(count.over).toBeGreaterThan(100);
    const moved = new Uint8Array(bytes.length + 1);
    moved.set(bytes, 1);
    expect(countHalf(dtype, moved.subarray(1))).toEqual(count);
  });

  test("in F16, which has none", () => {
    expect(countHalf("F16", bytesOf(Uint16Array.of(0x7bff, 1, 0)))).toEqual({ over: 0, lost: 0 });
  });
});

describe("in a model", () => {
  const [first, ...others] = tinyTensors();
  if (!first) throw new Error("The model has no tensor.");
  const numbers = first.data.slice();
  numbers.set([1e5, -7e4, 1e-9]);
  // Norms stay float32, so their numbers do not count.
  const tensors = [
    { ...first, data: numbers },
    ...others.map((tensor) => (tensor.shape.length === 1 ? { ...tensor, data: tensor.data.map(() => 1e6) } : tensor)),
  ];
  const half = { over: 2, lost: 1 };
  const source = { kind: "files", files: asFiles(tinyModel(tensors)), name: "tiny" } as const;

  async function libraryOn(disk: ReturnType<typeof newDisk>, events: EngineEvent[] = []) {
    const storage = await openStorage(tabOn(disk));
    return { storage, library: createLibrary(storage, (event) => void events.push(event)) };
  }

  test("are counted when it is opened, and come back with its copy", async () => {
    const disk = newDisk();
    const { library } = await libraryOn(disk);
    const { summary } = await library.openModel(source);
    expect(summary).toMatchObject({ half, types: ["F32"] });
    expect(summary.notes.join(" ")).toContain("2 weights are beyond 65,504, the largest number of 16 bits");
    const plain = await library.openModel({ kind: "files", files: asFiles(tinyModel()), name: "plain" });
    expect([plain.summary.half, plain.summary.notes]).toEqual([{ over: 0, lost: 0 }, []]);
    const events: EngineEvent[] = [];
    const again = await libraryOn(disk, events);
    expect((await again.library.model(summary.hash)).summary).toMatchObject({ half, types: ["F32"] });
    expect(await again.library.half(summary.hash)).toEqual(half);
    expect(events).toEqual([]);
  });

  test("are counted once for a copy of an earlier version, which can be cancelled", async () => {
    const disk = newDisk();
    const { library, storage } = await libraryOn(disk);
    const { summary } = await library.openModel(source);
    const { half: _, types: __, ...earlier } = summary;
    await storage.models.summarise(summary.hash, earlier);
    const events: EngineEvent[] = [];
    const next = await libraryOn(disk, events);
    expect((await next.library.model(summary.hash)).summary).toMatchObject({ half: null, types: [] });
    await expect(next.library.half(summary.hash, AbortSignal.abort(new Error("no")))).rejects.toThrow("no");
    expect(await next.library.half(summary.hash)).toEqual(half);
    const bytes = tensors.reduce((sum, { shape, data }) => sum + (shape.length > 1 ? data.byteLength : 0), 0);
    expect(events.at(-1)).toEqual({ type: "progress", task: "Checking the numbers", done: bytes, total: bytes });
    events.length = 0;
    expect(await next.library.half(summary.hash)).toEqual(half);
    const last = await libraryOn(disk, events);
    expect(await last.library.half(summary.hash)).toEqual(half);
    expect(await last.storage.models.get(summary.hash)).toMatchObject({ summary: { ...earlier, half } });
    expect(events).toEqual([]);
    await last.storage.models.summarise("f".repeat(64), earlier);
    expect((await last.storage.models.list()).entries).toHaveLength(1);
  });
});
