/** Stored numbers to the storage of a weight on the device, without float32 between where both have 16 bits. */

import { bfloat16ToFloat16 } from "../tensor/convert.ts";
import { encode, type WeightStorage } from "../tensor/storage.ts";
import { alignedBytes, bytesPerFloat, decodeFloats } from "./elements.ts";
import type { StoredPiece } from "./storedPieces.ts";

/** The data of `partsOf`, in its order, for one piece; valid until the next call. */
export type PieceEncoder = (
  piece: Pick<StoredPiece, "dtype" | "bytes">,
  storage: WeightStorage,
  columns: number,
  scales?: "float32" | "float16",
) => ReturnType<typeof encode>;

/** An encoder with arrays that it uses for every piece; blocks need pieces of whole rows of `columns` numbers. */
export function createPieceEncoder(): PieceEncoder {
  let floats = new Float32Array(0);
  let bits = new Uint16Array(0);
  return ({ dtype, bytes }, storage, columns, scales) => {
    const count = bytes.length / bytesPerFloat[dtype];
    const aligned = alignedBytes(bytes, bytesPerFloat[dtype]);
    if (storage === "float16" && (dtype === "F16" || dtype === "BF16")) {
      const stored = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
      if (dtype === "F16") return [stored];
      if (bits.length < count) bits = new Uint16Array(count);
      return [bfloat16ToFloat16(stored, bits.subarray(0, count))];
    }
    if (dtype === "F32") {
      return encode(storage, new Float32Array(aligned.buffer, aligned.byteOffset, count), columns, scales);
    }
    if (floats.length < count) floats = new Float32Array(count);
    return encode(storage, decodeFloats(dtype, aligned, floats.subarray(0, count)), columns, scales);
  };
}
