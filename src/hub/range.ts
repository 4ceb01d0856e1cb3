/** Whether float16 can represent the weights of a model's files. */

import { bytesPerFloat, decodeFloats, type FloatDType } from "./elements.ts";
import type { ModelTensor } from "./expected.ts";
import { piecesOf } from "./pieces.ts";

/** The largest finite float16. Smaller numbers than 2⁻²⁴ become 0, an error below that of any sum. */
export const largestFloat16 = 65_504;

/** Bits of the exponent 2¹⁶ of two BF16 in 32 bits, subtracted from the bit above the exponents. */
const bfloat16 = { ones: 0x7f80_7f80, carry: 0x3880_3880, signs: 0x8000_8000 } as const;

/** Whether every element of little-endian bytes is within ±65,504. */
export function fitsFloat16(dtype: FloatDType, bytes: Uint8Array<ArrayBuffer>): boolean {
  if (dtype === "F16") return true;
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  if (dtype === "BF16" && aligned.length % 4 === 0) {
    // The largest BF16 below 2¹⁶ is 65,280, so the exponent decides.
    const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
    let found = 0;
    for (let i = 0; i < words.length; i++) found |= (((words[i] as number) & bfloat16.ones) + bfloat16.carry) | 0;
    return (found & bfloat16.signs) === 0;
  }
  const floats = decodeFloats(dtype, aligned, new Float32Array(aligned.length / bytesPerFloat[dtype]));
  return floats.every((value) => Math.abs(value) <= largestFloat16);
}

/** Whether every element of these tensors is within ±65,504. Reads all that are not F16. Throws the signal's reason. */
export async function allFitFloat16(tensors: Iterable<ModelTensor>, signal?: AbortSignal): Promise<boolean> {
  for (const tensor of tensors) {
    if (tensor.dtype === "F16") continue;
    for await (const { bytes } of piecesOf(tensor, tensor.source, signal)) {
      if (!fitsFloat16(tensor.dtype, bytes)) return false;
    }
  }
  return true;
}
