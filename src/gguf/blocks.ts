/**
 * The numbers of each tensor type (ggml-quants.c): blocks to float32, and float32 to F16, Q8_0 and Q4_0. All products are
 * exact in float32, and a sum is rounded once, so every number equals gguf-py's bit for bit.
 */

import { type BlockStorage, type Blocks, blockSize, quantise } from "../tensor/blocks.ts";
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from "../tensor/convert.ts";
import { type TensorType, tensorTypes } from "./types.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Decode = (bytes: Bytes, halves: (offset: number) => Float32Array, out: Float32Array) => void;

const at = (numbers: Uint8Array | Float32Array, index: number): number => numbers[index] as number;

/** 32 values in 4 bits, low nibbles first; the fifth bits follow at `high` where the type has them. */
function decode32(
  stride: number,
  low: number,
  high: number | null,
  value: (q: number, block: number) => number,
): Decode {
  return (bytes, _, out) => {
    for (let block = 0, from = 0, to = 0; from < bytes.length; block++, from += stride, to += 32) {
      for (let i = 0; i < 16; i++) {
        const pair = at(bytes, from + low + i);
        const first = high === null ? 0 : ((at(bytes, from + high + (i >> 3)) >> (i & 7)) & 1) << 4;
        const second = high === null ? 0 : ((at(bytes, from + high + 2 + (i >> 3)) >> (i & 7)) & 1) << 4;
        out[to + i] = value((pair & 15) | first, block);
        out[to + i + 16] = value((pair >> 4) | second, block);
      }
    }
  };
}

/** Types whose values are d·(q − zero). */
const scaled = (type: "Q4_0" | "Q5_0", zero: number, low: number, high: number | null): Decode => {
  return (bytes, halves, out) => {
    const d = halves(0);
    decode32(tensorTypes[type].bytes, low, high, (q, block) => at(d, block) * (q - zero))(bytes, halves, out);
  };
};

/** Types whose values are d·q + m. */
const shifted = (type: "Q4_1" | "Q5_1", low: number, high: number | null): Decode => {
  return (bytes, halves, out) => {
    const [d, m] = [halves(0), halves(2)];
    decode32(tensorTypes[type].bytes, low, high, (q, block) => at(d, block) * q + at(m, block))(bytes, halves, out);
  };
};

/** Scale and minimum of part `j` of 8, six bits each, of the 12 bytes at `from`. */
function scaleAndMinimum(bytes: Bytes, from: number, j: number): readonly [number, number] {
  if (j < 4) return [at(bytes, from + j) & 63, at(bytes, from + j + 4) & 63];
  const both = at(bytes, from + j + 4);
  return [(both & 15) | ((at(bytes, from + j - 4) >> 6) << 4), (both >> 4) | ((at(bytes, from + j) >> 6) << 4)];
}

/** Q4_K and Q5_K: 8 parts of 32 values, (d·scale)·q − dmin·minimum. */
const kParts = (stride: number, high: number | null, low: number): Decode => {
  return (bytes, halves, out) => {
    const [ds, mins] = [halves(0), halves(2)];
    for (let block = 0, from = 0, to = 0; from < bytes.length; block++, from += stride, to += 256) {
      for (let j = 0; j < 8; j++) {
        const [scale, minimum] = scaleAndMinimum(bytes, from + 4, j);
        const [d, m] = [at(ds, block) * scale, at(mins, block) * minimum];
        const nibbles = from + low + 32 * (j >> 1);
        for (let i = 0; i < 32; i++) {
          const fifth = high === null ? 0 : ((at(bytes, from + high + i) >> j) & 1) << 4;
          const q = ((at(bytes, nibbles + i) >> (4 * (j & 1))) & 15) | fifth;
          out[to + 32 * j + i] = d * q - m;
        }
      }
    }
  };
};

/** Q6_K: 16 parts of 16 values, d·scale·(q − 32); four bits of q in `ql`, two in `qh`. */
const decodeQ6K: Decode = (bytes, halves, out) => {
  const ds = halves(208);
  for (let block = 0, from = 0, to = 0; from < bytes.length; block++, from += 210, to += 256) {
    const d = at(ds, block);
    for (let i = 0; i < 256; i++) {
      const [half, rest] = [i >> 7, i & 127];
      const low = (at(bytes, from + 64 * half + (rest & 63)) >> (4 * (rest >> 6))) & 15;
      const high = (at(bytes, from + 128 + 32 * half + (rest & 31)) >> (2 * (rest >> 5))) & 3;
      const scale = (at(bytes, from + 192 + (i >> 4)) << 24) >> 24;
      out[to + i] = d * scale * ((low | (high << 4)) - 32);
    }
  }
};

const decodeQ8: Decode = (bytes, halves, out) => {
  const d = halves(0);
  for (let block = 0, from = 2, to = 0; from < bytes.length; block++, from += 34, to += 32) {
    const scale = at(d, block);
    for (let i = 0; i < 32; i++) out[to + i] = ((at(bytes, from + i) << 24) >> 24) * scale;
  }
};

const decoders: Readonly<Record<Exclude<TensorType, "F32" | "F16" | "BF16">, Decode>> = {
  Q8_0: decodeQ8,
  Q4_0: scaled("Q4_0", 8, 2, null),
  Q4_1: shifted("Q4_1", 4, null),
  Q5_0: scaled("Q5_0", 16, 6, 2),
  Q5_1: shifted("Q5_1", 8, 4),
  Q4_K: kParts(144, null, 16),
  Q5_K: kParts(176, 16, 48),
  Q6_K: decodeQ6K,
};

