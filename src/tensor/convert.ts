/**
 * Converts float16 and bfloat16 bit patterns to float32 and back (IEEE 754-2019; bfloat16 is the upper half of a float32).
 * NaNs keep the upper bits of their payload, so reading and writing a tensor does not change its bytes.
 */

/** Exact values of float16 patterns. Fills and returns `out`, which must be as long as `bits`. */
export function float16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const patterns = patternsOf(out, bits.length);
  if (bits.length < 2 ** 16) convertEach(bits, out, patterns);
  else {
    const all = allSingles();
    for (let i = 0; i < bits.length; i++) patterns[i] = all[bits[i] as number] as number;
  }
  return out;
}

let singles: Int32Array | null = null;

/** The float32 pattern of each of the 65,536 float16 patterns. A lookup takes 0.7 of the time of a conversion. */
function allSingles(): Int32Array {
  if (singles) return singles;
  singles = new Int32Array(2 ** 16);
  convertEach(
    Uint16Array.from(singles, (_, bits) => bits),
    new Float32Array(singles.buffer),
    singles,
  );
  return singles;
}

function convertEach(bits: Uint16Array, out: Float32Array, patterns: Int32Array): void {
  if (typeof Float16Array === "undefined") decodeFloat16(bits, out, patterns);
  else {
    const values = new Float16Array(bits.buffer, bits.byteOffset, bits.length);
    for (let i = 0; i < bits.length; i++) {
      const value = values[i] as number;
      out[i] = value;
      // JavaScript engines turn every NaN into a quiet NaN.
      if (Number.isNaN(value)) patterns[i] = nonFinite(bits[i] as number);
    }
  }
}

/** For Node before 24 and browsers before 2025, which lack Float16Array. */
function decodeFloat16(bits: Uint16Array, out: Float32Array, patterns: Int32Array): void {
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i] as number;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) patterns[i] = nonFinite(half);
    // float32's exponent bias is 112 greater than float16's.
    else if (magnitude >= 0x400) patterns[i] = ((half & 0x8000) << 16) | ((magnitude << 13) + (112 << 23));
    // Zero or a subnormal.
    else out[i] = (half & 0x8000 ? -magnitude : magnitude) * 2 ** -24;
  }
}

/** The float32 pattern of an infinite float16 or of a NaN, payload included. */
function nonFinite(half: number): number {
  return ((half & 0x8000) << 16) | 0x7f800000 | ((half & 0x3ff) << 13);
}

/** Exact values of bfloat16 patterns. Fills and returns `out`, which must be as long as `bits`. */
export function bfloat16ToFloat32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  const patterns = patternsOf(out, bits.length);
  for (let i = 0; i < bits.length; i++) patterns[i] = (bits[i] as number) << 16;
  return out;
}

/**
 * The nearest float16 patterns, ties to even; from 65,520 on they are infinite. Float16Array is no faster here, because it
 * merges all NaNs and their payloads would have to be restored.
 */
export function float32ToFloat16(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  requireLength(out.length, values.length);
  const patterns = patternsOf(values, values.length);
  const sum = new Float32Array(1);
  const sumPattern = new Int32Array(sum.buffer);
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] as number;
    const magnitude = pattern & 0x7fffffff;
    let half: number;
    // 2⁻¹⁴ ≤ |x| < 65,520: rebias the exponent; a fraction that rounds up carries into it.
    if (magnitude >= 0x38800000 && magnitude < 0x477ff000) {
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude > 0x7f800000) half = 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200);
    else if (magnitude >= 0x477ff000) half = 0x7c00;
    else {
      // Zero or a subnormal: float32 numbers in [1/2, 1) are 2⁻²⁴ apart, so the addition rounds to a float16 subnormal.
      sum[0] = Math.abs(values[i] as number) + 0.5;
      half = (sumPattern[0] as number) - 0x3f000000;
    }
    out[i] = ((pattern >>> 16) & 0x8000) | half;
  }
  return out;
}

/** Whether no float16 pattern is infinite or NaN. */
export function areFiniteHalves(bits: Uint16Array): boolean {
  const pairs = pairsOf(bits);
  // The sum carries out of the exponent of such a number into its sign.
  let carried = 0;
  for (let i = 0; i < pairs.length; i++) carried |= (((pairs[i] as number) & 0x7c00_7c00) + 0x0400_0400) | 0;
  for (let i = 2 * pairs.length; i < bits.length; i++) carried |= ((bits[i] as number) & 0x7c00) + 0x0400;
  return (carried & 0x8000_8000) === 0;
}

let halves: Uint16Array | null = null;

/** The nearest float16 patterns of bfloat16 patterns, ties to even, through a table of all 65,536. */
export function bfloat16ToFloat16(bits: Uint16Array, out = new Uint16Array(bits.length)): Uint16Array {
  requireLength(out.length, bits.length);
  halves ??= float32ToFloat16(bfloat16ToFloat32(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i)));
  const [from, to] = [pairsOf(bits), pairsOf(out)];
  const count = Math.min(from.length, to.length);
  for (let i = 0; i < count; i++) {
    const pair = from[i] as number;
    to[i] = (halves[pair & 0xffff] as number) | ((halves[pair >>> 16] as number) << 16);
  }
  for (let i = 2 * count; i < bits.length; i++) out[i] = halves[bits[i] as number] as number;
  return out;
}

/** The nearest bfloat16 patterns, ties to even; values that round beyond the largest become infinite. */
export function float32ToBfloat16(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  requireLength(out.length, values.length);
  const patterns = patternsOf(values, values.length);
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] as number;
    if ((pattern & 0x7fffffff) > 0x7f800000) {
      out[i] = (pattern >>> 16) | ((pattern & 0x7f0000) === 0 ? 0x40 : 0);
    } else out[i] = (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** Two patterns in each 32 bits, which halves the loads; none where the array does not begin at a multiple of 4 bytes. */
function pairsOf({ buffer, byteOffset, length }: Uint16Array): Int32Array {
  return byteOffset % 4 === 0 ? new Int32Array(buffer, byteOffset, length >>> 1) : new Int32Array(0);
}

function patternsOf(values: Float32Array, length: number): Int32Array {
  requireLength(values.length, length);
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

function requireLength(actual: number, wanted: number): void {
  if (actual !== wanted) throw new RangeError(`The output holds ${actual} elements, but the input has ${wanted}.`);
}
