/** Decodes UTF-8 in pieces, and finds the first line with wrong bytes. */

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const encoder = new TextEncoder();

export interface Utf8Reader {
  /** Line of the first bytes that are not UTF-8, from 1; null if there are none. Such bytes decode as U+FFFD. */
  readonly brokenLine: number | null;
  /** Line on which the decoded text ends, from 1. */
  readonly line: number;
  /** Returns the text of the complete characters, without a byte order mark at the file's beginning. */
  push(bytes: Uint8Array): string;
  /** Returns the text of the remaining bytes. */
  end(): string;
}

export function createUtf8Reader(): Utf8Reader {
  /** Bytes of an incomplete character. */
  let waiting = new Uint8Array(0);
  let brokenLine: number | null = null;
  let line = 1;
  let begins = true;

  const decode = (bytes: Uint8Array): string => {
    let text: string;
    try {
      text = strict.decode(bytes);
    } catch {
      text = lossy.decode(bytes);
      if (brokenLine === null) brokenLine = line + linesOf(text.slice(0, brokenIndex(text, bytes)));
    }
    line += linesOf(text);
    if (begins && text !== "") {
      begins = false;
      if (text.startsWith("\uFEFF")) return text.slice(1);
    }
    return text;
  };

  return {
    get brokenLine() {
      return brokenLine;
    },
    get line() {
      return line;
    },
    push(bytes) {
      let all = bytes;
      if (waiting.length > 0) {
        all = new Uint8Array(waiting.length + bytes.length);
        all.set(waiting);
        all.set(bytes, waiting.length);
      }
      const whole = all.length - unfinished(all);
      waiting = all.slice(whole);
      return decode(all.subarray(0, whole));
    },
    end() {
      const rest = waiting;
      waiting = new Uint8Array(0);
      return decode(rest);
    },
  };
}

/** Number of bytes at the end that belong to an incomplete character. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >> 6 === 0b10) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** Index in the text of the first U+FFFD that replaces wrong bytes. */
function brokenIndex(text: string, bytes: Uint8Array): number {
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf("\uFFFD"); at >= 0; at = text.indexOf("\uFFFD", from)) {
    offset += encoder.encode(text.slice(from, at)).length;
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return at;
    offset += 3;
    from = at + 1;
  }
  return text.length;
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
