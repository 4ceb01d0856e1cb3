/** Stored numbers to the storage of a weight on the device, without float32 between where both have 16 bits. */

import { type StoredBlockType, toStored } from "../gguf/blocks.ts";
import { areFiniteHalves, bfloat16ToFloat16, float32ToFloat16 } from "../tensor/convert.ts";
import { encode, type WeightStorage } from "../tensor/storage.ts";
import { alignedBytes, bytesPerFloat, decodeFloats } from "./elements.ts";
import { type DevicePiece, isBlocks } from "./storedPieces.ts";

export interface EncodedAs {
  readonly storage: WeightStorage;
  /** Numbers of a row; blocks need pieces of whole rows. */
  readonly columns: number;
  /** Type of the blocks' scales. */
  readonly scales: "float32" | "float16";
}

/** The data of `partsOf`, in its order, for one piece; valid until the next call. Throws as `encode` does. */
export type PieceEncoder = (
  piece: Pick<DevicePiece, "dtype" | "bytes">,
  wanted: EncodedAs,
) => ReturnType<typeof encode>;

/** An encoder that uses its arrays again for every piece. */
export function createPieceEncoder(): PieceEncoder {
  let floats = new Float32Array(0);
  let bits = new Uint16Array(0);
  return ({ dtype, bytes }, { storage, columns, scales }) => {
    if (isBlocks(dtype)) return storedBlocks(dtype, bytes, storage, scales);
    const count = bytes.length / bytesPerFloat[dtype];
    const aligned = alignedBytes(bytes, bytesPerFloat[dtype]);
    const values = () => {
      if (dtype === "F32") return new Float32Array(aligned.buffer, aligned.byteOffset, count);
      if (floats.length < count) floats = new Float32Array(count);
      return decodeFloats(dtype, aligned, floats.subarray(0, count));
    };
    if (storage === "float16" && (dtype === "F16" || dtype === "BF16")) {
      const stored = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
      if (dtype === "BF16" && bits.length < count) bits = new Uint16Array(count);
      const halves = dtype === "F16" ? stored : bfloat16ToFloat16(stored, bits.subarray(0, count));
      // The way through float32 names the number that is not finite.
      if (areFiniteHalves(halves)) return [halves];
    }
    return encode(storage, values(), columns, scales);
  };
}

/** A GGUF file's blocks, number for number. Throws a RangeError for another storage. */
function storedBlocks(
  type: StoredBlockType,
  bytes: Uint8Array<ArrayBuffer>,
  storage: WeightStorage,
  scalesAs: EncodedAs["scales"],
): ReturnType<typeof encode> {
  if (storage !== "int8" && storage !== "int4") throw new RangeError(`${storage} has no blocks of ${type}.`);
  const { data, scales } = toStored(type, bytes, storage);
  return [data, scalesAs === "float16" ? float32ToFloat16(scales) : scales];
}
