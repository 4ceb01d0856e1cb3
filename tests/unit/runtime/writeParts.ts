/** Tensors written in parts, on any provider, beside a typed array with the same writes. */

import type { Runtime, TensorData } from "../../../src/runtime/types.ts";
import type { DType } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";

interface Row {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly array: new (length: number) => TensorData;
  /** Elements in 4 bytes, at least 1. */
  readonly unit: number;
}

export const writtenInParts: readonly Row[] = [
  { dtype: "float32", shape: [7, 5], array: Float32Array, unit: 1 },
  { dtype: "float16", shape: [7, 5], array: Uint16Array, unit: 2 },
  { dtype: "float16", shape: [3], array: Uint16Array, unit: 2 },
  { dtype: "int32", shape: [35], array: Int32Array, unit: 1 },
  { dtype: "int64", shape: [9], array: BigInt64Array, unit: 1 },
  { dtype: "uint8", shape: [5, 13], array: Uint8Array, unit: 4 },
  { dtype: "uint8", shape: [1], array: Uint8Array, unit: 4 },
  { dtype: "bool", shape: [11], array: Uint8Array, unit: 4 },
];

/** What each row has after three passes of parts in random order (seed 7), and what it should have. */
export async function writeInParts(
  runtime: Runtime,
): Promise<{ readonly got: TensorData; readonly wanted: TensorData }[]> {
  const random = createRandom(7);
  const results: { got: TensorData; wanted: TensorData }[] = [];
  for (const { dtype, shape, array, unit } of writtenInParts) {
    const size = shape.reduce((product, side) => product * side, 1);
    const wanted = new array(size);
    const tensor = runtime.tensor(`parts of ${dtype}`, dtype, shape);
    const parts: { readonly at: number; readonly data: TensorData }[] = [];
    for (let pass = 0; pass < 3; pass++) {
      for (let at = 0; at < size; ) {
        const count = Math.min(size - at, unit * (1 + Math.floor(3 * random.next())));
        parts.push({ at, data: filled(new array(count), () => Math.floor(2 * random.next()) + 1) });
        at += count;
      }
    }
    for (const { at, data } of shuffled(parts, random.next)) {
      tensor.write(data, at);
      (wanted as Uint8Array).set(data as Uint8Array, at);
    }
    tensor.write(new array(0), size - (size % unit));
    results.push({ got: await tensor.read(), wanted });
    tensor.dispose();
  }
  return results;
}

function filled(data: TensorData, next: () => number): TensorData {
  for (let i = 0; i < data.length; i++) data[i] = data instanceof BigInt64Array ? BigInt(next()) : next();
  return data;
}

const shuffled = <T>(items: readonly T[], next: () => number): T[] =>
  items
    .map((item) => ({ item, place: next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
