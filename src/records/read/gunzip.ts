/** Gzip archives of any number of members (RFC 1952): fflate inflates them, the checksum of each is compared here. */

import { Gunzip } from "fflate";
import { sizeOf } from "./row.ts";

/** Deflate writes at most 1032 times its input, so that one step writes at most 32 MiB. */
const stepBytes = 32 * 1024;
/** Size of the pieces that are yielded. */
const pieceBytes = 64 * 1024;
/** CRC-32 and length of the content, 4 bytes each, end a member. */
const trailerBytes = 8;
/** A header of 10 bytes, an empty block of 2, the trailer. */
const shortestMember = 20;
/** A header holds at most 64 KiB beside a name and a comment; fflate waits for all of it. */
const longestHeader = 1 << 20;

/** What a packed file may hold: this much, and so many times its own size. Rows of text are packed to a tenth. */
export const mostUnpacked = (packed: number) => 2 ** 28 + 256 * packed;

/** Why an archive is broken, in words of ours. */
class Broken extends Error {}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Yields the content of an archive. Where the archive is broken or cut off, everything before is yielded; then `broken`
 * receives the reason, and the stream ends. Throws only what `source` throws.
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  broken: (why: string) => void,
): AsyncGenerator<Uint8Array> {
  const members = inflateMembers();
  const report = (reason: string) => broken(`the gzip archive is broken or cut off here (${reason})`);
  for await (const bytes of source) {
    for (let start = 0; start < bytes.length; start += stepBytes) {
      const reason = members.push(bytes.subarray(start, start + stepBytes));
      yield* members.output();
      if (reason !== null) return report(reason);
    }
  }
  const reason = members.end();
  if (reason !== null) report(reason);
}

/** Inflates member after member. `push` and `end` return null, or the reason why the archive is broken. */
function inflateMembers() {
  const inflated: Uint8Array[] = [];
  /** Bytes read so far, and where the current member begins. */
  let position = 0;
  let memberStart = 0;
  let crc = -1;
  let length = 0;
  /** Bytes written, of all members. */
  let unpacked = 0;
  /** The last bytes read. fflate finds a member's end when the next header is complete: the trailer is among these bytes. */
  let recent = new Uint8Array(0);
  /** fflate calls back in every step but those that end within a header. */
  let withinHeader = false;

  const gunzip = new Gunzip((data) => {
    withinHeader = false;
    if (data.length === 0) return;
    crc = updateCrc(crc, data);
    length += data.length;
    unpacked += data.length;
    inflated.push(data);
  });
  // fflate skips trailers unread.
  const checkMember = (end: number) => {
    if (end - memberStart < shortestMember) throw new Broken("unexpected end");
    const trailerAt = recent.length - (position - end) - trailerBytes;
    const trailer = new DataView(recent.buffer, trailerAt, trailerBytes);
    if (trailer.getInt32(0, true) !== ~crc) throw new Broken("wrong checksum");
    if (trailer.getUint32(4, true) !== length % 2 ** 32) throw new Broken("wrong length");
  };
  gunzip.onmember = (start) => {
    checkMember(start);
    memberStart = start;
    crc = -1;
    length = 0;
  };
  const reasonOf = (work: () => void): string | null => {
    try {
      work();
      return null;
    } catch (error) {
      if (error instanceof Broken) return error.message;
      // fflate's error of code 0, by its documentation, is the end of the data.
      const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
      return code === 0 ? "unexpected end" : "invalid gzip data";
    }
  };

  return {
    push: (bytes: Uint8Array) =>
      reasonOf(() => {
        const before = withinHeader ? recent : recent.subarray(-stepBytes);
        if (before.length > longestHeader) throw new Broken("a header that does not end");
        recent = new Uint8Array(before.length + bytes.length);
        recent.set(before);
        recent.set(bytes, before.length);
        position += bytes.length;
        withinHeader = true;
        gunzip.push(bytes);
        if (unpacked > mostUnpacked(position))
          throw new Broken(`${sizeOf(position)} of it unpack to more than ${sizeOf(mostUnpacked(position))}`);
      }),
    end: () =>
      reasonOf(() => {
        gunzip.push(new Uint8Array(0), true);
        checkMember(position);
      }),
    /** The output since the last call. */
    *output(): Generator<Uint8Array> {
      for (const data of inflated.splice(0)) {
        for (let start = 0; start < data.length; start += pieceBytes) yield data.subarray(start, start + pieceBytes);
      }
    },
  };
}

/** CRC-32 of a byte, alone and followed by one, two and three zeros: four bytes per turn take half the time. */
const crcTables = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)] as const;
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (const table of crcTables) {
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    table[byte] = crc;
  }
}

/** CRC-32, bits inverted: begins with −1. */
function updateCrc(before: number, bytes: Uint8Array): number {
  const [one, two, three, four] = crcTables;
  const of = (table: Int32Array, index: number) => table[index & 0xff] as number;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let crc = before;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    crc ^= words.getInt32(at, true);
    crc = of(four, crc) ^ of(three, crc >>> 8) ^ of(two, crc >>> 16) ^ of(one, crc >>> 24);
  }
  for (; at < bytes.length; at++) crc = of(one, crc ^ words.getUint8(at)) ^ (crc >>> 8);
  return crc;
}
