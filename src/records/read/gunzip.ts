/** Unpacks gzip archives of any number of members (RFC 1952): fflate inflates, this file checks lengths and checksums. */

import { Gunzip } from "fflate";
import { updateCrc } from "../../tensor/crc.ts";
import { sizeOf } from "./row.ts";

/** Input bytes of one step; deflate writes at most 1032 times as many, about 32 MiB. */
const stepBytes = 32 * 1024;
/** Size of the yielded pieces in bytes. */
const pieceBytes = 64 * 1024;
/** A member ends with the CRC-32 and the length of its content, 4 bytes each. */
const trailerBytes = 8;
/** Header of 10 bytes, empty block of 2, trailer of 8. */
const shortestMember = 20;
/** Most bytes of a header: fflate waits for its end, and a name or a comment has no bound. */
const longestHeader = 1 << 20;

/** Most bytes that a packed file may unpack to; rows of text usually pack to a tenth. */
const mostUnpacked = (packed: number) => 2 ** 28 + 256 * packed;

/** An archive is broken; the message is the reason, for the user. */
class Broken extends Error {}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Yields the content of an archive. If the archive is broken or cut off, it yields the content before the fault, calls
 * `broken` with the reason, and ends. Throws only the errors of `source`.
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
  /** Number of bytes read, and the start of the current member. */
  let position = 0;
  let memberStart = 0;
  let crc = -1;
  let length = 0;
  /** Bytes written for all members. */
  let unpacked = 0;
  /** The last bytes read: they contain the trailer when fflate reports a member's end, after the next header. */
  let recent = new Uint8Array(0);
  /** Whether the last step ended within a header: only then fflate does not call back. */
  let withinHeader = false;

  const gunzip = new Gunzip((data) => {
    withinHeader = false;
    if (data.length === 0) return;
    crc = updateCrc(crc, data);
    length += data.length;
    unpacked += data.length;
    inflated.push(data);
  });
  // fflate does not check trailers.
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
      // In fflate's documentation, code 0 is an unexpected end of the data.
      const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
      return code === 0 ? "unexpected end" : "invalid gzip data";
    }
  };

  return {
    push: (bytes: Uint8Array) =>
      reasonOf(() => {
        const before = withinHeader ? recent : recent.subarray(-stepBytes);
        if (before.length > longestHeader) throw new Broken("a header without an end");
        recent = new Uint8Array(before.length + bytes.length);
        recent.set(before);
        recent.set(bytes, before.length);
        position += bytes.length;
        withinHeader = true;
        gunzip.push(bytes);
        if (unpacked > mostUnpacked(position))
          throw new Broken(`its first ${sizeOf(position)} unpack to more than ${sizeOf(mostUnpacked(position))}`);
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
