/** Compact storage for facts about many rows: growing columns of numbers, and hashes of texts. */

type Numbers = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** A growing typed array with `width` numbers per row. */
export class Column<T extends Numbers> {
  private values: T;
  private used = 0;

  constructor(
    private readonly create: (length: number) => T,
    readonly width = 1,
  ) {
    this.values = create(256 * width);
  }

  /** Number of elements in all rows. */
  get length(): number {
    return this.used;
  }

  push(value: number): void {
    this.reserve(1);
    this.values[this.used++] = value;
  }

  /** Adds a row and returns it; the caller fills it before the next call. */
  extend(): T {
    this.reserve(this.width);
    this.used += this.width;
    return this.values.subarray(this.used - this.width, this.used) as T;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  /** A view of all elements. */
  all(): T {
    return this.values.subarray(0, this.used) as T;
  }

  private reserve(more: number): void {
    if (this.used + more <= this.values.length) return;
    const grown = this.create(Math.max(this.used + more, Math.ceil(1.5 * this.values.length)));
    grown.set(this.values);
    this.values = grown;
  }
}

export const ints = (width = 1) => new Column((length) => new Int32Array(length), width);
export const bytes = (width = 1) => new Column((length) => new Uint8Array(length), width);

/** A bijection of 32-bit integers; every output bit depends on every input bit (the finaliser of MurmurHash3). */
export function mix(h: number): number {
  let z = h;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}

/** A 64-bit hash of a sequence of texts and marks, as two int32; a collision among 100,000 rows has probability 3e-10. */
export class TextHash {
  private a = 0x2545f491;
  private b = 0x68e31da4;

  /** Adds a text and its length, so that ("ab", "c") and ("a", "bc") differ. */
  add(text: string): this {
    let { a, b } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b + unit, 0x85ebca77);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    return this.mark(text.length);
  }

  /** The same without case and outer white space; inner white space counts as one space. */
  addNormalised(text: string): this {
    const lower = text.trim().toLowerCase();
    let { a, b } = this;
    let length = 0;
    let afterSpace = false;
    for (let i = 0; i < lower.length; i++) {
      const unit = lower.charCodeAt(i);
      const isSpace = unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0 || unit === 0x3000;
      if (isSpace && afterSpace) continue;
      afterSpace = isSpace;
      length++;
      const normalised = isSpace ? 0x20 : unit;
      a = Math.imul(a ^ normalised, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b + normalised, 0x85ebca77);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    return this.mark(length);
  }

  mark(value: number): this {
    this.a = mix(this.a ^ value);
    this.b = mix(Math.imul(this.b, 31) + value);
    return this;
  }

  get low(): number {
    return mix(this.a + this.b);
  }

  get high(): number {
    return mix(this.b ^ 0x5bd1e995);
  }
}

/** For each i, the first index with the same pair (low[i], high[i]), possibly i itself. O(n). */
export function firstEqual(low: Int32Array, high: Int32Array): Int32Array<ArrayBuffer> {
  const mask = 2 ** Math.ceil(Math.log2(2 * low.length + 2)) - 1;
  const table = new Int32Array(mask + 1).fill(-1);
  return Int32Array.from(low, (value, i) => {
    let slot = mix(value) & mask;
    for (;;) {
      const other = table[slot] ?? -1;
      if (other === -1) {
        table[slot] = i;
        return i;
      }
      if (low[other] === value && high[other] === high[i]) return other;
      slot = (slot + 1) & mask;
    }
  });
}
