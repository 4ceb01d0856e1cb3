/** Decodes a file's text in pieces. The text does not depend on how the bytes are cut. */

import {
  damage,
  decodeWindows1252,
  type FileEncoding,
  isWindows1252,
  type Utf16,
  unfinishedUtf8,
  utf8Length,
} from "./encoding.ts";

/** Bytes after the first ones that are not UTF-8 which decide between damaged UTF-8 and Windows-1252. */
const decidingBytes = 1 << 20;

const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

export interface TextReader {
  /** Undefined for UTF-8. Windows-1252 may be detected late. */
  readonly encoding: FileEncoding | undefined;
  /** Line of the first damage, from 1; null if there is none. */
  readonly brokenLine: number | null;
  /** Line on which the decoded text ends, from 1. */
  readonly line: number;
  /** Returns the text of the complete characters, without a byte order mark at the file's beginning. */
  push(bytes: Uint8Array): string;
  /** Returns the text of the remaining bytes. */
  end(): string;
}

export function createTextReader(start: "utf-8" | Utf16): TextReader {
  const decoder = start === "utf-8" ? createUtf8Decoder() : createUtf16Decoder(start);
  let brokenLine: number | null = null;
  let line = 1;
  let begins = true;

  const read = (bytes: Uint8Array, last: boolean): string => {
    const { text, broken } = decoder.decode(bytes, last);
    if (broken !== null && brokenLine === null) brokenLine = line + linesOf(text.slice(0, broken));
    line += linesOf(text);
    if (!begins || text === "") return text;
    begins = false;
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  };
  return {
    get encoding() {
      return decoder.encoding;
    },
    get brokenLine() {
      return brokenLine;
    },
    get line() {
      return line;
    },
    push: (bytes) => read(bytes, false),
    end: () => read(new Uint8Array(0), true),
  };
}

interface Decoder {
  readonly encoding: FileEncoding | undefined;
  /** `broken`: index in the text of its first damage. */
  decode(bytes: Uint8Array, last: boolean): { readonly text: string; readonly broken: number | null };
}

const intact = (text: string) => ({ text, broken: null });

/** The bytes that follow the first byte beyond ASCII decide whether the file is UTF-8 or Windows-1252. */
function createUtf8Decoder(): Decoder {
  let state: "ascii" | "deciding" | "utf-8" | "windows-1252" = "ascii";
  let waiting = new Uint8Array(0);
  /** The character before the deciding bytes. */
  let previous = "";

  return {
    get encoding() {
      return state === "windows-1252" ? state : undefined;
    },
    decode(bytes, last) {
      let all = joined(waiting, bytes);
      waiting = new Uint8Array(0);
      let before = "";
      if (state === "ascii") {
        const { text } = decodeUtf8(all);
        // Every character beyond ASCII has more bytes than UTF-16 units; a single damaged byte has one.
        if (text.length === all.length && !text.includes(damage)) {
          previous = text.at(-1) ?? previous;
          return intact(text);
        }
        const first = all.findIndex((byte) => byte >= 0x80);
        before = text.slice(0, first);
        previous = before.at(-1) ?? previous;
        all = all.subarray(first);
        // A byte order mark declares UTF-8.
        state = byteOrderMark.every((byte, at) => all[at] === byte) ? "utf-8" : "deciding";
      }
      if (state === "deciding" && (last || all.length >= decidingBytes)) {
        const deciding = all.subarray(0, decidingBytes);
        const whole = last ? deciding : deciding.subarray(0, deciding.length - unfinishedUtf8(deciding));
        state = decodeUtf8(whole).broken !== null && isWindows1252(whole, previous) ? "windows-1252" : "utf-8";
      }
      if (state === "windows-1252") {
        const text = decodeWindows1252(all);
        const broken = text.indexOf(damage);
        return { text: before + text, broken: broken === -1 ? null : before.length + broken };
      }
      let whole = all.length;
      if (state === "deciding") whole = 0;
      else if (!last) whole -= unfinishedUtf8(all);
      waiting = all.slice(whole);
      const { text, broken } = decodeUtf8(all.subarray(0, whole));
      return { text: before + text, broken: broken === null ? null : before.length + broken };
    },
  };
}

const byteOrderMark = [0xef, 0xbb, 0xbf];

function decodeUtf8(bytes: Uint8Array): { readonly text: string; readonly broken: number | null } {
  try {
    return intact(strict.decode(bytes));
  } catch {
    const parts: string[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length; ) {
      const length = utf8Length(bytes, at);
      if (length === 0) {
        parts.push(strict.decode(bytes.subarray(from, at)), damage);
        from = at + 1;
      }
      at += Math.max(1, length);
    }
    parts.push(strict.decode(bytes.subarray(from)));
    return { text: parts.join(""), broken: parts[0]?.length ?? null };
  }
}

/** Lone surrogates and a last single byte are damage. */
function createUtf16Decoder(encoding: Utf16): Decoder {
  const high = encoding === "utf-16be" ? 0 : 1;
  const fatal = new TextDecoder(encoding, { ignoreBOM: true, fatal: true });
  let waiting = new Uint8Array(0);
  return {
    encoding,
    decode(bytes, last) {
      const all = joined(waiting, bytes);
      const unit = (at: number) => ((all[2 * at + high] ?? 0) << 8) | (all[2 * at + 1 - high] ?? 0);
      let count = all.length >> 1;
      if (!last && count > 0 && unit(count - 1) >> 10 === 0b110110) count--;
      waiting = last ? new Uint8Array(0) : all.slice(2 * count);
      const isWhole = !last || all.length % 2 === 0;
      try {
        if (isWhole) return intact(fatal.decode(all.subarray(0, 2 * count)));
      } catch {
        // Below, the damage is found.
      }
      const units = Uint16Array.from({ length: count }, (_, at) => unit(at));
      let text = "";
      for (let at = 0; at < count; at += 8192) text += String.fromCharCode(...units.subarray(at, at + 8192));
      if (!isWhole) text += "\uDFFF";
      const broken = text.search(/\p{Surrogate}/u);
      return broken === -1 ? intact(text) : { text: text.replace(/\p{Surrogate}/gu, damage), broken };
    },
  };
}

function joined(first: Uint8Array<ArrayBuffer>, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
