/**
 * float16 and bfloat16 bit patterns to float32 and back, by integer arithmetic on the bits (IEEE 754-2019;
 * bfloat16 is the upper half of a float32). NaNs keep the upper bits of their payload, so that a tensor that is
 * only read and written again keeps its bytes.
 */

/** The float32 pattern of each of the 65,536 float16 patterns; 256 KB, built at first use. */
let float16Table: Uint32Array | null = null;

function buildFloat16Table(): Uint32Array {
  const table = new Uint32Array(0x10000);
  for (let bits = 0; bits < 0x8000; bits++) {
    const exponent = bits >>> 10;
    let fraction = bits & 0x3ff;
    let pattern: number;
    if (exponent === 31) pattern = 0x7f800000 | (fraction << 13);
    else if (exponent > 0) pattern = ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) pattern = 0;
    else {
      // A subnormal, fraction · 2⁻²⁴, is normal in float32: shift its leading bit up to the implicit one.
      const shift = Math.clz32(fraction) - 21;
      fraction = (fraction << shift) & 0x3ff;
      pattern = ((113 - shift) << 23) | (fraction << 13);
    }
    table[bits] = pattern;
    table[bits | 0x8000] = pattern | 0x80000000;
  }
  return table;
}

/** Exact values of float16 patterns; `out` is filled and returned, and must be as long as `bits`. */
export function float16ToFloat32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  float16Table ??= buildFloat16Table();
  const table = float16Table;
  const patterns = patternsOf(out, bits.length);
  for (let i = 0; i < bits.length; i++) patterns[i] = table[bits[i] as number] as number;
  return out;
}

/** Exact values of bfloat16 patterns; `out` is filled and returned, and must be as long as `bits`. */
export function bfloat16ToFloat32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  const patterns = patternsOf(out, bits.length);
  for (let i = 0; i < bits.length; i++) patterns[i] = (bits[i] as number) << 16;
  return out;
}

/** The nearest float16 patterns, ties to even; from 65,520 on they are infinite. */
export function float32ToFloat16(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  requireLength(out.length, values.length);
  const patterns = patternsOf(values, values.length);
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i] as number;
    const magnitude = pattern & 0x7fffffff;
    let half: number;
    // 2⁻¹⁴ ≤ |x| < 65,520: rebias the exponent; a fraction that rounds up carries into it.
    if (magnitude >= 0x38800000 && magnitude < 0x477ff000) {
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude > 0x7f800000) {
      const payload = (magnitude >>> 13) & 0x3ff;
      half = 0x7c00 | (payload === 0 ? 0x200 : payload);
    } else if (magnitude >= 0x477ff000) half = 0x7c00;
    // At most 2⁻²⁵, half of the smallest subnormal: the tie goes to zero.
    else if (magnitude <= 0x33000000) half = 0;
    else {
      // Subnormal: the significand in units of 2⁻²⁴.
      const significand = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - (magnitude >>> 23);
      const rest = significand & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      half = significand >>> shift;
      if (rest > tie || (rest === tie && (half & 1) === 1)) half++;
    }
    out[i] = ((pattern >>> 16) & 0x8000) | half;
  }
  return out;
}

/** The nearest bfloat16 patterns, ties to even; what rounds beyond the largest is infinite. */
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

function patternsOf(values: Float32Array, length: number): Int32Array {
  requireLength(values.length, length);
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

function requireLength(actual: number, wanted: number): void {
  if (actual !== wanted) throw new RangeError(`The output holds ${actual} elements, but the input has ${wanted}.`);
}
