/** Detects the encoding of a text file: by its beginning, and at its first bytes that are not UTF-8. */

export const fileEncodings = ["utf-16le", "utf-16be", "windows-1252"] as const;

/** Any encoding but UTF-8. */
export type FileEncoding = (typeof fileEncodings)[number];

export type Utf16 = Exclude<FileEncoding, "windows-1252">;

const latin1 = new TextDecoder("windows-1252");

/** Stands in decoded text for bytes that are no character. U+FFFF is a noncharacter: files may contain U+FFFD, but not this. */
export const damage = "\uFFFF";

/** The characters of bytes 80 to 9F (Unicode's CP1252.TXT); five bytes have none. */
const signs = `€${damage}‚ƒ„…†‡ˆ‰Š‹Œ${damage}Ž${damage}${damage}‘’“”•–—˜™š›œ${damage}žŸ`;

/** Decodes each byte. Node's decoder of this name leaves 80 to 9F as control characters. */
export function decodeWindows1252(bytes: Uint8Array): string {
  return latin1.decode(bytes).replace(/[\x80-\x9F]/g, (control) => signs[control.charCodeAt(0) - 0x80] ?? damage);
}

/** Bytes by which UTF-16 without a byte order mark is detected. */
const sampleBytes = 1024;

/** UTF-16 by its byte order mark, or by zero bytes and text without control characters; else UTF-8, as far as is known. */
export function encodingOf(beginning: Uint8Array): "utf-8" | Utf16 {
  const [first, second] = beginning;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  const sample = beginning.subarray(0, Math.min(sampleBytes, beginning.length - (beginning.length % 2)));
  if (!sample.includes(0)) return "utf-8";
  const units = sample.length / 2;
  const zeros = [0, 1].map((place) => sample.filter((byte, at) => byte === 0 && at % 2 === place).length);
  const [even = 0, odd = 0] = zeros;
  const guess = even > odd ? "utf-16be" : "utf-16le";
  const high = guess === "utf-16be" ? 0 : 1;
  // JSON begins with two ASCII characters in any language.
  const beginsWithAscii = units >= 2 && sample[high] === 0 && sample[2 + high] === 0;
  if (Math.max(even, odd) * 2 < units && !beginsWithAscii) return "utf-8";
  const text = textOfBeginning(sample, guess);
  return /[^\P{C}\t\n\f\r\p{Cf}]/u.test(text.slice(0, -1)) ? "utf-8" : guess;
}

/** The text of a file's beginning for the detection of its kind, without a byte order mark. */
export function textOfBeginning(bytes: Uint8Array, encoding: "utf-8" | Utf16): string {
  return new TextDecoder(encoding).decode(bytes);
}

/**
 * Whether a file that is not UTF-8 is Windows-1252; `bytes` begin with its first byte beyond ASCII, after the
 * character `previous`. UTF-8 with some damage has more characters that are UTF-8. Cyrillic, Chinese and other encodings give
 * runs of four or more different characters beyond ASCII, or signs within words.
 */
export function isWindows1252(bytes: Uint8Array, previous: string): boolean {
  let fits = 0;
  let breaks = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes, at);
    if (length > 1 && !isRare(bytes[at])) fits++;
    if (length === 0) breaks++;
    at += Math.max(1, length);
    // The bytes after a broken beginning of a character are the same damage.
    if (length === 0) while (((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  }
  if (breaks < 3 * fits) return false;
  const text = previous + decodeWindows1252(bytes);
  const high = text.match(/[^\0-\x7F]/g)?.length ?? 0;
  const runs = text.match(/[^\0-\x7F]{4,}/g) ?? [];
  const words = runs.filter((run) => new Set(run).size > 2 || /^\p{L}+$/u.test(run));
  const inWords = text.match(/(?<=\p{L})[^\0-\x7F\p{L}’‘´·–—…°ªº\u00A0\u00AD]+(?=\p{L})/gu) ?? [];
  return words.concat(inWords).reduce((sum, run) => sum + run.length, 0) * 3 <= high;
}

/**
 * What a text that was read as Windows-1252 has beyond ASCII: nothing, only bytes that are UTF-8, or others. The last is the
 * rule in a file of this encoding.
 */
export function beyondAscii(text: string): "nothing" | "utf-8" | "windows-1252" {
  let found: "nothing" | "utf-8" = "nothing";
  for (const [run] of text.matchAll(/[^\0-\x7F]+/g)) {
    const bytes = Uint8Array.from(run, (character) => byteOf.get(character) ?? 0xff);
    for (let at = 0; at < bytes.length; ) {
      const length = utf8Length(bytes, at);
      if (length === 0 || isRare(bytes[at])) return "windows-1252";
      at += length;
    }
    found = "utf-8";
  }
  return found;
}

/** First bytes of U+0700 to U+07FF (Syriac, Thaana, NKo), which text has less often than `ß` or `Ü` before a quote. */
const isRare = (first: number | undefined) => first !== undefined && first >= 0xdc && first <= 0xdf;

const byteOf = new Map(Array.from({ length: 256 }, (_, byte) => [decodeWindows1252(Uint8Array.of(byte)), byte]));

/** Length of the UTF-8 character at `at`, 0 where the bytes are none (Unicode 16, table 3-7). */
export function utf8Length(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let i = 1; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] ?? 0;
  // No longer form than needed, no surrogate, nothing above U+10FFFF.
  const wrong =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

/** Number of bytes at the end that may be the beginning of a UTF-8 character. */
export function unfinishedUtf8(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >> 6 === 0b10) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
