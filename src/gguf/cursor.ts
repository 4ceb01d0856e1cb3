/** Reads a header from its start on, through a window of the file: the header's length is known only at its end. */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { GgufError } from "./types.ts";

/** Bytes of a window; a longer value has a window of its own length. */
const windowBytes = 256 * 2 ** 10;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The place in the header. All integers are little-endian. */
export interface Cursor {
  /** Bytes from the file's start. */
  readonly at: number;
  uint32(what: string): Promise<number>;
  /** A whole number of 64 bits. Throws GgufError above `most`. */
  size(what: string, most: number): Promise<number>;
  /** A text of at most `most` bytes. Throws GgufError where it is no UTF-8. */
  text(what: string, most: number): Promise<string>;
  /** The next bytes, valid until the next call. */
  view(what: string, length: number): Promise<DataView<ArrayBuffer>>;
  /** Passes bytes without reading them. */
  skip(what: string, length: number): void;
  /**
   * Passes `count` texts: reads their lengths only. Its work is limited by the file's length, because a text has at least
   * eight bytes.
   */
  skipTexts(what: string, count: number): Promise<void>;
}

/** A cursor at the file's start. Each method throws a GgufError, with the text `what`, where the file ends before. */
export function createCursor(source: ByteSource, signal?: AbortSignal): Cursor {
  const { name, byteLength } = source;
  let at = 0;
  let start = 0;
  let cached = new DataView(new ArrayBuffer(0));

  const requireBytes = (what: string, length: number) => {
    if (at + length <= byteLength) return;
    throw new GgufError(
      `${cut(name)} ends at byte ${byteLength}, but ${what} needs ${length} bytes from byte ${at} on: ` +
        "the file is cut off or damaged; download it again.",
    );
  };

  /** The window with the next `length` bytes, and their offset in it. */
  async function load(what: string, length: number): Promise<number> {
    requireBytes(what, length);
    if (at < start || at + length > start + cached.byteLength) {
      const end = Math.min(byteLength, at + Math.max(length, windowBytes));
      const bytes = await source.slice(at, end, signal);
      cached = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      start = at;
    }
    return at - start;
  }

  const size = async (what: string, most: number): Promise<number> => {
    const offset = await load(what, 8);
    const value = cached.getBigUint64(offset, true);
    if (value > BigInt(most)) {
      throw new GgufError(
        `${cut(name)}: ${what} is ${value}, above the limit of ${most}; the file is damaged: download it again.`,
      );
    }
    at += 8;
    return Number(value);
  };

  return {
    get at() {
      return at;
    },
    async uint32(what) {
      const offset = await load(what, 4);
      at += 4;
      return cached.getUint32(offset, true);
    },
    size,
    async text(what, most) {
      const length = await size(`the length of ${what}`, most);
      const offset = await load(what, length);
      at += length;
      try {
        return decoder.decode(new Uint8Array(cached.buffer, cached.byteOffset + offset, length));
      } catch (cause) {
        throw new GgufError(`${cut(name)}: ${what} is no UTF-8; the file is damaged: download it again.`, { cause });
      }
    },
    async view(what, length) {
      const offset = await load(what, length);
      at += length;
      return new DataView(cached.buffer, cached.byteOffset + offset, length);
    },
    skip(what, length) {
      requireBytes(what, length);
      at += length;
    },
    async skipTexts(what, count) {
      for (let i = 0; i < count; i++) {
        // Without a promise for each of a hundred thousand texts.
        const offset = at - start;
        const isCached = offset >= 0 && offset + 8 <= cached.byteLength;
        const length = isCached ? Number(cached.getBigUint64(offset, true)) : await size(what, byteLength);
        if (isCached) at += 8;
        requireBytes(what, length);
        at += length;
      }
    },
  };
}
