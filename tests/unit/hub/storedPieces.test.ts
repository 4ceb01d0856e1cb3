/** Tensors in pieces of their stored numbers. Oracle: the tensor read whole, and a transpose written index by index. Seed 5. */

import { describe, expect, test } from "vitest";
import { decodeFloats } from "../../../src/hub/elements.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import type { StoredPieceOptions } from "../../../src/hub/storedPieces.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { type BigTensor, bigFiles, floatTypes, madeTensor } from "./big.ts";
import { sameBytes } from "./tiny.ts";

const open = (tensors: readonly BigTensor[], options: Parameters<typeof bigFiles>[1] = {}): Promise<OpenModel> =>
  openModel(
    modelFromSources(
      "big",
      Object.entries(bigFiles(tensors, options)).map(([name, bytes]) => bytesFromMemory(name, bytes)),
    ),
    () => tensors,
  );

/** All pieces as float32, after checks of their order and sizes. */
async function collected(model: OpenModel, { name, shape, dtype }: BigTensor, options: StoredPieceOptions) {
  const size = shape.reduce((product, side) => product * side, 1);
  const values = new Float32Array(size);
  const unit = options.unit ?? 1;
  let [end, pieces] = [0, 0];
  for await (const piece of model.pieces(name, options)) {
    const count = piece.bytes.length / { F64: 8, F32: 4, F16: 2, BF16: 2 }[dtype];
    expect([piece.at, piece.dtype, count > 0]).toEqual([end, dtype, true]);
    end += count;
    if (end < size) expect(count % unit).toBe(0);
    decodeFloats(piece.dtype, piece.bytes, values.subarray(piece.at, end));
    pieces++;
  }
  expect(end).toBe(size);
  return { values, pieces };
}

function transposed(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) result[(i % columns) * rows + Math.floor(i / columns)] = values[i] as number;
  return result;
}

describe.each(floatTypes)("%s", (dtype) => {
  const shapes = [
    [3],
    [2, 5],
    [1, 1],
    [0],
    [0, 4],
    [4, 0],
    [1000, 1501],
    // One row is longer than a piece.
    [3, 2 ** 20 + 3],
    [2 ** 21 + 5],
  ];
  const tensors = shapes.map((shape, i) => madeTensor(`t${i}`, shape, dtype, i));

  test.each([
    ["whole", {}],
    ["with a header that leaves the numbers unaligned", { padding: 1 }],
    ["in shards", { shards: 3 }],
  ])("the pieces of a file %s are its numbers", async (_name, layout) => {
    const model = await open(tensors, layout);
    for (const tensor of tensors) {
      const whole = await model.read(tensor.name);
      expect(sameBytes(whole, tensor.values)).toBe(true);
      for (const unit of [1, 4, 4 * (tensor.shape.at(-1) ?? 1) || 1]) {
        const { values } = await collected(model, tensor, { unit });
        expect(sameBytes(values, whole), `${tensor.shape} by ${unit}`).toBe(true);
      }
    }
  });

  test("a transpose is that of the whole tensor, in one pass over the file or in several", async () => {
    const matrices = [
      [2, 5],
      [5, 2],
      [1, 7],
      [7, 1],
      [0, 3],
      [3, 0],
      [1024, 3 * 1024 + 1],
      [4097, 2050],
    ].map((shape, i) => madeTensor(`m${i}`, shape, dtype, i));
    const model = await open(matrices, { padding: 3 });
    for (const tensor of matrices) {
      const wanted = transposed(await model.read(tensor.name), tensor.shape as [number, number]);
      for (const unit of [1, 4, 4 * (tensor.shape[0] ?? 1) || 1]) {
        const { values, pieces } = await collected(model, tensor, { unit, transposed: true });
        expect(sameBytes(values, wanted), `${tensor.shape} by ${unit}`).toBe(true);
        const bytes = values.length * { F64: 8, F32: 4, F16: 2, BF16: 2 }[dtype];
        expect(pieces).toBe(Math.ceil(bytes / 2 ** 24));
      }
    }
  });
});

test.each([
  ["in order", [2 ** 22], false],
  ["transposed", [2 ** 12, 2 ** 11], true],
])("a signal ends the reading %s between two pieces, with its reason", async (_name, shape, transposed) => {
  const model = await open([madeTensor("t", shape, "F32", 1)]);
  const controller = new AbortController();
  const reason = new Error("enough");
  let pieces = 0;
  const reading = async () => {
    for await (const _ of model.pieces("t", { transposed, signal: controller.signal })) {
      pieces++;
      controller.abort(reason);
    }
  };
  await expect(reading()).rejects.toBe(reason);
  expect(pieces).toBe(1);
});

test("an unknown tensor is refused", async () => {
  const model = await open([madeTensor("t", [2], "F32", 1)]);
  expect(() => model.pieces("other")).toThrow('The model has no tensor "other".');
});
