/** Tensors of any size and stored type in files of any layout, with their values as float32. */

import type { ExpectedTensor } from "../../../src/hub/expected.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { type Files, jsonBytes, tinyTexts } from "./tiny.ts";

export const floatTypes = ["F64", "F32", "F16", "BF16"] as const;

export interface BigTensor extends StoredTensor, ExpectedTensor {
  readonly dtype: (typeof floatTypes)[number];
  readonly role?: "embedding" | "head" | undefined;
  /** Exact in the stored type. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Eighths from −16 to 16, no two neighbours alike; exact in every type. */
export function madeTensor(
  name: string,
  shape: readonly number[],
  dtype: BigTensor["dtype"],
  seed: number,
  scale = 1,
): BigTensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const values = new Float32Array(size);
  // A generator that is quick for millions of numbers (Park and Miller 1988).
  let state = seed + 1;
  for (let i = 0; i < size; i++) {
    state = (state * 48271) % 2147483647;
    values[i] = (((state >>> 8) % 256) / 8 - 16) * scale;
  }
  const data = {
    F64: () => new Float64Array(values),
    F32: () => values,
    F16: () => float32ToFloat16(values),
    BF16: () => float32ToBfloat16(values),
  }[dtype]();
  return { name, shape, dtype, data, values };
}

export interface Layout {
  /** Spaces at the end of each header. */
  readonly padding?: number;
  readonly shards?: number;
}

export function bigFiles(tensors: readonly StoredTensor[], { padding = 0, shards = 1 }: Layout = {}): Files {
  const nameOf = (i: number) =>
    shards === 1 ? "model.safetensors" : `model-0000${i + 1}-of-0000${shards}.safetensors`;
  const files: Files = tinyTexts();
  for (let i = 0; i < shards; i++) {
    const file = writeSafetensors(tensors.filter((_, at) => at % shards === i));
    files[nameOf(i)] = padding === 0 ? file : padded(file, padding);
  }
  const places = Object.fromEntries(tensors.map(({ name }, at) => [name, nameOf(at % shards)]));
  if (shards > 1) files["model.safetensors.index.json"] = jsonBytes({ metadata: {}, weight_map: places });
  return files;
}

/** The file with a longer header, so that its numbers begin elsewhere. */
function padded(file: Uint8Array<ArrayBuffer>, spaces: number): Uint8Array<ArrayBuffer> {
  const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  const longer = new Uint8Array(file.length + spaces).fill(0x20);
  longer.set(file.subarray(0, headerEnd));
  longer.set(file.subarray(headerEnd), headerEnd + spaces);
  new DataView(longer.buffer).setBigUint64(0, BigInt(headerEnd + spaces - 8), true);
  return longer;
}
