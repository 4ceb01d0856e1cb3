/** Gzip archives as they come, member by member. */

import { messageOf } from "./row.ts";

/** Bytes are handed to the decompressor in steps, as one that writes a thousand times its input must not do so at once. */
const step = 16 * 1024;

/** Bytes of a member's header that tell it from chance: magic, deflate, flags, time, extra flags, system. */
const headerLength = 10;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * What the archive holds. Archives of several members (made by `cat`, bgzip) are read whole; the platform's decompressor
 * ends with the first, so they are cut where a header stands. When the archive turns out to be broken or cut off, what
 * could be read of it has been given: then `broken` is told why, and it ends. What goes wrong in `source` is thrown.
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  broken: (why: string) => void,
): AsyncGenerator<Uint8Array> {
  const parts = members(source);
  try {
    for (let more = true; more; ) {
      const member = inflate();
      try {
        let part = await parts.next();
        for (; !part.done && part.value !== null && !member.failed; part = await parts.next()) {
          await member.push(part.value);
          yield* member.take();
        }
        more = !part.done;
        await member.end(!more);
        yield* member.take();
      } finally {
        member.close();
      }
      if (member.failed) {
        // Chromium names the call before the reason: "Failed to execute 'close' on '…': Compressed input was truncated."
        const reason = messageOf(member.failed.error)
          .replace(/^Failed to execute [^:]*: /, "")
          .replace(/\.$/, "");
        broken(`the gzip archive is broken or cut off here (${reason})`);
        return;
      }
    }
  } finally {
    await parts.return(undefined);
  }
}

/** The platform's decompressor; it is always being read, as a stream that fails drops what it has not handed on. */
function inflate() {
  const { writable, readable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const given: Uint8Array[] = [];
  let failed: { readonly error: unknown } | null = null;
  const fail = (error: unknown) => {
    failed ??= { error };
  };
  // Told where it is written and read, below.
  writer.closed.catch(() => {});
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      given.push(value);
    }
  })().catch(fail);
  return {
    get failed() {
      return failed;
    },
    push: (bytes: Uint8Array<ArrayBuffer>) => writer.write(bytes).catch(fail),
    /** What came out since it was last asked. */
    take: () => given.splice(0),
    async end(last: boolean) {
      // An archive can be cut off in its last member: there, time is left for all that was written to come out first.
      if (last) await new Promise((resolve) => setTimeout(resolve, 2));
      await writer.close().catch(fail);
      await reading;
    },
    close() {
      writer.abort().catch(() => {});
      reader.cancel().catch(() => {});
    },
  };
}

/** Pieces of at most `step` bytes; null stands between two members. */
async function* members(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer> | null> {
  let held = new Uint8Array(0);
  let begins = true;
  for await (const bytes of source) {
    const all = new Uint8Array(held.length + bytes.length);
    all.set(held);
    all.set(bytes, held.length);
    let start = 0;
    // The last bytes wait for the next ones, as a header may begin in them.
    const end = Math.max(0, all.length - headerLength + 1);
    for (let at = all.indexOf(0x1f, begins ? 1 : 0); at >= 0 && at < end; at = all.indexOf(0x1f, at + 1)) {
      if (!isHeader(all, at)) continue;
      yield* steps(all.slice(start, at));
      yield null;
      start = at;
    }
    if (end > start) yield* steps(all.slice(start, end));
    if (end > 0) begins = false;
    held = all.slice(Math.max(start, end));
  }
  yield* steps(held);
}

function* steps(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < bytes.length; start += step) yield bytes.slice(start, start + step);
}

/**
 * Whether a member's header stands here (RFC 1952, 2.3): about one place in 10¹¹ of compressed bytes looks so by chance.
 */
function isHeader(bytes: Uint8Array, at: number): boolean {
  const flags = bytes[at + 3] ?? 0xff;
  const extra = bytes[at + 8] ?? 0xff;
  const system = bytes[at + 9] ?? 0;
  return (
    bytes[at] === 0x1f &&
    bytes[at + 1] === 0x8b &&
    bytes[at + 2] === 8 &&
    flags < 0x20 &&
    (extra === 0 || extra === 2 || extra === 4) &&
    (system <= 13 || system === 255)
  );
}
