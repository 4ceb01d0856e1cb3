/** Finds nearly equal texts: word 3-shingles, sketches that estimate their Jaccard similarity, and an index of sketches. */

import { mix } from "./columns.ts";

/**
 * Number of places of a sketch, one byte each. The share of equal places estimates the Jaccard similarity J with a standard
 * deviation of √(J(1−J)/128): 0.035 at J = 0.8.
 */
export const sketchWidth = 128;

/** Least similarity of near duplicates: about one different word in a text of 30 words. */
export const nearEnough = 0.8;

/**
 * Rows that share all places of one band are compared. With 21 bands of 6 places a pair of similarity J is compared with
 * probability 1 − (1 − J⁶)²¹: 0.28 at J = 0.5, 0.93 at 0.7, 0.998 at 0.8, above 0.99999 at 0.9. Together with the
 * comparison, which requires an estimate of at least 0.8, a pair is reported with probability 0.005 at J = 0.7, about a
 * half at 0.8, 0.94 at 0.85 and above 0.999 at 0.9.
 */
const bands = 21;
const bandWidth = 6;

/** Most rows of one band that a row is compared with: else a thousand equal rows would cost a million comparisons. */
const longestWalk = 16;

/** Signs that count as words, because they change the meaning ("3 + 4", "3 - 4"). Other punctuation is ignored. */
const signs = "+-*/=<>%^&|~$#@";
/** Scripts without spaces, in which each character counts as a word; also halves of surrogate pairs. */
const spaceless: readonly (readonly [from: number, to: number])[] = [
  [0x0e00, 0x0f00], // Thai, Lao
  [0x1000, 0x10a0], // Burmese
  [0x1780, 0x1800], // Khmer
  [0x3040, 0xa000], // Kana, CJK
  [0xd800, 0xfb00], // surrogates, private use, CJK compatibility
];

const isLetter = 1;
const isWord = 2;
/** The kind of each code unit of a lower-case text; 0 between words. */
const kinds = Uint8Array.from({ length: 0x10000 }, (_, unit) => {
  if (signs.includes(String.fromCharCode(unit)) || spaceless.some(([from, to]) => unit >= from && unit < to))
    return isWord;
  if (unit < 0x80) return /[a-z0-9]/.test(String.fromCharCode(unit)) ? isLetter : 0;
  const isPunctuation = unit < 0xc0 || (unit >= 0x2000 && unit < 0x2070) || (unit >= 0x3000 && unit < 0x3040);
  return isPunctuation ? 0 : isLetter;
});

/** A buffer for the word hashes of the current texts; it grows when a text needs it. */
let wordHashes = new Int32Array(4096);

/** Writes a hash of each word, without case, into `wordHashes` from index `at`; returns the index after the last. */
function readWords(text: string, at: number): number {
  const lower = text.toLowerCase();
  if (at + lower.length > wordHashes.length) {
    const longer = new Int32Array(2 * (at + lower.length));
    longer.set(wordHashes.subarray(0, at));
    wordHashes = longer;
  }
  const hashes = wordHashes;
  let next = at;
  let word = 0;
  let open = false;
  for (let i = 0; i < lower.length; i++) {
    const unit = lower.charCodeAt(i);
    const kind = kinds[unit];
    if (kind === isLetter) {
      word = Math.imul(word ^ unit, 0x9e3779b1);
      word ^= word >>> 15;
      open = true;
      continue;
    }
    if (open) hashes[next++] = mix(word);
    if (kind === isWord) hashes[next++] = mix(unit);
    word = 0;
    open = false;
  }
  if (open) hashes[next++] = mix(word);
  return next;
}

/** Number of words of a text: runs of letters and digits, signs, and each character of a script without spaces. */
export function countWords(text: string): number {
  return readWords(text, 0);
}

/**
 * Hashes of all sequences of three words, also across two texts; for fewer words, one hash of all. Returns a view that the
 * next call overwrites.
 */
export function shingles(texts: Iterable<string>): Int32Array {
  let count = 0;
  for (const text of texts) count = readWords(text, count);
  const hashes = wordHashes;
  const at = (i: number) => hashes[i] ?? 0;
  const ofThree = (i: number) => mix(Math.imul(mix(Math.imul(mix(at(i)), 31) + at(i + 1)), 31) + at(i + 2));
  if (count === 0) return hashes.subarray(0, 0);
  if (count < 3) hashes[0] = count === 1 ? at(0) : mix(Math.imul(mix(at(0)), 31) + at(1));
  else for (let i = 0; i + 2 < count; i++) hashes[i] = ofThree(i);
  return hashes.subarray(0, Math.max(1, count - 2));
}

