/** Counts the stored numbers that float16 cannot have. */

import { alignedBytes, bytesPerFloat, decodeFloats, type FloatDType } from "./elements.ts";

export interface HalfCount {
  /** Numbers that float16 makes infinite: those that round above its largest, 65,504. */
  readonly over: number;
  /** Numbers that float16 makes zero: those other than zero up to 2⁻²⁵, about 3e-8. No number changes more below 2⁻¹⁴. */
  readonly lost: number;
}

/** Absolute bits of the first float32 that rounds to infinity in float16, 65,520, and of the last that rounds to zero, 2⁻²⁵. */
const infinite = 0x477f_f000;
const vanishing = 0x3300_0000;

/** Of little-endian numbers of the type; an F64 counts as its nearest float32, as it is read. */
export function countHalf(dtype: FloatDType, bytes: Uint8Array<ArrayBuffer>): HalfCount {
  if (dtype === "F16") return { over: 0, lost: 0 };
  const aligned = alignedBytes(bytes, bytesPerFloat[dtype]);
  const { buffer, byteOffset } = aligned;
  const count = aligned.length / bytesPerFloat[dtype];
  if (dtype === "BF16") return countBits(new Uint16Array(buffer, byteOffset, count), 16);
  if (dtype === "F32") return countBits(new Int32Array(buffer, byteOffset, count), 0);
  return countBits(new Int32Array(decodeFloats(dtype, aligned, new Float32Array(count)).buffer), 0);
}

/** `shift`: zero bits that the patterns lack at the end, compared with float32. */
function countBits(patterns: Uint16Array | Int32Array, shift: number): HalfCount {
  const magnitude = 0x7fff_ffff >>> shift;
  const [first, last] = [Math.ceil(infinite / 2 ** shift), vanishing >>> shift];
  let [over, lost] = [0, 0];
  for (let i = 0; i < patterns.length; i++) {
    const bits = (patterns[i] as number) & magnitude;
    // Signs of differences: branches would take longer, because small numbers come at random.
    over += (first - 1 - bits) >>> 31;
    // Zero becomes the largest of all.
    lost += (((bits - 1) & 0x7fff_ffff) - last) >>> 31;
  }
  return { over, lost };
}