/** The bytes where a typed array of that width can view them. */
const aligned = (bytes: Bytes, width: number): Bytes => (bytes.byteOffset % width === 0 ? bytes : bytes.slice());

/** Decodes whole blocks into `out`, which must have as many numbers. Throws RangeError for another length. */
export function decodeBlocks(
  type: TensorType,
  bytes: Bytes,
  out: Float32Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const { size, bytes: stride } = tensorTypes[type];
  if (bytes.length % stride !== 0 || (bytes.length / stride) * size !== out.length) {
    throw new RangeError(`${bytes.length} bytes of ${type} are not ${out.length} numbers.`);
  }
  if (type === "F32") new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
  else if (type === "F16" || type === "BF16") {
    const { buffer, byteOffset } = aligned(bytes, 2);
    const bits = new Uint16Array(buffer, byteOffset, out.length);
    if (type === "F16") float16ToFloat32(bits, out);
    else bfloat16ToFloat32(bits, out);
  } else decoders[type](bytes, (offset) => halvesAt(bytes, stride, offset), out);
  return out;
}

/** The float16 at `offset` in each block. */
function halvesAt(bytes: Uint8Array, stride: number, offset: number): Float32Array {
  const bits = new Uint16Array(bytes.length / stride);
  for (let block = 0, from = offset; block < bits.length; block++, from += stride) {
    bits[block] = at(bytes, from) | (at(bytes, from + 1) << 8);
  }
  return float16ToFloat32(bits);
}

/** The types that Hone writes. */
export const writtenTypes = ["F32", "F16", "Q8_0", "Q4_0"] as const;
export type WrittenType = (typeof writtenTypes)[number];

/** The types whose blocks Hone's own storages can have. */
export type StoredBlockType = "Q8_0" | "Q4_0";
const storageOf = { Q8_0: "int8", Q4_0: "int4" } as const satisfies Readonly<Record<StoredBlockType, BlockStorage>>;

/**
 * The bytes of whole rows of `columns` numbers, as llama.cpp writes them. Throws RangeError as `quantise` does: rows that are
 * no whole blocks, and numbers that the type cannot have.
 */
export function encodeBlocks(type: WrittenType, values: Float32Array<ArrayBuffer>, columns: number): Bytes {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === "F16") return new Uint8Array(float32ToFloat16(values).buffer as ArrayBuffer);
  return fromStored(type, quantise(storageOf[type], values, columns));
}

/** The file's blocks of Hone's own: int8 becomes Q8_0 and int4 becomes Q4_0, number for number. */
export function fromStored(type: StoredBlockType, { data, scales }: Pick<Blocks, "data" | "scales">): Bytes {
  const stride = tensorTypes[type].bytes;
  const halves = float32ToFloat16(scales);
  const bytes = new Uint8Array(scales.length * stride);
  for (let block = 0, to = 0; block < scales.length; block++, to += stride) {
    const half = halves[block] as number;
    bytes[to] = half & 255;
    bytes[to + 1] = half >> 8;
    if (type === "Q8_0") {
      for (let i = 0; i < blockSize; i++) bytes[to + 2 + i] = at(data, block * blockSize + i) - 128;
      continue;
    }
    // Hone's pairs are neighbours; the file's low nibbles are the first half of a block.
    for (let i = 0; i < 16; i++) {
      const shift = 4 * (i & 1);
      const low = (at(data, 16 * block + (i >> 1)) >> shift) & 15;
      const high = (at(data, 16 * block + 8 + (i >> 1)) >> shift) & 15;
      bytes[to + 2 + i] = low | (high << 4);
    }
  }
  return bytes;
}

/**
 * Hone's blocks of the file's, number for number: Q8_0 as int8, Q4_0 as int4 or, with the same scales, as int8. Throws
 * RangeError for a scale that is infinite or not a number.
 */
export function toStored(type: StoredBlockType, bytes: Bytes, storage: "int8" | "int4"): Blocks {
  const stride = tensorTypes[type].bytes;
  const scales = halvesAt(bytes, stride, 0) as Float32Array<ArrayBuffer>;
  const wrong = scales.find((scale) => !Number.isFinite(scale));
  if (wrong !== undefined)
    throw new RangeError(`The weights contain a block with the scale ${wrong}: open intact weights.`);
  if (type === "Q8_0" && storage === "int4") throw new RangeError("Q8_0 has more bits than int4.");
  const data = new Uint8Array(scales.length * (storage === "int8" ? 32 : 16));
  for (let block = 0, from = 2; block < scales.length; block++, from += stride) {
    if (type === "Q8_0") {
      for (let i = 0; i < 32; i++) data[32 * block + i] = at(bytes, from + i) + 128;
    } else if (storage === "int8") {
      for (let i = 0; i < 16; i++) {
        const pair = at(bytes, from + i);
        data[32 * block + i] = (pair & 15) + 120;
        data[32 * block + 16 + i] = (pair >> 4) + 120;
      }
    } else {
      for (let i = 0; i < 8; i++) {
        const [even, odd] = [at(bytes, from + 2 * i), at(bytes, from + 2 * i + 1)];
        data[16 * block + i] = (even & 15) | ((odd & 15) << 4);
        data[16 * block + 8 + i] = (even >> 4) | (odd & 240);
      }
    }
  }
  return { data, scales, zeroPoints: null };
}