/** After this many rounds a set of a thousand elements has filled every place. */
const usualRounds = 8;

const seeds = Int32Array.from({ length: 2 * sketchWidth }, (_, round) => mix(Math.imul(round + 1, 0x9e3779b1)));
const least = new Uint32Array(sketchWidth);
const filledIn = new Int32Array(sketchWidth);

/**
 * Fills `sketch` from a set of hashes (repeats do not count). Returns false and writes nothing when the set is empty.
 *
 * Fast similarity sketching (Dahlgaard, Knudsen and Thorup 2017, arXiv:1704.04370): in each round every element falls
 * into one place with a value, a place retains the least value of the earliest round that reached it, and the rounds end
 * when every place has one. Estimates are as good as with 128 independent MinHash functions, for about
 * 128·ln 128 ≈ 620 hashes per row (or one per element, if these are more) instead of 128 per element. A sketch has
 * one byte of each value, so different places are equal with probability 1/256; `similarity` corrects for that.
 */
export function fillSketch(sketch: Uint8Array, elements: ArrayLike<number>): boolean {
  if (elements.length === 0) return false;
  filledIn.fill(-1);
  let empty = sketchWidth;
  let left = elements;
  for (let round = 0; empty > 0; round++) {
    // A repetitive text has few distinct elements, and would take 256 rounds over all its elements.
    if (round === usualRounds && left.length > sketchWidth) left = Int32Array.from(new Set(Array.from(elements)));
    // From round 128 each round fills one place, so that small sets end.
    const only = round < sketchWidth ? -1 : round - sketchWidth;
    if (only >= 0 && filledIn[only] !== -1) continue;
    const seed = seeds[round] ?? 0;
    for (let i = 0; i < left.length; i++) {
      const hash = mix((left[i] ?? 0) ^ seed);
      const place = only < 0 ? hash & (sketchWidth - 1) : only;
      const value = hash >>> 7;
      const filled = filledIn[place];
      if (filled === -1) {
        filledIn[place] = round;
        least[place] = value;
        empty--;
      } else if (filled === round && value < (least[place] ?? 0)) {
        least[place] = value;
      }
    }
  }
  for (let place = 0; place < sketchWidth; place++) sketch[place] = (least[place] ?? 0) & 0xff;
  return true;
}

/** Estimate of the Jaccard similarity of rows i and j of `sketches` (uint8 [rows, sketchWidth]). */
export function similarity(sketches: Uint8Array, i: number, j: number): number {
  const a = i * sketchWidth;
  const b = j * sketchWidth;
  let equal = 0;
  for (let place = 0; place < sketchWidth; place++) if (sketches[a + place] === sketches[b + place]) equal++;
  return Math.max(0, (equal / sketchWidth - 1 / 256) / (1 - 1 / 256));
}

/** Finds an added row that is near another row. Both `add` and `find` take constant time. */
export class NearIndex {
  private readonly mask: number;
  /** int32 [bands, mask + 1]: the newest row per band and slot. */
  private readonly heads: Int32Array;
  /** int32 [bands, rows]: the row added to the same slot before. */
  private readonly before: Int32Array;
  private readonly rows: number;

  /** `sketches`: uint8 [rows, sketchWidth]. */
  constructor(private readonly sketches: Uint8Array) {
    this.rows = sketches.length / sketchWidth;
    this.mask = 2 ** Math.ceil(Math.log2(this.rows + 2)) - 1;
    this.heads = new Int32Array(bands * (this.mask + 1)).fill(-1);
    this.before = new Int32Array(bands * this.rows);
  }

  add(row: number): void {
    for (let band = 0; band < bands; band++) {
      const slot = this.slot(row, band);
      this.before[band * this.rows + row] = this.heads[slot] ?? -1;
      this.heads[slot] = row;
    }
  }

  /** An added row that is `allowed` and whose estimated similarity is at least `nearEnough`, or -1. */
  find(row: number, allowed: (other: number) => boolean): number {
    for (let band = 0; band < bands; band++) {
      let other = this.heads[this.slot(row, band)] ?? -1;
      for (let walked = 0; other !== -1 && walked < longestWalk; walked++) {
        if (allowed(other) && similarity(this.sketches, row, other) >= nearEnough) return other;
        other = this.before[band * this.rows + other] ?? -1;
      }
    }
    return -1;
  }

  private slot(row: number, band: number): number {
    const from = row * sketchWidth + band * bandWidth;
    let key = band;
    for (let i = from; i < from + bandWidth; i++) key = Math.imul(key, 0x01000193) ^ (this.sketches[i] ?? 0);
    return band * (this.mask + 1) + (mix(key) & this.mask);
  }
}
